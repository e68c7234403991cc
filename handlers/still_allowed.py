"""May whoever asked for something earlier do it now? Asked at the moment of doing, when nobody stands at the door."""

from bot.ids import UserId
from bot.needs import Needs
from bot.team import Team
from bot.workspace import Workspace
from handlers.access import Asker
from handlers.services import Services
from storage.people import User
from storage.tokens import TokenKind


def may_still(
    services: Services, holder_id: str, needs: Needs, workspace: Workspace, *, by_token: bool = False
) -> bool:
    """`holder_id`: the user's or the team's. `by_token`: they can have asked with an API token only.

    A team without a token can ask for nothing any more, and neither can such a user. Which of their tokens they had
    asked with isn't known: while they have another one, they may ask with that.
    """
    who = _holder(services, holder_id, by_token=by_token)
    return who is not None and Asker(who, services).may(needs, workspace)


def _holder(services: Services, holder_id: str, *, by_token: bool) -> User | Team | None:
    """Who that is, if they are still there. No organization's token makes runs or writes states."""
    if holder_id.startswith("team-"):
        return services.teams.find(holder_id) if services.tokens.has_valid(TokenKind.TEAM, holder_id) else None
    if by_token and not services.tokens.has_valid(TokenKind.USER, holder_id):
        return None
    return services.people.user(UserId(holder_id))
