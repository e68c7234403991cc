"""What may somebody do in an organization, and in a workspace of it? One decision for every door.

Source: https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/permissions
"""

from enum import StrEnum


class Needs(StrEnum):
    """What a rule of the API asks of whoever calls it."""

    TOKEN = "a token"  # of any kind
    USER = "a user's token"
    MEMBER = "membership of the organization"
    OWNER = "ownership of the organization"
    MANAGE_WORKSPACES = "managing workspaces"
    MANAGE_MEMBERSHIP = "managing membership"
    MANAGE_VCS = "managing VCS settings"
    MANAGE_POLICIES = "managing policies"
    MANAGE_PROJECTS = "managing projects"
    WORKSPACE_READ = "reading the workspace"
    RUNS_READ = "reading runs"
    RUNS_PLAN = "planning runs"
    RUNS_APPLY = "applying runs"
    VARIABLES_READ = "reading variables"
    VARIABLES_WRITE = "writing variables"
    OUTPUTS_READ = "reading outputs"
    STATE_READ = "reading states"
    STATE_WRITE = "writing states"
    LOCK = "locking the workspace"
    WORKSPACE_ADMIN = "administering the workspace"
