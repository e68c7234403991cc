"""Which pages are there, and what holds for all of them? Who looks, safe headers, and what is said when one is missing.

No page runs a script or a style that isn't in a file of ours, so that text from a plan can't become one.
"""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request, session, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from bot.errors import NotAllowed, NotFound, Refused
from bot.needs import Needs
from handlers.access import Asker
from handlers.bearers import bearer_asker
from handlers.cli_login import AUTHORIZE_PATH, address_with_code, read_wish
from handlers.jobs import Job
from handlers.pages import links, words
from handlers.pages.commit_view import commit_view
from handlers.pages.home_view import home_view
from handlers.pages.run_view import run_view
from handlers.pages.workspace_view import workspace_view
from handlers.services import Services
from handlers.sessions import open_session, session_asker
from storage.people import User

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

View = Callable[..., AnyResponse | str]


def blueprint(services: Services, enqueue: Callable[[list[Job]], None]) -> Blueprint:  # noqa: ARG001 - as every door; pages only show
    """The pages, to be registered without a prefix. No organization can be named `.assets`."""
    door = Blueprint(
        "pages", __name__, template_folder="templates", static_folder="static", static_url_path="/app/.assets"
    )
    rules: list[tuple[str, str, View]] = [
        ("home", "/app", _home),
        ("workspace", "/app/<organization>/<name>", _workspace),
        ("commit", "/app/commits/<repository_id>/<commit_sha>", _commit),
        ("run", "/app/<organization>/<name>/runs/<run_id>", _run),
        ("nowhere", "/app/<path:rest>", _nowhere),
    ]
    for name, path, view in rules:
        door.add_url_rule(path, name, partial(_known_only, services, view), strict_slashes=False)
    door.add_url_rule("/", "front", lambda: redirect(url_for("pages.home")))
    door.add_url_rule("/login/<token>", "login", partial(_login, services), methods=["GET", "POST"])
    door.add_url_rule(AUTHORIZE_PATH, "authorize", partial(_known_only, services, _authorize), methods=["GET", "POST"])
    door.add_url_rule("/app/.log-out", "logout", _log_out, methods=["POST"])
    door.after_request(_with_headers)
    door.register_error_handler(NotFound, lambda error: _message(404, "Not found", error.reason))
    door.register_error_handler(NotAllowed, lambda error: _message(403, "Not allowed", f"{error.reason}."))
    door.register_error_handler(HTTPException, _http_error)
    links.add_filters(door)
    words.add_filters(door, services.now)
    return door


def _known_only(services: Services, view: View, **arguments: str) -> AnyResponse | str:
    """A page for somebody known, by session or bearer token; others are told how to get in."""
    asker = session_asker(services, session) or bearer_asker(services, request.headers.get("Authorization", ""))
    if asker is None or not isinstance(asker.who, User):
        answer = make_response(render_template("welcome.html"), 401)
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    return view(services, asker, **arguments)


def _home(services: Services, asker: Asker) -> str:
    return render_template("home.html", asker=asker, view=home_view(services, asker, _page_number()))


def _workspace(services: Services, asker: Asker, organization: str, name: str) -> str:
    workspace = asker.workspace_named(organization, name)
    return render_template("workspace.html", asker=asker, view=workspace_view(services, workspace, _page_number()))


def _page_number() -> int:
    """Which page of a list the address names; what makes no sense counts as the first."""
    page = request.args.get("page", "")
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 1
    return max(number, 1)


def _run(services: Services, asker: Asker, organization: str, name: str, run_id: str) -> str:
    run, workspace = asker.run(run_id)
    if workspace.id != asker.workspace_named(organization, name).id:
        raise NotFound(f"there is no run {run_id} in {name}")
    view = run_view(services, run, workspace, shows_variables=asker.may(Needs.VARIABLES_READ, workspace))
    return render_template("run.html", asker=asker, view=view)


def _commit(services: Services, asker: Asker, repository_id: str, commit_sha: str) -> str:
    return render_template("commit.html", asker=asker, view=commit_view(services, asker, repository_id, commit_sha))


def _authorize(services: Services, asker: Asker) -> AnyResponse | str:
    """`terraform login` wants a token: the person who is logged in here says yes, or leaves the page."""
    try:
        wish = read_wish(request.args)
    except Refused as refused:
        return _message(422, "Not like this", f"{refused.reason}.")
    if request.method != "POST":
        page = make_response(render_template("authorize.html", asker=asker, port=wish.port, action=request.full_path))
        # Chromium asks the form's policy for where an answer leads, too.
        policy = HEADERS["Content-Security-Policy"]
        page.headers["Content-Security-Policy"] = policy.replace(
            "form-action 'self'", f"form-action {wish.form_targets}"
        )
        return page
    if _is_from_elsewhere(services):
        return _message(403, "Not from here", "This was asked for by another site. Start terraform login yourself.")
    return redirect(address_with_code(services, asker.user.id, wish), 303)


def _nowhere(_: Services, __: Asker, rest: str) -> str:
    raise NotFound(f"there is no page {rest}, or none for you")


def _login(services: Services, token: str) -> AnyResponse:
    """A page with one button, so that a chat's link preview doesn't spend the link; the button does."""
    if request.method != "POST":
        return make_response(render_template("login.html"))
    if _is_from_elsewhere(services):
        return _message(403, "Not from here", "This login was asked for by another site. Open the link yourself.")
    asker = open_session(services, session, token)
    if asker is None:
        return _message(
            403,
            "This link is spent",
            "A login link works once, and for ten minutes. Make a new one: runlock login-link",
        )
    session.permanent = True
    return redirect(url_for("pages.home"), 303)


def _log_out() -> AnyResponse:
    session.clear()
    return redirect(url_for("pages.home"), 303)


def _is_from_elsewhere(services: Services) -> bool:
    """Whether another site's page sent this form: nobody is to be logged in as somebody else without noticing."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc not in (
        request.host,
        urlsplit(services.settings.address).netloc,
    )


def _message(status: int, title: str, text: str) -> Response:
    return make_response(render_template("message.html", title=title, text=text), status)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    text = "This is Runlock's fault; its log says more." if status == 500 else error.description or ""
    return _message(status, error.name, text)


def _with_headers(answer: Any) -> Any:
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    if request.endpoint != "pages.static":
        answer.headers["Cache-Control"] = "no-store"
    return answer
