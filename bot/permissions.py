"""What may somebody do: anywhere, in an organization, in a workspace, with a team? Decided here.

The doors find out the facts (who asks, their teams, what those were given) and ask. What a role at a host allows:
`host_roles.py`. Who holds a lock at this moment is no permission, but a fact of the queue: `handlers/state/holding.py`.

Source: https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/permissions
What a kind of token never does: https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never

from bot.ids import WorkspaceId
from bot.needs import ANYWHERE, IN_ORGANIZATION, IN_WORKSPACE, NOTHING, OF_SITE, OF_TEAM, Needs


class Kind(StrEnum):
    """Who can ask: what a token stands for."""

    USER = "user"
    TEAM = "team"
    ORGANIZATION = "organization"
    RUN = "run"


# An organization's token sets things up; it runs nothing, writes no state, and makes nobody an owner.
NEVER_BY_ORGANIZATION = frozenset(
    {Needs.USER, Needs.OWNER, Needs.MANAGE_POLICY_OVERRIDES}
    | {Needs.RUNS_PLAN, Needs.RUNS_APPLY, Needs.FORCE_CANCEL, Needs.STATE_WRITE}
)
# Invariant 12: a run's token reads states of its organization, and writes its own workspace's while it is applied.
_BY_RUN = frozenset({Needs.WORKSPACE_FIND, Needs.STATE_READ, Needs.OUTPUTS_READ})
_BY_RUN_IN_ITS_OWN = frozenset({Needs.STATE_WRITE, Needs.LOCK})


class Flag(StrEnum):
    """What a team may do in all of its organization (TFE's `organization-access`)."""

    MANAGE_WORKSPACES = "manage-workspaces"
    READ_WORKSPACES = "read-workspaces"
    MANAGE_PROJECTS = "manage-projects"
    READ_PROJECTS = "read-projects"  # every member sees the projects anyway
    MANAGE_POLICIES = "manage-policies"
    MANAGE_POLICY_OVERRIDES = "manage-policy-overrides"
    MANAGE_VCS_SETTINGS = "manage-vcs-settings"
    MANAGE_MEMBERSHIP = "manage-membership"
    MANAGE_TEAMS = "manage-teams"
    MANAGE_ORGANIZATION_ACCESS = "manage-organization-access"  # of other teams, up to one's own
    ACCESS_SECRET_TEAMS = "access-secret-teams"


_FLAG_GIVES = {
    Flag.MANAGE_WORKSPACES: Needs.MANAGE_WORKSPACES,
    Flag.MANAGE_PROJECTS: Needs.MANAGE_PROJECTS,
    Flag.MANAGE_POLICIES: Needs.MANAGE_POLICIES,
    Flag.MANAGE_POLICY_OVERRIDES: Needs.MANAGE_POLICY_OVERRIDES,
    Flag.MANAGE_VCS_SETTINGS: Needs.MANAGE_VCS,
    Flag.MANAGE_MEMBERSHIP: Needs.MANAGE_MEMBERSHIP,
    Flag.MANAGE_TEAMS: Needs.MANAGE_TEAMS,
}


class Level(StrEnum):
    """A team's access to a workspace: a named set, or each part chosen."""

    READ = "read"
    PLAN = "plan"
    WRITE = "write"
    ADMIN = "admin"
    CUSTOM = "custom"


class RunsAccess(StrEnum):
    NONE = "none"
    READ = "read"
    PLAN = "plan"
    APPLY = "apply"


class VariablesAccess(StrEnum):
    NONE = "none"
    READ = "read"
    WRITE = "write"


class StateAccess(StrEnum):
    NONE = "none"
    READ_OUTPUTS = "read-outputs"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True)
class WorkspaceAccess:
    """What a team may do in a workspace. But for `custom`, the parts follow from the level: see `access_of`."""

    level: Level
    runs: RunsAccess = RunsAccess.NONE
    variables: VariablesAccess = VariablesAccess.NONE
    state: StateAccess = StateAccess.NONE
    locking: bool = False
    sentinel_mocks: bool = False
    run_tasks: bool = False

    @property
    def gives(self) -> frozenset[Needs]:
        found = {Needs.WORKSPACE_FIND, Needs.WORKSPACE_READ}
        found |= _RUNS[self.runs] | _VARIABLES[self.variables] | _STATE[self.state]
        found |= {Needs.LOCK} if self.locking else NOTHING
        return frozenset(found | IN_WORKSPACE if self.level is Level.ADMIN else found)


Grants = Mapping[WorkspaceId, WorkspaceAccess]  # what a team was given, and where

_RUNS = {
    RunsAccess.NONE: NOTHING,
    RunsAccess.READ: frozenset({Needs.RUNS_READ}),
    RunsAccess.PLAN: frozenset({Needs.RUNS_READ, Needs.RUNS_PLAN}),
    RunsAccess.APPLY: frozenset({Needs.RUNS_READ, Needs.RUNS_PLAN, Needs.RUNS_APPLY}),
}
_VARIABLES = {
    VariablesAccess.NONE: NOTHING,
    VariablesAccess.READ: frozenset({Needs.VARIABLES_READ}),
    VariablesAccess.WRITE: frozenset({Needs.VARIABLES_READ, Needs.VARIABLES_WRITE}),
}
_STATE = {
    StateAccess.NONE: NOTHING,
    StateAccess.READ_OUTPUTS: frozenset({Needs.OUTPUTS_READ}),
    StateAccess.READ: frozenset({Needs.OUTPUTS_READ, Needs.STATE_READ}),
    StateAccess.WRITE: frozenset({Needs.OUTPUTS_READ, Needs.STATE_READ, Needs.STATE_WRITE}),
}


def access_of(level: Level) -> WorkspaceAccess:
    """The parts of a named set; of `custom`, the least that TFE starts with."""
    match level:
        case Level.READ:
            return WorkspaceAccess(level, RunsAccess.READ, VariablesAccess.READ, StateAccess.READ)
        case Level.PLAN:
            return WorkspaceAccess(level, RunsAccess.PLAN, VariablesAccess.READ, StateAccess.READ)
        case Level.WRITE | Level.ADMIN:
            parts = (RunsAccess.APPLY, VariablesAccess.WRITE, StateAccess.WRITE)
            is_admin = level is Level.ADMIN
            return WorkspaceAccess(level, *parts, locking=True, sentinel_mocks=True, run_tasks=is_admin)
        case Level.CUSTOM:
            return WorkspaceAccess(level, RunsAccess.READ)
        case _:
            assert_never(level)


@dataclass(frozen=True)
class Standing:
    """What somebody is in one organization; by default a stranger. A run belongs to its workspace's organization."""

    kind: Kind
    is_member: bool = False
    is_owner: bool = False
    flags: frozenset[Flag] = frozenset()
    is_applying: bool = False  # of a run

    def has_everywhere(self, needs: Needs) -> bool:
        """Whether it is allowed in every workspace of the organization, whatever its teams were given there."""
        return needs in in_workspace(self, ())

    @property
    def is_measured(self) -> bool:
        """Whether what it may do with a team depends on what that was given in workspaces: see `is_within`."""
        managing = {Flag.MANAGE_TEAMS, Flag.MANAGE_MEMBERSHIP}
        return not self.is_owner and bool(self.flags & managing) and Flag.MANAGE_WORKSPACES not in self.flags

    @property
    def sees_secret_teams(self) -> bool:
        seeing = {Flag.MANAGE_TEAMS, Flag.MANAGE_MEMBERSHIP, Flag.ACCESS_SECRET_TEAMS}
        sees = self.is_owner or self.kind is Kind.ORGANIZATION or bool(self.flags & seeing)
        return self.is_member and self.kind is not Kind.RUN and sees

    def may_give(self, flags: frozenset[Flag], before: frozenset[Flag] = frozenset()) -> bool:
        """Whether a team's flags may be changed to these: an owner's deed, or within what one has oneself."""
        if not self.is_member or self.kind is Kind.RUN:
            return False
        if self.is_owner or self.kind is Kind.ORGANIZATION or flags == before:
            return True
        return Flag.MANAGE_ORGANIZATION_ACCESS in self.flags and (flags ^ before) <= self.flags


def anywhere(kind: Kind, *, is_site_admin: bool = False) -> frozenset[Needs]:
    """What may be asked whatever organization it is in: by the kind of token, and by an administrator of the site."""
    match kind:
        case Kind.RUN:
            return NOTHING
        case Kind.TEAM | Kind.ORGANIZATION:
            return frozenset({Needs.TOKEN})
        case Kind.USER:
            return ANYWHERE | (OF_SITE if is_site_admin else NOTHING)
        case _:
            assert_never(kind)


def in_organization(standing: Standing) -> frozenset[Needs]:
    """What the standing allows in the organization itself."""
    if not standing.is_member:
        return NOTHING
    match standing.kind:
        case Kind.RUN:
            return frozenset({Needs.ENTITLEMENTS})
        case Kind.ORGANIZATION:
            return IN_ORGANIZATION - NEVER_BY_ORGANIZATION
        case Kind.USER | Kind.TEAM:
            if standing.is_owner:
                return IN_ORGANIZATION
            given = {_FLAG_GIVES[flag] for flag in standing.flags if flag in _FLAG_GIVES}
            return frozenset({Needs.ENTITLEMENTS, Needs.MEMBER} | given)
        case _:
            assert_never(standing.kind)


def in_workspace(
    standing: Standing, grants: Iterable[WorkspaceAccess], *, is_own: bool = False, is_shared: bool = True
) -> frozenset[Needs]:
    """What the standing allows in a workspace of the organization, with what its teams were given there.

    `is_own`: whether it is the workspace of the run that asks. `is_shared`: whether its state is shared with that one.
    """
    if not standing.is_member:
        return NOTHING
    match standing.kind:
        case Kind.RUN:
            reading = _BY_RUN if is_own or is_shared else NOTHING
            return reading | (_BY_RUN_IN_ITS_OWN if is_own and standing.is_applying else NOTHING)
        case Kind.ORGANIZATION:
            return IN_WORKSPACE - NEVER_BY_ORGANIZATION
        case Kind.USER | Kind.TEAM:
            if standing.is_owner or Flag.MANAGE_WORKSPACES in standing.flags:
                return IN_WORKSPACE
            return _from_flags(standing.flags).union(*(grant.gives for grant in grants))
        case _:
            assert_never(standing.kind)


def _from_flags(flags: frozenset[Flag]) -> frozenset[Needs]:
    if Flag.READ_WORKSPACES in flags:
        return access_of(Level.READ).gives
    if flags & {Flag.MANAGE_POLICIES, Flag.MANAGE_POLICY_OVERRIDES}:
        # TFE's: whoever decides on policies reads the runs that they are for.
        return frozenset({Needs.WORKSPACE_FIND, Needs.WORKSPACE_READ, Needs.RUNS_READ})
    return NOTHING


def is_within(
    standing: Standing, flags: frozenset[Flag], given: Grants = MappingProxyType({}), own: Sequence[Grants] = ()
) -> bool:
    """Whether a team with these flags, and what it was given, is no more than the standing with its `own` teams'."""
    if standing.is_owner or standing.kind is Kind.ORGANIZATION:
        return True
    return flags <= standing.flags and all(
        access.gives <= in_workspace(standing, [grants[ident] for grants in own if ident in grants])
        for ident, access in given.items()
    )


def of_team(
    standing: Standing, *, is_within: bool, is_owners: bool, is_secret: bool, is_in_it: bool, members_may: bool
) -> frozenset[Needs]:
    """What the standing allows with a team. Whoever is in it, or has a token of it, can do all that the team can.

    So nobody puts people into a team, or makes its tokens, that is more than they are themselves, by its flags or by
    what it was given in a workspace. Who manages teams may still rename or remove it. An organization's token makes no
    team's tokens at all: those could start runs, which it never does.
    `members_may`: whether the team lets its members make its tokens.
    """
    if is_secret and not is_in_it and not standing.sees_secret_teams:
        return NOTHING
    found = in_organization(standing)
    if is_owners:
        managing = {Needs.MANAGE_TEAMS, Needs.MANAGE_MEMBERSHIP, Needs.MANAGE_TEAM_TOKENS}
        return found | OF_TEAM if standing.is_owner else found - managing
    if not is_within:
        found -= {Needs.MANAGE_MEMBERSHIP}
    manages = Needs.MANAGE_TEAMS in found and is_within and standing.kind is not Kind.ORGANIZATION
    return found | OF_TEAM if manages or (is_in_it and members_may and standing.kind is Kind.USER) else found


def of_member(standing: Standing, *, is_owner: bool) -> frozenset[Needs]:
    """What the standing allows with somebody's membership: only an owner removes an owner."""
    found = in_organization(standing)
    return found - {Needs.MANAGE_MEMBERSHIP} if is_owner and not standing.is_owner else found


def of_variable_set(standing: Standing, *, is_reached: bool) -> frozenset[Needs]:
    """What the standing allows with a variable set, whose values are for who manages it or reads them where they reach.

    `is_reached`: whether its teams were given to read the variables of a workspace that the set reaches.
    """
    found = in_organization(standing)
    reads = is_reached or Needs.MANAGE_WORKSPACES in found or standing.has_everywhere(Needs.VARIABLES_READ)
    return found | {Needs.VARIABLES_READ} if reads else found
