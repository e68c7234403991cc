"""How do the doors for engines say no? One sentence, as plain text, which the engine shows."""

from flask import Blueprint, Response

from bot.errors import NotAllowed, NotFound, Refused
from bot.state import StateConflict, StateTooLarge
from handlers.state.holding import Held


class NoToken(Exception):
    """No token, or none that is good for anything now."""


STATUSES: tuple[tuple[type[Refused], int], ...] = (
    (NotFound, 404),
    (NotAllowed, 403),
    (StateConflict, 409),
    (StateTooLarge, 413),
    (Held, 423),
    (Refused, 400),
)


def answer_refusals(door: Blueprint) -> None:
    """Every refusal of a view is answered with its status and its reason."""

    def no_token(_: NoToken) -> Response:
        answer = plain(401, "the token is missing, wrong, or not for what its run is doing now")
        answer.headers["WWW-Authenticate"] = 'Basic realm="Runlock state"'
        return answer

    def refused(error: Refused) -> Response:
        return plain(next(status for kind, status in STATUSES if isinstance(error, kind)), error.reason)

    door.register_error_handler(NoToken, no_token)
    door.register_error_handler(Refused, refused)


def plain(status: int, sentence: str) -> Response:
    return Response(sentence + "\n", status=status, mimetype="text/plain")
