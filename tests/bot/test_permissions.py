"""What each level, flag and kind of token allows, and what it never does."""

from __future__ import annotations

import pytest

from bot.ids import WorkspaceId
from bot.needs import ANYWHERE, IN_ORGANIZATION, IN_WORKSPACE, OF_SITE, OF_TEAM, Needs
from bot.permissions import (
    Flag,
    Kind,
    Level,
    RunsAccess,
    Standing,
    StateAccess,
    VariablesAccess,
    WorkspaceAccess,
    access_of,
    anywhere,
    in_organization,
    in_workspace,
    is_within,
    of_member,
    of_team,
    of_variable_set,
)

FIND = {Needs.WORKSPACE_FIND, Needs.WORKSPACE_READ}
READ = FIND | {Needs.RUNS_READ, Needs.VARIABLES_READ, Needs.OUTPUTS_READ, Needs.STATE_READ}
PLAN = READ | {Needs.RUNS_PLAN}
WRITE = PLAN | {Needs.RUNS_APPLY, Needs.VARIABLES_WRITE, Needs.STATE_WRITE, Needs.LOCK}
ADMIN = WRITE | {Needs.WORKSPACE_ADMIN, Needs.FORCE_CANCEL}
MEMBER = {Needs.ENTITLEMENTS, Needs.MEMBER}

OWNER = Standing(Kind.USER, is_member=True, is_owner=True)
SOMEBODY = Standing(Kind.USER, is_member=True)
ORGANIZATION = Standing(Kind.ORGANIZATION, is_member=True)


def with_flags(*flags: Flag) -> Standing:
    return Standing(Kind.USER, is_member=True, flags=frozenset(flags))


def test_each_need_is_asked_in_one_place() -> None:
    assert IN_WORKSPACE == ADMIN
    places = (ANYWHERE, OF_SITE, OF_TEAM, IN_ORGANIZATION, IN_WORKSPACE)
    assert sum(len(place) for place in places) == len(Needs)
    assert frozenset().union(*places) == set(Needs)


@pytest.mark.parametrize(
    ("level", "gives"),
    [(Level.READ, READ), (Level.PLAN, PLAN), (Level.WRITE, WRITE), (Level.ADMIN, ADMIN)],
)
def test_what_a_named_set_gives(level: Level, gives: set[Needs]) -> None:
    assert access_of(level).gives == gives


@pytest.mark.parametrize(
    ("access", "gives"),
    [
        (WorkspaceAccess(Level.CUSTOM), FIND),
        (access_of(Level.CUSTOM), FIND | {Needs.RUNS_READ}),
        (WorkspaceAccess(Level.CUSTOM, RunsAccess.PLAN), FIND | {Needs.RUNS_READ, Needs.RUNS_PLAN}),
        (
            WorkspaceAccess(Level.CUSTOM, RunsAccess.APPLY),
            FIND | {Needs.RUNS_READ, Needs.RUNS_PLAN, Needs.RUNS_APPLY},
        ),
        (WorkspaceAccess(Level.CUSTOM, variables=VariablesAccess.READ), FIND | {Needs.VARIABLES_READ}),
        (
            WorkspaceAccess(Level.CUSTOM, variables=VariablesAccess.WRITE),
            FIND | {Needs.VARIABLES_READ, Needs.VARIABLES_WRITE},
        ),
        (WorkspaceAccess(Level.CUSTOM, state=StateAccess.READ_OUTPUTS), FIND | {Needs.OUTPUTS_READ}),
        (WorkspaceAccess(Level.CUSTOM, state=StateAccess.READ), FIND | {Needs.OUTPUTS_READ, Needs.STATE_READ}),
        (
            WorkspaceAccess(Level.CUSTOM, state=StateAccess.WRITE),
            FIND | {Needs.OUTPUTS_READ, Needs.STATE_READ, Needs.STATE_WRITE},
        ),
        (WorkspaceAccess(Level.CUSTOM, locking=True), FIND | {Needs.LOCK}),
    ],
)
def test_what_the_parts_of_custom_access_give(access: WorkspaceAccess, gives: set[Needs]) -> None:
    assert access.gives == gives


def test_two_teams_give_what_both_give() -> None:
    runs = WorkspaceAccess(Level.CUSTOM, RunsAccess.APPLY)
    lock = WorkspaceAccess(Level.CUSTOM, locking=True)
    assert in_workspace(SOMEBODY, [runs, lock]) == runs.gives | lock.gives


@pytest.mark.parametrize("kind", Kind)
def test_a_stranger_may_nothing_whatever_was_given(kind: Kind) -> None:
    stranger = Standing(kind, is_owner=True, flags=frozenset(Flag), is_applying=True)
    assert not in_organization(stranger)
    assert not in_workspace(stranger, [access_of(Level.ADMIN)], is_own=True)
    assert not stranger.sees_secret_teams
    assert not stranger.may_give(frozenset(Flag))


@pytest.mark.parametrize(
    ("flag", "in_all", "in_each"),
    [
        (Flag.MANAGE_WORKSPACES, {Needs.MANAGE_WORKSPACES}, ADMIN),
        (Flag.READ_WORKSPACES, set(), READ),
        (Flag.MANAGE_PROJECTS, {Needs.MANAGE_PROJECTS}, set()),
        (Flag.READ_PROJECTS, set(), set()),
        (Flag.MANAGE_POLICIES, {Needs.MANAGE_POLICIES}, FIND | {Needs.RUNS_READ}),
        (Flag.MANAGE_POLICY_OVERRIDES, {Needs.MANAGE_POLICY_OVERRIDES}, FIND | {Needs.RUNS_READ}),
        (Flag.MANAGE_VCS_SETTINGS, {Needs.MANAGE_VCS}, set()),
        (Flag.MANAGE_MEMBERSHIP, {Needs.MANAGE_MEMBERSHIP}, set()),
        (Flag.MANAGE_TEAMS, {Needs.MANAGE_TEAMS}, set()),
        (Flag.MANAGE_ORGANIZATION_ACCESS, set(), set()),
        (Flag.ACCESS_SECRET_TEAMS, set(), set()),
    ],
)
def test_what_a_flag_gives(flag: Flag, in_all: set[Needs], in_each: set[Needs]) -> None:
    standing = with_flags(flag)
    assert in_organization(standing) == MEMBER | in_all
    assert in_workspace(standing, ()) == in_each


def test_every_flag_is_tried() -> None:
    (mark,) = (mark for mark in test_what_a_flag_gives.pytestmark if mark.name == "parametrize")  # type: ignore[attr-defined]
    assert {case[0] for case in mark.args[1]} == set(Flag)


def test_owners_may_everything_there_is() -> None:
    assert in_organization(OWNER) == IN_ORGANIZATION
    assert in_workspace(OWNER, ()) == IN_WORKSPACE


def test_all_flags_together_do_not_make_an_owner() -> None:
    assert in_organization(with_flags(*Flag)) == IN_ORGANIZATION - {Needs.OWNER}


def test_an_organizations_token_runs_nothing_and_writes_no_state() -> None:
    never = {Needs.RUNS_PLAN, Needs.RUNS_APPLY, Needs.FORCE_CANCEL, Needs.STATE_WRITE}
    assert in_workspace(ORGANIZATION, [access_of(Level.ADMIN)]) == IN_WORKSPACE - never
    assert in_organization(ORGANIZATION) == IN_ORGANIZATION - {Needs.OWNER, Needs.MANAGE_POLICY_OVERRIDES}


@pytest.mark.parametrize("is_applying", [False, True])
@pytest.mark.parametrize("is_own", [False, True])
@pytest.mark.parametrize("is_shared", [False, True])
def test_a_runs_token(is_applying: bool, is_own: bool, is_shared: bool) -> None:
    """Invariant 12."""
    run = Standing(Kind.RUN, is_member=True, is_applying=is_applying)
    found = in_workspace(run, [access_of(Level.ADMIN)], is_own=is_own, is_shared=is_shared)
    reading = {Needs.WORKSPACE_FIND, Needs.STATE_READ, Needs.OUTPUTS_READ} if is_own or is_shared else set()
    assert found == reading | ({Needs.STATE_WRITE, Needs.LOCK} if is_own and is_applying else set())
    assert in_organization(run) == {Needs.ENTITLEMENTS}


@pytest.mark.parametrize(
    ("standing", "flags", "before", "may"),
    [
        (OWNER, set(Flag), set(), True),
        (ORGANIZATION, set(Flag), set(), True),
        (SOMEBODY, {Flag.READ_PROJECTS}, set(), False),
        (SOMEBODY, {Flag.READ_PROJECTS}, {Flag.READ_PROJECTS}, True),
        (with_flags(Flag.MANAGE_TEAMS), {Flag.MANAGE_TEAMS}, set(), False),
        (with_flags(Flag.MANAGE_ORGANIZATION_ACCESS, Flag.MANAGE_TEAMS), {Flag.MANAGE_TEAMS}, set(), True),
        (with_flags(Flag.MANAGE_ORGANIZATION_ACCESS, Flag.MANAGE_TEAMS), {Flag.MANAGE_WORKSPACES}, set(), False),
        (with_flags(Flag.MANAGE_ORGANIZATION_ACCESS), set(), {Flag.MANAGE_WORKSPACES}, False),
        (Standing(Kind.ORGANIZATION), {Flag.READ_PROJECTS}, set(), False),
        (Standing(Kind.RUN, is_member=True), {Flag.READ_PROJECTS}, set(), False),
    ],
)
def test_nobody_gives_a_team_more_than_they_have(
    standing: Standing, flags: set[Flag], before: set[Flag], may: bool
) -> None:
    assert standing.may_give(frozenset(flags), frozenset(before)) is may


def with_team(standing: Standing, *flags: Flag, is_owners: bool = False, **more: bool) -> set[Needs]:
    how = {"is_in_it": False, "is_secret": False, "members_may": True} | more
    managing = {Needs.MANAGE_TEAMS, Needs.MANAGE_MEMBERSHIP, Needs.MANAGE_TEAM_TOKENS}
    within = is_within(standing, frozenset(flags))
    return managing & of_team(standing, is_owners=is_owners, is_within=within, **how)


def test_only_owners_manage_the_team_of_owners() -> None:
    managing = {Needs.MANAGE_TEAMS, Needs.MANAGE_MEMBERSHIP, Needs.MANAGE_TEAM_TOKENS}
    assert with_team(OWNER, *Flag, is_owners=True) == managing
    for standing in (ORGANIZATION, with_flags(*Flag), SOMEBODY):
        assert not with_team(standing, *Flag, is_owners=True)
        assert not with_team(standing, *Flag, is_owners=True, is_in_it=True)


def test_nobody_makes_themselves_more_by_way_of_a_team() -> None:
    manager = with_flags(Flag.MANAGE_TEAMS, Flag.MANAGE_MEMBERSHIP)
    assert with_team(manager) == {Needs.MANAGE_TEAMS, Needs.MANAGE_MEMBERSHIP, Needs.MANAGE_TEAM_TOKENS}
    assert with_team(manager, Flag.MANAGE_WORKSPACES) == {Needs.MANAGE_TEAMS}


HERE, THERE = WorkspaceId("ws-here"), WorkspaceId("ws-there")
WRITING, READING, ADMINISTERING = access_of(Level.WRITE), access_of(Level.READ), access_of(Level.ADMIN)
LOCKING = WorkspaceAccess(Level.CUSTOM, locking=True)


@pytest.mark.parametrize(
    ("given", "own", "within"),
    [
        ({}, [], True),
        ({HERE: READING}, [], False),
        ({HERE: READING}, [{HERE: WRITING}], True),
        ({HERE: WRITING}, [{HERE: WRITING}], True),
        ({HERE: ADMINISTERING}, [{HERE: WRITING}], False),
        ({HERE: READING, THERE: READING}, [{HERE: ADMINISTERING}], False),
        ({HERE: LOCKING}, [{HERE: READING}], False),
        ({HERE: LOCKING}, [{HERE: READING}, {HERE: LOCKING}], True),
    ],
)
def test_a_team_is_measured_by_what_it_was_given_too(
    given: dict[WorkspaceId, WorkspaceAccess], own: list[dict[WorkspaceId, WorkspaceAccess]], within: bool
) -> None:
    for manager in (with_flags(Flag.MANAGE_TEAMS), with_flags(Flag.MANAGE_MEMBERSHIP)):
        assert manager.is_measured
        assert is_within(manager, frozenset(), given, own) is within


def test_who_has_every_workspace_anyway_is_not_measured() -> None:
    everywhere = with_flags(Flag.MANAGE_TEAMS, Flag.MANAGE_WORKSPACES)
    assert is_within(everywhere, frozenset(), {HERE: ADMINISTERING})
    for standing in (everywhere, OWNER, ORGANIZATION, SOMEBODY):
        assert not standing.is_measured
    reader = with_flags(Flag.MANAGE_TEAMS, Flag.READ_WORKSPACES)
    assert is_within(reader, frozenset(), {HERE: READING})
    assert not is_within(reader, frozenset(), {HERE: WRITING})


def test_an_organizations_token_makes_no_teams_tokens() -> None:
    """They would start runs, which it never does: tfe-contract 4.1."""
    assert with_team(ORGANIZATION, Flag.MANAGE_WORKSPACES) == {Needs.MANAGE_TEAMS, Needs.MANAGE_MEMBERSHIP}


def test_members_make_their_teams_tokens_where_the_team_lets_them() -> None:
    assert with_team(SOMEBODY, is_in_it=True) == {Needs.MANAGE_TEAM_TOKENS}
    assert not with_team(SOMEBODY, is_in_it=True, members_may=False)
    assert not with_team(Standing(Kind.TEAM, is_member=True), is_in_it=True)


def test_a_secret_team_is_seen_by_its_members_and_by_those_who_manage_teams() -> None:
    def sees(standing: Standing, *, is_in_it: bool = False) -> bool:
        how = {"is_owners": False, "is_secret": True, "is_in_it": is_in_it, "members_may": True}
        return Needs.MEMBER in of_team(standing, is_within=True, **how)

    assert sees(SOMEBODY, is_in_it=True)
    assert all(map(sees, (OWNER, ORGANIZATION, with_flags(Flag.ACCESS_SECRET_TEAMS), with_flags(Flag.MANAGE_TEAMS))))
    assert not any(map(sees, (SOMEBODY, with_flags(Flag.MANAGE_WORKSPACES), Standing(Kind.USER))))


@pytest.mark.parametrize("is_site_admin", [False, True])
def test_what_a_kind_of_token_may_ask_for_anywhere(is_site_admin: bool) -> None:
    user = {Needs.TOKEN, Needs.USER} | ({Needs.SITE_ADMIN} if is_site_admin else set())
    expected = {Kind.USER: user, Kind.TEAM: {Needs.TOKEN}, Kind.ORGANIZATION: {Needs.TOKEN}, Kind.RUN: set()}
    assert {kind: anywhere(kind, is_site_admin=is_site_admin) for kind in Kind} == expected


def test_only_an_owner_removes_an_owner() -> None:
    manager = with_flags(Flag.MANAGE_MEMBERSHIP)
    for standing, owners_too in ((OWNER, True), (manager, False), (ORGANIZATION, False)):
        assert Needs.MANAGE_MEMBERSHIP in of_member(standing, is_owner=False)
        assert (Needs.MANAGE_MEMBERSHIP in of_member(standing, is_owner=True)) is owners_too
    assert Needs.MANAGE_MEMBERSHIP not in of_member(SOMEBODY, is_owner=False)


@pytest.mark.parametrize(
    ("standing", "manages"),
    [
        (OWNER, True),
        (ORGANIZATION, True),
        (with_flags(Flag.MANAGE_WORKSPACES), True),
        (with_flags(Flag.READ_WORKSPACES), True),
        (with_flags(*set(Flag) - {Flag.MANAGE_WORKSPACES, Flag.READ_WORKSPACES}), False),
        (SOMEBODY, False),
        (Standing(Kind.USER), False),
        (Standing(Kind.RUN, is_member=True, is_applying=True), False),
    ],
)
def test_who_reads_the_values_of_any_variable_set(standing: Standing, manages: bool) -> None:
    assert (Needs.VARIABLES_READ in of_variable_set(standing, is_reached=False)) is manages
    assert of_variable_set(SOMEBODY, is_reached=True) == MEMBER | {Needs.VARIABLES_READ}
