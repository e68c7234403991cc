"""What can a rule ask of whoever calls it? The words in which `bot/permissions.py` decides."""

from enum import StrEnum


class Needs(StrEnum):
    """What a rule of the API asks of whoever calls it."""

    TOKEN = "a user's, a team's or an organization's token"
    USER = "a user's token"
    ENTITLEMENTS = "seeing what the organization offers"
    MEMBER = "membership of the organization"
    OWNER = "ownership of the organization"
    MANAGE_WORKSPACES = "managing workspaces"
    MANAGE_MEMBERSHIP = "managing membership"
    MANAGE_TEAMS = "managing teams"
    MANAGE_TEAM_TOKENS = "managing the team's tokens"
    MANAGE_VCS = "managing VCS settings"
    MANAGE_POLICIES = "managing policies"
    MANAGE_POLICY_OVERRIDES = "overriding policies"
    MANAGE_PROJECTS = "managing projects"
    WORKSPACE_FIND = "finding the workspace"  # the document alone: what the CLI reads before its state
    WORKSPACE_READ = "reading the workspace"
    RUNS_READ = "reading runs"
    RUNS_PLAN = "planning runs"
    RUNS_APPLY = "applying runs"
    FORCE_CANCEL = "cancelling runs by force"
    VARIABLES_READ = "reading variables"
    VARIABLES_WRITE = "writing variables"
    OUTPUTS_READ = "reading outputs"
    STATE_READ = "reading states"
    STATE_WRITE = "writing states"
    LOCK = "locking the workspace"
    WORKSPACE_ADMIN = "administering the workspace"
    SITE_ADMIN = "administering the site"


ANYWHERE = frozenset({Needs.TOKEN, Needs.USER})
OF_SITE = frozenset({Needs.SITE_ADMIN})  # no standing in an organization gives it, and it gives none
OF_TEAM = frozenset({Needs.MANAGE_TEAM_TOKENS})
IN_ORGANIZATION = frozenset(
    {Needs.ENTITLEMENTS, Needs.MEMBER, Needs.OWNER, Needs.MANAGE_WORKSPACES, Needs.MANAGE_MEMBERSHIP}
    | {Needs.MANAGE_TEAMS, Needs.MANAGE_VCS, Needs.MANAGE_POLICIES, Needs.MANAGE_POLICY_OVERRIDES}
    | {Needs.MANAGE_PROJECTS}
)
IN_WORKSPACE = frozenset(Needs) - ANYWHERE - OF_SITE - OF_TEAM - IN_ORGANIZATION
NOTHING: frozenset[Needs] = frozenset()
