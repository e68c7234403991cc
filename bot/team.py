"""What is a team, and what may one be called? The same check for every door."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.errors import Refused
from bot.ids import OrganizationId, TeamId
from bot.permissions import Flag

OWNERS = "owners"  # every organization has this team; its members own the organization
_NAME = re.compile(r"[A-Za-z0-9_-]{1,90}")


class Visibility(StrEnum):
    SECRET = "secret"  # only for its members, and for those who manage teams
    ORGANIZATION = "organization"


@dataclass(frozen=True)
class Team:
    id: TeamId
    organization_id: OrganizationId
    name: str
    visibility: Visibility
    flags: frozenset[Flag]
    members_make_tokens: bool
    created_at: datetime

    @property
    def is_owners(self) -> bool:
        return self.name == OWNERS

    @property
    def is_secret(self) -> bool:
        return self.visibility is Visibility.SECRET


def check_team_name(name: str) -> str:
    """The name, as given. Raises Refused."""
    if not _NAME.fullmatch(name):
        raise Refused("a team's name has 1 to 90 letters, digits, - and _")
    if name.lower() == OWNERS:
        raise Refused("the team of owners is there already, and no other can be called so")
    return name
