"""Do commit statuses reach GitLab, whose moves from state to state are few?"""

import random
from dataclasses import replace

import pytest

from bot.connection import Repository
from bot.errors import OutsideTrouble
from bot.events import PullRequest
from bot.vcs.code_host import CommitStatus, StatusState
from bot.vcs.gitlab import GitLabHost
from tests.fakes import gitlab_fixtures
from tests.fakes.gitlab import FakeGitLab
from tests.fakes.gitlab_fixtures import our_repository
from tests.fakes.gitlab_model import FakeRepository

gitlab = gitlab_fixtures.gitlab
gitlab_host = gitlab_fixtures.gitlab_host

PENDING, SUCCESS, FAILURE, ERROR = StatusState
URL = "https://runlock.example.com/app/acme/prod/runs/run-1"


@pytest.fixture
def infra(gitlab: FakeGitLab) -> FakeRepository:
    return gitlab.create_repository("acme/platform/infra", {"main.tf": "# nothing\n"})


@pytest.fixture
def ours(infra: FakeRepository) -> Repository:
    return our_repository(infra)


@pytest.fixture
def pull(gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository) -> PullRequest:
    infra.push("feature", {"a.tf": "1"})
    found = gitlab_host.read_pull(ours, infra.open_pull("feature").number)
    assert found is not None
    return found


def a_status(state: StatusState, description: str = "1 to add", context: str = "runlock/plan") -> CommitStatus:
    return CommitStatus(context, state, description, URL)


def states(infra: FakeRepository, sha: str, context: str = "runlock/plan") -> list[str]:
    """Every job of that name that there ever was, in GitLab's words."""
    return [job.status for p in infra.pipelines if p.sha == sha for job in p.jobs if job.name == context]


def posts(gitlab: FakeGitLab) -> int:
    return len(gitlab.requests_to("/statuses/", "POST"))


def test_a_status_is_posted(gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository) -> None:
    gitlab_host.post_status(ours, infra.head(), a_status(PENDING), pull=None)
    shown = infra.statuses(infra.head())["runlock/plan"]
    assert (shown.state, shown.description, shown.target_url) == ("pending", "1 to add", URL)


@pytest.mark.parametrize(
    ("before", "after", "history"),
    [
        ([PENDING], SUCCESS, ["success"]),
        ([PENDING], FAILURE, ["failed"]),
        ([PENDING], ERROR, ["failed"]),
        ([], SUCCESS, ["success"]),
        ([SUCCESS], PENDING, ["success", "pending"]),
        ([FAILURE], PENDING, ["failed", "pending"]),
        ([ERROR, PENDING], SUCCESS, ["failed", "success"]),
        ([SUCCESS], FAILURE, ["success", "failed"]),
    ],
)
def test_every_move_between_our_states(
    gitlab_host: GitLabHost,
    infra: FakeRepository,
    ours: Repository,
    before: list[StatusState],
    after: StatusState,
    history: list[str],
) -> None:
    for number, state in enumerate([*before, after]):
        gitlab_host.post_status(ours, infra.head(), a_status(state, f"step {number}"), pull=None)
    assert states(infra, infra.head()) == history
    assert infra.statuses(infra.head())["runlock/plan"].description == f"step {len(before)}"


@pytest.mark.parametrize("state", list(StatusState))
def test_the_same_is_not_posted_twice(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, infra: FakeRepository, ours: Repository, state: StatusState
) -> None:
    for _ in range(3):
        gitlab_host.post_status(ours, infra.head(), a_status(state), pull=None)
    assert posts(gitlab) == 1


def test_a_new_description_while_pending_moves_once_and_then_waits_for_the_end(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, infra: FakeRepository, ours: Repository
) -> None:
    seen = []
    for words in ("queued", "planning", "1 of 3 planned", "2 of 3 planned"):
        gitlab_host.post_status(ours, infra.head(), a_status(PENDING, words), pull=None)
        seen.append(infra.statuses(infra.head())["runlock/plan"].description)
    assert seen == ["queued", "planning", "planning", "planning"]
    assert states(infra, infra.head()) == ["running"]
    gitlab_host.post_status(ours, infra.head(), a_status(SUCCESS, "3 planned"), pull=None)
    assert infra.statuses(infra.head())["runlock/plan"].description == "3 planned"
    assert posts(gitlab) == 3


def test_words_that_will_stand_for_long_are_always_said(
    gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository
) -> None:
    for words in ("comment apply", "approved", "waits for !1", "comment apply", "waits for !2"):
        status = replace(a_status(PENDING, words), lasts=words != "approved")
        gitlab_host.post_status(ours, infra.head(), status, pull=None)
        assert infra.statuses(infra.head())["runlock/plan"].description == words
        assert infra.statuses(infra.head())["runlock/plan"].state in ("pending", "running")


def test_a_new_description_of_a_finished_status_is_posted(
    gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository
) -> None:
    for words in ("applied", "applied again"):
        gitlab_host.post_status(ours, infra.head(), a_status(SUCCESS, words), pull=None)
    assert infra.statuses(infra.head())["runlock/plan"].description == "applied again"


def test_contexts_do_not_touch_each_other(gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository) -> None:
    names = ["runlock/plan", "runlock/plan: prod & more", "runlock/plan: ünï [x]"]
    for name, state in zip(names, (PENDING, SUCCESS, FAILURE), strict=True):
        gitlab_host.post_status(ours, infra.head(), a_status(state, context=name), pull=None)
    assert {name: s.state for name, s in infra.statuses(infra.head()).items()} == {
        names[0]: "pending",
        names[1]: "success",
        names[2]: "failure",
    }


def test_a_refused_move_whose_end_is_reached_is_success(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, infra: FakeRepository, ours: Repository
) -> None:
    """Another sender was faster, between our reading and our posting."""
    gitlab_host.post_status(ours, infra.head(), a_status(PENDING, "queued"), pull=None)
    message = 'Cannot transition status via :run from :running (Reason(s): Status cannot transition via "run")'
    infra.pipelines[0].job("runlock/plan").status = "pending"
    gitlab.fail_next("/statuses/", 400, message=message, method="POST")
    with pytest.raises(OutsideTrouble) as trouble:  # not there yet: worth another try
        gitlab_host.post_status(ours, infra.head(), a_status(PENDING, "planning"), pull=None)
    assert not trouble.value.permanent
    _race(gitlab, infra, "running", message)
    gitlab_host.post_status(ours, infra.head(), a_status(PENDING, "planning"), pull=None)


def _race(gitlab: FakeGitLab, infra: FakeRepository, status: str, message: str) -> None:
    """Refuse the next post, and let the status be somewhere else when it is read again."""
    fail = gitlab.trouble.failure_for

    def failure_for(method: str, path: str) -> object:
        found = fail(method, path)
        if method == "POST":
            infra.pipelines[0].job("runlock/plan").status = status
        return found

    gitlab.fail_next("/statuses/", 400, message=message, method="POST")
    gitlab.trouble.failure_for = failure_for  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize(
    ("status", "permanent"), [(400, True), (403, True), (404, True), (409, False), (422, True), (500, False)]
)
def test_other_refusals_are_trouble(
    gitlab_host: GitLabHost,
    gitlab: FakeGitLab,
    infra: FakeRepository,
    ours: Repository,
    status: int,
    permanent: bool,
) -> None:
    gitlab.fail_next("/statuses/", status, message="no", method="POST")
    with pytest.raises(OutsideTrouble, match=f"posting status 'runlock/plan'.*{status}: no") as trouble:
        gitlab_host.post_status(ours, infra.head(), a_status(SUCCESS), pull=None)
    assert trouble.value.permanent is permanent
    assert infra.statuses(infra.head()) == {}


def test_a_pull_requests_status_goes_to_its_branch(
    gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository, pull: PullRequest
) -> None:
    """Left to itself, GitLab would take the first branch that has the commit."""
    infra.move_branch("another", pull.head_sha, by=infra.host.root)
    gitlab_host.post_status(ours, pull.head_sha, a_status(PENDING), pull=pull)
    assert [(p.ref, p.source) for p in infra.pipelines] == [("feature", "external")]


def test_a_pull_requests_status_joins_its_own_pipeline(
    gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository, pull: PullRequest
) -> None:
    own = infra.run_pipeline(
        pull.head_sha, "refs/merge-requests/1/head", {"test": "success"}, source="merge_request_event"
    )
    infra.run_pipeline(pull.head_sha, "feature", {"lint": "success"})
    for state in (PENDING, SUCCESS):
        gitlab_host.post_status(ours, pull.head_sha, a_status(state), pull=pull)
    assert [job.name for job in own.jobs] == ["test", "runlock/plan"]
    assert own.status == "success"


def test_a_pipeline_of_merged_results_is_not_ours_to_join(
    gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository, pull: PullRequest
) -> None:
    merged = infra.run_pipeline(
        infra.head(), "refs/merge-requests/1/merge", {"test": "success"}, source="merge_request_event"
    )
    gitlab_host.post_status(ours, pull.head_sha, a_status(PENDING), pull=pull)
    assert [job.name for job in merged.jobs] == ["test"]
    assert infra.statuses(pull.head_sha)["runlock/plan"].state == "pending"


@pytest.mark.parametrize("filters", [True, False])
def test_an_older_pipelines_status_does_not_hide_that_the_new_one_has_none(
    gitlab_host: GitLabHost,
    gitlab: FakeGitLab,
    infra: FakeRepository,
    ours: Repository,
    pull: PullRequest,
    filters: bool,
) -> None:
    gitlab.filters_by_pipeline = filters
    gitlab_host.post_status(ours, pull.head_sha, a_status(SUCCESS), pull=pull)
    own = infra.run_pipeline(pull.head_sha, "refs/merge-requests/1/head", {}, source="merge_request_event")
    gitlab_host.post_status(ours, pull.head_sha, a_status(SUCCESS), pull=pull)
    assert [job.status for job in own.jobs] == ["success"]


def test_a_forks_commit_is_on_no_branch_and_gets_its_status_all_the_same(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, infra: FakeRepository, ours: Repository
) -> None:
    mallory = gitlab.person("mallory")
    fork = infra.fork(mallory)
    sha = fork.push("evil", {"a.tf": "1"}, by=mallory)
    pull = gitlab_host.read_pull(ours, infra.open_pull("evil", head=fork, by=mallory).number)
    assert pull is not None
    with pytest.raises(OutsideTrouble, match="References for commit"):
        gitlab_host.post_status(ours, sha, a_status(SUCCESS, "a fork, not planned"), pull=None)
    gitlab_host.post_status(ours, sha, a_status(SUCCESS, "a fork, not planned"), pull=pull)
    assert infra.statuses(sha)["runlock/plan"].state == "success"


def test_an_unknown_commit_is_permanent_trouble(gitlab_host: GitLabHost, ours: Repository) -> None:
    with pytest.raises(OutsideTrouble, match=r"at dddddddddd: GitLab answered 404: 404 Commit Not Found") as trouble:
        gitlab_host.post_status(ours, "d" * 40, a_status(SUCCESS), pull=None)
    assert trouble.value.permanent


def test_an_empty_url_is_left_out(gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository) -> None:
    gitlab_host.post_status(ours, infra.head(), replace(a_status(SUCCESS), target_url=""), pull=None)
    assert infra.statuses(infra.head())["runlock/plan"].target_url is None


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_lost_answers_end_in_the_wanted_state(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, infra: FakeRepository, ours: Repository, seed: int
) -> None:
    """As the outbox does it: the newest wanted status, again and again until it came through."""
    chance = random.Random(seed)
    gitlab.drop_answers(0.3, seed)
    for number in range(12):
        wanted = a_status(chance.choice(list(StatusState)), f"version {number}")
        _until_done(gitlab_host, ours, infra.head(), wanted)
        shown = infra.statuses(infra.head())["runlock/plan"]
        assert shown.state == {"error": "failure"}.get(wanted.state, wanted.state)
        if wanted.state is not PENDING:
            assert shown.description == wanted.description
    assert gitlab.trouble.dropped > 0


def _until_done(host: GitLabHost, ours: Repository, sha: str, wanted: CommitStatus) -> None:
    for _ in range(50):
        try:
            host.post_status(ours, sha, wanted, pull=None)
        except OutsideTrouble as trouble:
            if trouble.permanent:
                raise
        else:
            return
    raise AssertionError("fifty tries were not enough")
