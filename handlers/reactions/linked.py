"""Whose account is it that asks at a host, and may that user do it here too?

A role at the host is one half of the answer. Where the account is linked to a user, the user's own access is the other
(invariant 13); an account that is linked to nobody has only the first.
"""

from collections.abc import Sequence

from bot.messages import replies
from bot.needs import Needs
from bot.workspace import Workspace
from handlers.access import Asker
from handlers.reactions.answering import Asked
from handlers.services import Services


def user_refusal(services: Services, asked: Asked, workspace: Workspace, needs: Needs) -> str:
    """Why the user behind the account may not do that, as a finished answer; empty if they may, or if nobody is."""
    author = asked.comment.author
    user_id = services.host_accounts.user_of(asked.repository.connection_id, author.host_id)
    user = services.people.user(user_id) if user_id else None
    if user is None or Asker(user, services).may(needs, workspace):
        return ""
    return replies.user_not_allowed(asked.who, user.username, workspace.name, needs)


def split_by_user(
    services: Services, asked: Asked, workspaces: Sequence[Workspace], needs: Needs
) -> tuple[list[Workspace], list[str]]:
    """The workspaces in which the user behind the account may do that, and why not in the others."""
    reasons = {workspace.id: user_refusal(services, asked, workspace, needs) for workspace in workspaces}
    allowed = [workspace for workspace in workspaces if not reasons[workspace.id]]
    return allowed, [reason for reason in reasons.values() if reason]
