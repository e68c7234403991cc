"""How is the web process put together? Doors on one Flask app, each given the services and a way to enqueue."""

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from handlers import api, cli_login, discovery, metrics, pages, runner_api, webhooks
from handlers.enqueue import Enqueue
from handlers.services import Services
from handlers.sessions import configure_sessions, without_sessions
from handlers.state import atlas, http_backend

# The largest body of any door: a state or a work folder. The webhook door has its own, smaller limit.
LARGEST_BODY = 1_000_000_000
WEBHOOKS = "/webhooks"
FOR_MACHINES = (WEBHOOKS, "/runner/")  # doors that answer in JSON, also where there is no such door


def create_app(services: Services, enqueue: Enqueue) -> Flask:
    app = Flask("runlock", static_folder=None, template_folder=None)
    configure_sessions(app, services)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.url_map.strict_slashes = False
    app.register_blueprint(runner_api.blueprint(services, enqueue), url_prefix="/runner/v1")
    app.register_blueprint(http_backend.blueprint(services, enqueue), url_prefix="/api/http-state")
    app.register_blueprint(atlas.blueprint(services, enqueue), url_prefix="/api/v1/terraform/state")
    app.register_blueprint(discovery.blueprint())
    app.register_blueprint(cli_login.blueprint(services))
    app.register_blueprint(api.blueprint(services, enqueue))
    app.register_blueprint(pages.blueprint(services, enqueue))
    app.register_blueprint(metrics.blueprint(services))
    app.register_error_handler(HTTPException, _http_error)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {WEBHOOKS: _hosts_door(services, enqueue)})  # type: ignore[method-assign]
    app.add_url_rule("/healthz", "healthz", lambda: jsonify(status="alive"))
    app.add_url_rule("/readyz", "readyz", lambda: _ready(services))
    return app


def _hosts_door(services: Services, enqueue: Enqueue) -> Flask:
    """An app of its own, with few routes and no sessions: webhooks come in crowds, and this takes less for each."""
    app = Flask("runlock-webhooks", static_folder=None, template_folder=None)
    app.url_map.strict_slashes = False
    without_sessions(app)
    app.register_blueprint(webhooks.blueprint(services, enqueue), url_prefix="/")
    app.register_error_handler(HTTPException, _http_error)
    return app


def _http_error(error: HTTPException) -> Response | HTTPException:
    """What no door caught: a wrong path or method, a body that broke off, a fault of ours."""
    if not (request.root_path + request.path).startswith(FOR_MACHINES):
        return error
    answer = jsonify(error=(error.name + ": " + (error.description or "")).strip(": "))
    answer.status_code = error.code or 500
    return answer


def _ready(services: Services) -> Response:
    """Ready when both databases answer."""
    services.records.value("SELECT 1")
    services.inbox.recent(limit=1)
    return jsonify(status="ready")
