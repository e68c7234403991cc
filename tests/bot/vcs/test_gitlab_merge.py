"""May it be merged, and is it merged then? GitLab's many reasons, ours left out."""

from collections.abc import Callable

import pytest

from bot.connection import Repository
from bot.errors import OutsideTrouble, Refused
from bot.events import PullRequest
from bot.vcs.code_host import CommitStatus, MergeFacts, StatusState
from bot.vcs.gitlab import GitLabHost
from tests.fakes import gitlab_fixtures
from tests.fakes.gitlab import FakeGitLab
from tests.fakes.gitlab_fixtures import our_repository
from tests.fakes.gitlab_model import FakeRepository, Person
from tests.fakes.gitlab_pull import FakePull

gitlab = gitlab_fixtures.gitlab
gitlab_host = gitlab_fixtures.gitlab_host


def everything(told: MergeFacts) -> tuple[str, ...]:
    return (*told.lacking_approval, *told.blocks, *told.divergence)


@pytest.fixture
def infra(gitlab: FakeGitLab) -> FakeRepository:
    return gitlab.create_repository("acme/platform/infra", {"main.tf": "# nothing\n"})


@pytest.fixture
def ours(infra: FakeRepository) -> Repository:
    return our_repository(infra)


@pytest.fixture
def alice(gitlab: FakeGitLab, infra: FakeRepository) -> Person:
    return gitlab.person("alice", role="write", repo=infra)


@pytest.fixture
def bob(gitlab: FakeGitLab, infra: FakeRepository) -> Person:
    return gitlab.person("bob", role="maintain", repo=infra)


@pytest.fixture
def theirs(infra: FakeRepository, alice: Person) -> FakePull:
    infra.push("feature", {"a.tf": "1"}, by=alice)
    return infra.open_pull("feature", by=alice)


Facts = Callable[[], MergeFacts]


@pytest.fixture
def facts(gitlab_host: GitLabHost, ours: Repository, theirs: FakePull) -> Facts:
    return lambda: gitlab_host.merge_facts(ours, as_read(gitlab_host, ours, theirs), "runlock/")


def as_read(host: GitLabHost, ours: Repository, theirs: FakePull) -> PullRequest:
    found = host.read_pull(ours, theirs.number)
    assert found is not None
    return found


def test_a_fresh_merge_request_lacks_only_approval(facts: Facts) -> None:
    assert facts() == MergeFacts(lacking_approval=("nobody but its author has approved it",))


@pytest.mark.parametrize("paid", [True, False])
def test_approved_by_another(facts: Facts, gitlab: FakeGitLab, theirs: FakePull, bob: Person, paid: bool) -> None:
    gitlab.paid = paid
    theirs.approve(bob)
    assert facts() == MergeFacts()


@pytest.mark.parametrize("paid", [True, False])
def test_the_authors_own_approval_counts_nothing(
    facts: Facts, gitlab: FakeGitLab, theirs: FakePull, alice: Person, paid: bool
) -> None:
    gitlab.paid = paid
    theirs.approve(alice)
    assert facts().lacking_approval


def test_a_rule_asks_for_more(
    facts: Facts, gitlab: FakeGitLab, infra: FakeRepository, theirs: FakePull, bob: Person
) -> None:
    gitlab.paid, infra.required_approvals = True, 2
    theirs.approve(bob)
    told = facts()
    assert (bool(told.lacking_approval), bool(told.blocks)) == (True, True)
    assert everything(told) == ("it lacks 1 required approval", "it lacks a required approval")
    theirs.approve(gitlab.person("carol", role="write", repo=infra))
    assert facts() == MergeFacts()


def test_a_gitlab_without_approvals(facts: Facts, gitlab: FakeGitLab) -> None:
    gitlab.fail_next("/approvals", 404)
    assert everything(facts()) == ("this GitLab doesn't tell who approved it",)


def test_behind_its_target(facts: Facts, infra: FakeRepository) -> None:
    infra.push("main", {"b.tf": "1"})
    told = facts()
    assert (bool(told.blocks), bool(told.divergence)) == (False, True)
    assert everything(told)[-1] == "main is 1 commit ahead of it"
    infra.push("main", {"b.tf": "2"})
    assert everything(facts())[-1] == "main is 2 commits ahead of it"


def test_behind_where_the_project_merges_by_fast_forward(facts: Facts, infra: FakeRepository) -> None:
    infra.merge_method = "ff"
    infra.push("main", {"b.tf": "1"})
    assert (bool(facts().blocks), bool(facts().divergence)) == (True, True)
    assert "it must be rebased first" in everything(facts())


def test_a_conflict(facts: Facts, infra: FakeRepository) -> None:
    infra.push("main", {"a.tf": "another"})
    assert facts().blocks
    assert "it conflicts with its target branch" in everything(facts())


def test_a_draft(facts: Facts, theirs: FakePull) -> None:
    theirs.to_draft()
    assert facts().blocks
    assert "it is a draft" in everything(facts())


def test_open_threads(facts: Facts, theirs: FakePull) -> None:
    theirs.has_open_threads = True
    assert "not all of its threads are resolved" in everything(facts())


@pytest.mark.parametrize("unknown_answers", [0, 1])
def test_closed(facts: Facts, theirs: FakePull, unknown_answers: int) -> None:
    """GitLab may leave a closed one unchecked for ever."""
    theirs.close()
    theirs.unknown_answers = unknown_answers
    assert "it is not open" in everything(facts())


def test_a_reason_that_nobody_knows_yet_is_still_one(
    facts: Facts, theirs: FakePull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(theirs, "merge_status", lambda asked=False: "moon_phase")
    assert facts().blocks
    assert "GitLab won't merge it (moon_phase)" in everything(facts())


def test_a_gitlab_that_tells_no_reason_says_no(facts: Facts, theirs: FakePull, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theirs, "merge_status", lambda asked=False: None)
    assert facts().blocks


def test_while_gitlab_is_still_checking(facts: Facts, theirs: FakePull) -> None:
    theirs.unknown_answers = 10
    with pytest.raises(OutsideTrouble, match="still checking") as trouble:
        facts()
    assert (trouble.value.permanent, trouble.value.retry_after) == (False, 2.0)
    theirs.unknown_answers = 0
    assert not facts().blocks


@pytest.mark.parametrize(
    ("jobs", "own", "reasons"),
    [
        ({}, StatusState.PENDING, []),
        ({}, StatusState.FAILURE, []),
        ({"test": "success"}, StatusState.PENDING, []),
        ({"test": "skipped"}, StatusState.PENDING, []),
        ({"test": "running"}, StatusState.PENDING, ["job 'test' is running"]),
        ({"test": "failed"}, StatusState.PENDING, ["job 'test' is failed"]),
        ({"test": "failed", "lint": "success"}, StatusState.SUCCESS, ["job 'test' is failed"]),
        ({"runlock": "failed"}, StatusState.PENDING, ["job 'runlock' is failed"]),  # only our prefix is ours
    ],
)
def test_our_own_statuses_do_not_count_where_the_pipeline_must_pass(
    facts: Facts,
    gitlab_host: GitLabHost,
    infra: FakeRepository,
    ours: Repository,
    theirs: FakePull,
    jobs: dict[str, str],
    own: StatusState,
    reasons: list[str],
) -> None:
    infra.pipelines_must_succeed = True
    infra.run_pipeline(theirs.head_sha, "refs/merge-requests/1/head", jobs, source="merge_request_event")
    pull = as_read(gitlab_host, ours, theirs)
    gitlab_host.post_status(ours, pull.head_sha, CommitStatus("runlock/apply", own, "waits", ""), pull=pull)
    told = facts()
    assert [*everything(told)[1:]] == reasons
    assert bool(told.blocks) is bool(reasons)


def test_a_failure_that_is_allowed(
    facts: Facts, gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository, theirs: FakePull
) -> None:
    infra.pipelines_must_succeed = True
    pipeline = infra.run_pipeline(theirs.head_sha, "feature", {"flaky": "failed"})
    pipeline.jobs[0].allow_failure = True
    pull = as_read(gitlab_host, ours, theirs)
    waiting = CommitStatus("runlock/plan", StatusState.PENDING, "", "")
    gitlab_host.post_status(ours, pull.head_sha, waiting, pull=pull)
    assert not facts().blocks


def test_a_missing_pipeline_is_not_our_doing(facts: Facts, infra: FakeRepository) -> None:
    infra.pipelines_must_succeed = True
    assert everything(facts())[-1] == "it has no pipeline, and its project asks for one that passed"


def test_it_is_merged(gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository, theirs: FakePull) -> None:
    gitlab_host.merge(ours, as_read(gitlab_host, ours, theirs))
    assert theirs.merged
    assert infra.bare.is_ancestor(theirs.head_sha, infra.head())


def test_a_newer_head_is_not_merged(gitlab_host: GitLabHost, ours: Repository, theirs: FakePull) -> None:
    pull = as_read(gitlab_host, ours, theirs)
    newer = theirs.push({"a.tf": "2"})
    with pytest.raises(Refused, match=f"!1: it has a newer commit, {newer[:10]}"):
        gitlab_host.merge(ours, pull)
    assert not theirs.merged


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda theirs: theirs.to_draft(), "405 Method Not Allowed"),
        (lambda theirs: theirs.close(), "405 Method Not Allowed"),
        (lambda theirs: theirs.repository.push("main", {"a.tf": "x"}), "Branch cannot be merged"),
        (lambda theirs: theirs.repository.roles.update({theirs.repository.host.bot.id: "triage"}), "isn't allowed"),
    ],
)
def test_what_gitlab_refuses(
    gitlab_host: GitLabHost, ours: Repository, theirs: FakePull, spoil: Callable[[FakePull], None], words: str
) -> None:
    pull = as_read(gitlab_host, ours, theirs)
    spoil(theirs)
    with pytest.raises(Refused, match=words):
        gitlab_host.merge(ours, pull)
    assert not theirs.merged


def test_a_merge_whose_answer_was_lost_is_done(
    gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository, theirs: FakePull, bob: Person
) -> None:
    pull = as_read(gitlab_host, ours, theirs)
    theirs.merge(by=bob)
    landed = infra.head()
    gitlab_host.merge(ours, pull)
    assert infra.head() == landed


def test_a_merge_while_gitlab_is_still_checking_is_tried_again(
    gitlab_host: GitLabHost, ours: Repository, theirs: FakePull
) -> None:
    pull = as_read(gitlab_host, ours, theirs)
    theirs.unknown_answers = 5
    with pytest.raises(OutsideTrouble, match="still checking") as trouble:
        gitlab_host.merge(ours, pull)
    assert not trouble.value.permanent


def test_a_merge_with_a_token_that_ended_is_trouble(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, ours: Repository, theirs: FakePull
) -> None:
    pull = as_read(gitlab_host, ours, theirs)
    gitlab.tokens.clear()
    with pytest.raises(OutsideTrouble, match="401") as trouble:
        gitlab_host.merge(ours, pull)
    assert trouble.value.permanent
