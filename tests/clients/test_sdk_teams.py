"""Somebody keeps teams, members, access and tokens with HashiCorp's Python SDK."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pytfe import TFEClient
from pytfe.errors import TFEError
from pytfe.models import WorkspaceCreateOptions
from pytfe.models.organization_membership import (
    OrganizationMembershipCreateOptions,
    OrganizationMembershipReadOptions,
    OrgMembershipIncludeOpt,
)
from pytfe.models.team import OrganizationAccessOptions, Team, TeamCreateOptions, TeamUpdateOptions
from pytfe.models.team_token import TeamTokenCreateOptions
from pytfe.models.team_workspace_access import (
    TeamWorkspaceAccessAddOptions,
    TeamWorkspaceAccessType,
    TeamWorkspaceAccessUpdateOptions,
    TeamWorkspaceRunsPermission,
)
from pytfe.models.user import UserUpdateCurrentOptions

from tests.clients.conftest import Desk, opened


@pytest.fixture
def client(desk: Desk) -> Iterator[TFEClient]:
    with opened(desk, desk.token) as client:
        yield client


def test_a_team_from_its_making_to_its_end(desk: Desk, client: TFEClient) -> None:
    name = desk.organization.name
    access = OrganizationAccessOptions(manage_vcs_settings=True)
    team = client.teams.create(name, TeamCreateOptions(name="ops", organization_access=access, visibility="secret"))
    assert team.organization_access is not None
    assert (team.organization_access.manage_vcs_settings, team.organization_access.manage_teams) == (True, False)
    changed = client.teams.update(team.id, TeamUpdateOptions(name="platform", visibility="organization"))
    assert (changed.name, changed.visibility) == ("platform", "organization")
    assert {each.name for each in client.teams.list(name)} == {"owners", "platform"}
    client.teams.delete(team.id)
    assert {each.name for each in client.teams.list(name)} == {"owners"}


def test_members_come_and_go(desk: Desk, client: TFEClient) -> None:
    name = desk.organization.name
    team = client.teams.create(name, TeamCreateOptions(name="ops"))
    email = f"mia@{name}.test"
    invited = client.organization_memberships.create(
        name, OrganizationMembershipCreateOptions(email=email, teams=[Team(id=team.id)])
    )
    assert invited.status is not None
    assert (invited.status.value, invited.email) == ("active", email)
    options = OrganizationMembershipReadOptions(include=[OrgMembershipIncludeOpt.USER])
    user = client.organization_memberships.read_with_options(invited.id, options).user
    assert user is not None
    username = client.users.read(user.id).username
    assert [each.id for each in client.teams.list_users(team.id)] == [user.id]
    assert [each.id for each in client.teams.list_organization_memberships(team.id)] == [invited.id]
    client.teams.remove_users(team.id, [username])
    assert list(client.teams.list_users(team.id)) == []
    client.teams.add_organization_memberships(team.id, [invited.id])
    assert [each.id for each in client.teams.list_users(team.id)] == [user.id]
    client.organization_memberships.delete(invited.id)
    assert [each.email for each in client.organization_memberships.list(name)] != []
    assert list(client.teams.list_users(team.id)) == []


def test_a_teams_access_and_its_tokens(desk: Desk, client: TFEClient) -> None:
    team = client.teams.create(desk.organization.name, TeamCreateOptions(name="ops"))
    workspace = client.workspaces.create(desk.organization.name, WorkspaceCreateOptions(name="by-team"))
    end = datetime.now(UTC) + timedelta(hours=1)
    made = client.team_tokens.create_with_options(team.id, TeamTokenCreateOptions(description="ci", expired_at=end))
    assert made.token
    assert made.expired_at is not None
    with opened(desk, made.token) as theirs:
        with pytest.raises(TFEError):
            theirs.workspaces.read_by_id(workspace.id)
        given = client.team_workspace_accesses.add(
            TeamWorkspaceAccessAddOptions(
                team_id=team.id,
                workspace_id=workspace.id,
                access=TeamWorkspaceAccessType.CUSTOM,
                runs=TeamWorkspaceRunsPermission.PLAN,
            )
        )
        assert (given.runs, given.team_id) == (TeamWorkspaceRunsPermission.PLAN, team.id)
        assert theirs.workspaces.read_by_id(workspace.id).id == workspace.id
        with pytest.raises(TFEError, match="administering the workspace in by-team"):
            theirs.workspaces.delete_by_id(workspace.id)
        more = client.team_workspace_accesses.update(
            given.id, TeamWorkspaceAccessUpdateOptions(access=TeamWorkspaceAccessType.WRITE)
        )
        assert more.workspace_locking is True
        assert [each.id for each in client.team_workspace_accesses.list(workspace.id)] == [given.id]
        assert [token.id for token in client.team_tokens.list(desk.organization.name)] == [made.id]
        client.team_tokens.delete_by_id(made.id)
        with pytest.raises(TFEError):
            theirs.workspaces.read_by_id(workspace.id)


def test_an_organizations_token(desk: Desk, client: TFEClient) -> None:
    name = desk.organization.name
    made = client.organization_tokens.create(name)
    assert made.token
    assert client.organization_tokens.read(name).id == made.id
    with opened(desk, made.token) as theirs:
        assert theirs.users.read_current().is_service_account
        assert theirs.workspaces.create(name, WorkspaceCreateOptions(name="by-token")).name == "by-token"
    client.organization_tokens.delete(name)


def test_ones_own_account(client: TFEClient) -> None:
    user = client.users.read_current()
    assert client.users.read(user.id).username == user.username
    assert client.users.update_current(UserUpdateCurrentOptions(username=user.username)).id == user.id
    with pytest.raises(TFEError, match="can't be changed by its user"):
        client.users.update_current(UserUpdateCurrentOptions(email="other@acme.test"))
