"""How does `terraform login` get a token? OAuth's authorization code with PKCE, as the CLI speaks it.

A person says yes on a page of ours; the browser takes a code to the CLI, which listens on their machine; the CLI
changes it into a user token. Source: https://developer.hashicorp.com/terraform/internals/login-protocol and RFC 7636.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request

from bot.errors import Refused
from bot.ids import UserId
from handlers.services import Services
from storage.tokens import TokenKind

CLIENT = "terraform-cli"
AUTHORIZE_PATH = "/app/.authorize"
TOKEN_PATH = "/oauth/token"
PORTS = range(10000, 10011)  # where the CLI may listen
CODE_LIVES = timedelta(minutes=2)
TOKEN_SAYS = "terraform login"
LARGEST_FORM_BYTES = 10_000
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # base64url of SHA-256, without padding


@dataclass(frozen=True)
class Wish:
    """What the CLI asks for, checked."""

    challenge: str
    redirect_uri: str
    state: str

    @property
    def form_targets(self) -> str:
        """For a page's security policy: this server, and the CLI that the answer leads to."""
        return f"'self' http://localhost:{self.port}"

    @property
    def port(self) -> int:
        return int(self.redirect_uri.split(":")[2].partition("/")[0])


def read_wish(given: Mapping[str, str]) -> Wish:
    """Raises Refused for what is not the CLI's request: a code must not go anywhere else."""
    redirect_uri = given.get("redirect_uri", "")
    if given.get("client_id") != CLIENT or given.get("response_type") != "code":
        raise Refused("this page is for `terraform login`, which asks for a code as terraform-cli")
    if redirect_uri not in {f"http://localhost:{port}/login" for port in PORTS}:
        raise Refused("the code may only go to a CLI that listens on this very machine")
    challenge = given.get("code_challenge", "")
    if given.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise Refused("a code is only given with a code challenge of the method S256")
    return Wish(challenge, redirect_uri, given.get("state", "")[:1000])


def address_with_code(services: Services, user_id: UserId, wish: Wish) -> str:
    """Where the browser goes with the code, once the person has said yes."""
    bound = json.dumps([wish.challenge, wish.redirect_uri])
    code = services.tokens.give(TokenKind.AUTHORIZATION_CODE, user_id, bound, CODE_LIVES)
    return f"{wish.redirect_uri}?{urlencode({'code': code, 'state': wish.state})}"


def blueprint(services: Services) -> Blueprint:
    door = Blueprint("cli_login", __name__)
    door.add_url_rule(TOKEN_PATH, "token", lambda: _exchange(services), methods=["POST"])
    return door


def _exchange(services: Services) -> Response:
    """A code and its verifier become a user token; a code that was tried is spent, whatever came of it."""
    request.max_content_length = LARGEST_FORM_BYTES
    given = request.form
    if given.get("grant_type") != "authorization_code" or given.get("client_id") != CLIENT:
        return _refused("unsupported_grant_type")
    spent = services.tokens.spend(given.get("code", ""), TokenKind.AUTHORIZATION_CODE)
    if spent is None or spent.user_id is None:
        return _refused("invalid_grant")
    challenge, redirect_uri = json.loads(spent.description)
    digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
    verified = base64.urlsafe_b64encode(digest).rstrip(b"=")
    if not hmac.compare_digest(verified, challenge.encode()) or given.get("redirect_uri") != redirect_uri:
        return _refused("invalid_grant")
    token = services.tokens.give(TokenKind.USER, spent.user_id, TOKEN_SAYS)
    answer = jsonify(access_token=token, token_type="bearer")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _refused(error: str) -> Response:
    answer = jsonify(error=error)
    answer.status_code = 400
    return answer
