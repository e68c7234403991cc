"""Which rules does the v2 API have? One table: method, path, view, and what the caller needs.

The doors, the permission matrix of the tests and the OpenAPI description are all made from it.
"""

from handlers.api import (
    auth_tokens,
    configuration_versions,
    connections,
    engine_versions,
    memberships,
    notifications,
    organizations,
    projects,
    remote_state,
    run_actions,
    run_comments,
    run_events,
    run_lists,
    run_triggers,
    runs,
    stages,
    state_outputs,
    state_versions,
    state_writes,
    tags,
    team_access,
    team_members,
    teams,
    users,
    variables,
    varsets,
    workspace_actions,
    workspaces,
)
from handlers.api.ask import Rule

ROOMS = (
    *(users, memberships, teams, team_members, team_access, auth_tokens),
    *(projects, tags, varsets, run_triggers, remote_state, notifications),
    *(organizations, workspaces, workspace_actions, variables, connections),
    *(configuration_versions, runs, run_lists, run_actions, run_comments, run_events, stages),
    *(state_versions, state_outputs, state_writes),
    engine_versions,
)
RULES: tuple[Rule, ...] = tuple(rule for room in ROOMS for rule in room.RULES)
