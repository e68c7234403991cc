"""Who am I?"""

from flask import Response

from bot.access import Needs
from handlers.api.ask import Ask, Rule
from handlers.api.documents import one, resource


def details(ask: Ask) -> Response:
    user = ask.asker.user
    attributes = {
        "username": user.username,
        "email": user.email,
        "is-service-account": False,
        "two-factor": {"enabled": False, "verified": False},
        "permissions": {"can-create-organizations": True, "can-change-email": False, "can-change-username": False},
    }
    return one(resource("users", user.id, attributes, link=f"users/{user.id}"))


RULES: tuple[Rule, ...] = (("GET", "/account/details", details, Needs.TOKEN),)
