"""What may an organization be called? The same check for every door."""

import re

from bot.errors import Refused

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_USERNAME = re.compile(r"[A-Za-z0-9._+-]{1,60}")
# As ids here are. Whoever reads such a name, or looks for a user by name or id, would take one for the other.
_KINDS = "at|cv|nc|oc|org|ot|ou|prj|rt|run|sv|tag|team|tws|user|var|varset|ws"
_LIKE_AN_ID = re.compile(rf"({_KINDS})-[a-z0-9]{{16}}", re.IGNORECASE)
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")


def check_organization(name: object, email: object) -> tuple[str, str]:
    """The name and the e-mail address, as given. Raises Refused for what is neither."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refused("an organization's name has 1 to 40 letters, digits, - and _")
    if not isinstance(email, str) or not _EMAIL.fullmatch(email):
        raise Refused("an organization has an email address")
    return name, email


def check_email(email: str) -> str:
    """The address, as given. Raises Refused."""
    if not _EMAIL.fullmatch(email):
        raise Refused("a person is known by an email address")
    return email


def check_username(name: str) -> str:
    """The name, as given. Raises Refused. A space would make it look like a team's or an organization's."""
    if not _USERNAME.fullmatch(name):
        raise Refused("a username has 1 to 60 letters, digits and any of . _ + -")
    return check_no_id(name)


def check_no_id(name: str) -> str:
    """The name, as given. Raises Refused for one that could be somebody's id, or a run's, or a team's."""
    if _LIKE_AN_ID.fullmatch(name):
        raise Refused(f"{name} can't be a username: it looks like an id")
    return name
