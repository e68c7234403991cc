"""Who does a token stand for? A user, a team, an organization, or a run that is at work."""

from typing import assert_never

from bot.ids import OrganizationId
from bot.needs import Needs
from handlers.access import Asker
from handlers.services import Services
from handlers.state.run_tokens import run_at_work
from handlers.token_holders import TokenHolder
from storage.tokens import API_KINDS, TokenKind


def bearer_asker(services: Services, authorization: str, needs: Needs = Needs.RUNS_READ) -> Asker | None:
    """Who the token in the header `Authorization` stands for: of a user, a team, an organization or a run."""
    kind, _, plain = authorization.partition(" ")
    if kind.lower() != "bearer" or not plain.strip():
        return None
    who = _holder(services, plain.strip())
    return Asker(who, services, needs) if who else None


def _holder(services: Services, plain: str) -> TokenHolder | None:
    token = services.tokens.find(plain, *API_KINDS)
    if token is None:
        return run_at_work(services, plain)
    match token.kind:
        case TokenKind.USER | TokenKind.LOGIN_LINK | TokenKind.AUTHORIZATION_CODE:
            return services.people.user(token.user_id)
        case TokenKind.TEAM:
            return services.teams.find(token.holder_id)
        case TokenKind.ORGANIZATION:
            return services.people.organization_by_id(OrganizationId(token.holder_id))
        case _:
            assert_never(token.kind)
