"""Who may do what at GitHub: asked by the person's id, never by a name that may have changed hands."""

import pytest

from bot.errors import OutsideTrouble, Refused
from bot.events import NOBODY, HostUser
from bot.host_roles import HostRole
from tests.fakes import github_fixtures
from tests.fakes.github_fixtures import our_repository

github, github_host = github_fixtures.github, github_fixtures.github_host


@pytest.fixture
def repo(github):
    return github.create_repository("acme/infra", {"main.tf": ""})


@pytest.fixture
def ours(repo):
    return our_repository(repo)


@pytest.fixture
def alice(github, repo):
    return github.person("alice", "write", repo)


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("admin", HostRole.ADMIN),
        ("maintain", HostRole.MAINTAIN),
        ("write", HostRole.WRITE),
        ("triage", HostRole.TRIAGE),
        ("read", HostRole.READ),
        ("none", HostRole.NONE),
    ],
)
def test_role(github, github_host, repo, ours, role, expected):
    bob = github.person("bob", role, repo)
    assert github_host.role_of(ours, HostUser(str(bob.id), "bob")) is expected


def test_custom_role_counts_as_the_one_it_is_built_on(github, github_host, repo, ours):
    repo.custom_roles |= {"deployer": "write", "auditor": "read"}
    for role, expected in (("deployer", HostRole.WRITE), ("auditor", HostRole.READ)):
        bob = github.person("bob", role, repo)
        assert github_host.role_of(ours, HostUser(str(bob.id), "bob")) is expected


def test_role_follows_the_person_and_not_the_name(github, github_host, repo, ours, alice):
    """Alice renames herself and somebody without rights takes her old name."""
    alice.login = "alice-2"
    impostor = github.person("alice")
    assert github_host.role_of(ours, HostUser(str(alice.id), "alice")) is HostRole.WRITE
    assert github_host.role_of(ours, HostUser(str(impostor.id), "alice")) is HostRole.NONE


def test_role_when_the_name_changes_hands_between_the_two_questions(github, github_host, repo, ours):
    admin = github.person("boss", "admin", repo)
    nobody = github.person("nobody")
    nobody.login = "boss"  # what the first answer says; the second is about the one who has the name
    assert github_host.role_of(ours, HostUser(str(nobody.id), "nobody")) is HostRole.NONE
    assert github_host.role_of(ours, HostUser(str(admin.id), "boss")) is HostRole.ADMIN


def test_nobody_and_deleted_people_have_no_role(github, github_host, ours, alice):
    alice.deleted = True
    assert github_host.role_of(ours, HostUser(str(alice.id), "alice")) is HostRole.NONE
    assert github_host.role_of(ours, NOBODY) is HostRole.NONE
    with pytest.raises(Refused):
        github_host.role_of(ours, HostUser("1/../../user", "x"))


def test_role_is_not_guessed_where_we_may_not_ask(github, github_host, repo, ours, alice):
    repo.roles[github.bot.id] = "read"
    with pytest.raises(OutsideTrouble) as trouble:
        github_host.role_of(ours, HostUser(str(alice.id), "alice"))
    assert trouble.value.permanent
