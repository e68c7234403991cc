"""What can a token stand for, and how is that called? A user, a team, an organization, or a run."""

from typing import assert_never

from bot.permissions import Kind
from bot.run import Run
from bot.team import Team
from storage.people import Organization, User

TokenHolder = User | Team | Organization | Run


def kind_of(holder: TokenHolder) -> Kind:
    match holder:
        case User():
            return Kind.USER
        case Team():
            return Kind.TEAM
        case Organization():
            return Kind.ORGANIZATION
        case Run():
            return Kind.RUN
        case _:
            assert_never(holder)


def name_of(holder: TokenHolder) -> str:
    """How it is written down: no username has a space in it."""
    match holder:
        case User():
            return holder.username
        case Team():
            return f"team {holder.name}"
        case Organization():
            return f"organization {holder.name}"
        case Run():
            return holder.id
        case _:
            assert_never(holder)


def access_of(holder: TokenHolder) -> str:
    """What of it doesn't reach far enough, in a sentence."""
    match holder:
        case User():
            return "your access"
        case Team():
            return f"the access of the team {holder.name}"
        case Organization():
            return "an organization's token"
        case Run():
            return "a run's token"
        case _:
            assert_never(holder)
