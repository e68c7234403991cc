"""Where does a client find what? Terraform's service discovery (tfe-contract 2.1).

Paths only, each ending in `/`: one client puts them behind the address it was given. No `versions.v1`, which would have
clients look for a version constraint.
Source: https://developer.hashicorp.com/terraform/internals/remote-service-discovery
"""

from typing import Any

from flask import Blueprint, Response, jsonify

from handlers.cli_login import AUTHORIZE_PATH, CLIENT, PORTS, TOKEN_PATH

SERVICES: dict[str, Any] = {
    "tfe.v2": "/api/v2/",
    "tfe.v2.1": "/api/v2/",
    "tfe.v2.2": "/api/v2/",
    "state.v2": "/api/v2/",
    "modules.v1": "/api/registry/v1/modules/",
    "motd.v1": "/api/terraform/motd/",
    "login.v1": {
        "client": CLIENT,
        "grant_types": ["authz_code"],
        "authz": AUTHORIZE_PATH,
        "token": TOKEN_PATH,
        "ports": [PORTS.start, PORTS.stop - 1],
    },
}


def blueprint() -> Blueprint:
    door = Blueprint("discovery", __name__)
    door.add_url_rule("/.well-known/terraform.json", "services", _services)
    door.add_url_rule("/api/terraform/motd/", "motd", lambda: jsonify(msg=""), strict_slashes=False)
    return door


def _services() -> Response:
    return jsonify(SERVICES)
