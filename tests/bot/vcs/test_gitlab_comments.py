"""Are comments written, edited, read and listed at GitLab, on merge requests and on commits alike?"""

from datetime import UTC, datetime, timedelta

import pytest

from bot.connection import Repository
from bot.errors import NotFound, OutsideTrouble
from bot.events import HostUser
from bot.vcs.code_host import HostComment, Thread
from bot.vcs.gitlab import GitLabHost
from tests.fakes import gitlab_fixtures
from tests.fakes.gitlab import FakeGitLab
from tests.fakes.gitlab_fixtures import our_repository
from tests.fakes.gitlab_model import FakeRepository, Person

gitlab = gitlab_fixtures.gitlab
gitlab_host = gitlab_fixtures.gitlab_host


@pytest.fixture
def infra(gitlab: FakeGitLab) -> FakeRepository:
    return gitlab.create_repository("acme/platform/infra", {"main.tf": "# nothing\n"})


@pytest.fixture
def ours(infra: FakeRepository) -> Repository:
    return our_repository(infra)


@pytest.fixture
def alice(gitlab: FakeGitLab, infra: FakeRepository) -> Person:
    return gitlab.person("alice", role="write", repo=infra)


def as_user(person: Person) -> HostUser:
    return HostUser(str(person.id), person.login)


@pytest.fixture(params=["merge request", "commit"])
def thread(request: pytest.FixtureRequest, infra: FakeRepository, alice: Person) -> Thread:
    sha = infra.push("feature", {"a.tf": "1"}, by=alice)
    if request.param == "commit":
        return Thread(commit_sha=sha)
    return Thread(pull_number=infra.open_pull("feature", by=alice).number)


def write(infra: FakeRepository, thread: Thread, body: str, by: Person) -> str:
    if thread.commit_sha:
        return str(infra.comment_on(thread.commit_sha, body, by).id)
    return str(infra.pulls[0].comment(body, by).id)


def test_a_comment_is_written_edited_and_read_back(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, infra: FakeRepository, ours: Repository, thread: Thread
) -> None:
    gitlab.now = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
    made = gitlab_host.create_comment(ours, thread, "planned")
    assert made == HostComment(made.id, as_user(gitlab.bot), "planned", gitlab.now, gitlab.now)
    gitlab.advance(timedelta(minutes=1))
    edited = gitlab_host.edit_comment(ours, thread, made.id, "planned again")
    assert (edited.id, edited.body) == (made.id, "planned again")
    assert edited.updated_at - edited.created_at == timedelta(minutes=1)
    assert gitlab_host.read_comment(ours, thread, made.id) == edited


def test_a_comment_that_is_gone(
    gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository, thread: Thread
) -> None:
    made = gitlab_host.create_comment(ours, thread, "planned")
    infra.all_comments[-1].delete()
    assert gitlab_host.read_comment(ours, thread, made.id) is None
    for comment_id in (made.id, "999999", "../1"):
        with pytest.raises(NotFound, match="is gone"):
            gitlab_host.edit_comment(ours, thread, comment_id, "x")


def test_a_comment_on_a_commit_that_is_gone(gitlab_host: GitLabHost, ours: Repository) -> None:
    thread = Thread(commit_sha="d" * 40)
    assert gitlab_host.read_comment(ours, thread, "1") is None
    assert list(gitlab_host.comments(ours, thread)) == []
    with pytest.raises(OutsideTrouble) as trouble:
        gitlab_host.create_comment(ours, thread, "x")
    assert trouble.value.permanent


def test_comments_are_listed_oldest_first_without_gitlabs_own(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, infra: FakeRepository, ours: Repository, thread: Thread, alice: Person
) -> None:
    gitlab.now = start = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
    ids = []
    for number in range(5):
        ids.append(write(infra, thread, f"comment {number}", alice))
        gitlab.advance(timedelta(minutes=1))
    if infra.pulls:
        infra.pulls[0].approve(alice)
    infra.all_comments[0].edit("changed")
    assert [comment.id for comment in gitlab_host.comments(ours, thread)] == ids
    since = gitlab_host.comments(ours, thread, since=start + timedelta(minutes=3))
    assert [comment.id for comment in since] == [ids[0], ids[3], ids[4]]


def test_gitlabs_own_notes_are_nobodys_comments(
    gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository, alice: Person
) -> None:
    infra.push("feature", {"a.tf": "1"}, by=alice)
    pull = infra.open_pull("feature", by=alice)
    pull.approve(alice)
    assert gitlab_host.read_comment(ours, Thread(pull.number), str(infra.all_comments[-1].id)) is None


def test_comments_from_more_than_one_page(
    gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository, thread: Thread, alice: Person
) -> None:
    ids = [write(infra, thread, "x", alice) for _ in range(101)]
    assert [comment.id for comment in gitlab_host.comments(ours, thread)] == ids
    assert gitlab_host.edit_comment(ours, thread, gitlab_host.create_comment(ours, thread, "y").id, "z").body == "z"


@pytest.mark.parametrize("reaction", ["eyes", "+1", "-1", "confused"])
def test_reactions(
    gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository, alice: Person, reaction: str
) -> None:
    infra.push("feature", {"a.tf": "1"}, by=alice)
    pull = infra.open_pull("feature", by=alice)
    comment = pull.comment("apply", alice)
    for _ in range(2):  # the second time GitLab says 404
        gitlab_host.react(ours, Thread(pull.number), str(comment.id), reaction)
    assert comment.reactions == [reaction]
    gitlab_host.react(ours, Thread(pull.number), "999999", reaction)  # gone: nothing to react to


def test_commit_notes_have_no_reactions(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, infra: FakeRepository, ours: Repository, alice: Person
) -> None:
    comment = infra.comment_on(infra.head(), "apply", alice)
    gitlab_host.react(ours, Thread(commit_sha=infra.head()), str(comment.id), "eyes")
    assert gitlab.exchanges == []
