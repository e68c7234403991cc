"""May it be merged? What GitHub says, with our own statuses left out."""

import dataclasses

import pytest

from bot.errors import OutsideTrouble, Refused
from bot.vcs.code_host import CommitStatus, MergeFacts, StatusState
from tests.fakes import github_fixtures
from tests.fakes.github_fixtures import our_repository
from tests.fakes.github_graphql import WrongQuery, execute

github, github_host = github_fixtures.github, github_fixtures.github_host

OURS = "runlock/"


def everything(told: MergeFacts) -> tuple[str, ...]:
    return (*told.lacking_approval, *told.blocks, *told.divergence)


@pytest.fixture
def repo(github):
    return github.create_repository("acme/infra", {"main.tf": "1\n"})


@pytest.fixture
def ours(repo):
    return our_repository(repo)


@pytest.fixture
def alice(github, repo):
    return github.person("alice", "write", repo)


@pytest.fixture
def bob(github, repo):
    return github.person("bob", "maintain", repo)


@pytest.fixture
def pull(repo, alice):
    repo.push("feature", {"feature.tf": "mine\n"}, by=alice)
    return repo.open_pull("feature", by=alice)


@pytest.fixture
def facts(github_host, ours, pull):
    return lambda: github_host.merge_facts(ours, github_host.read_pull(ours, pull.number), OURS)


@pytest.fixture
def post(github_host, ours, pull):
    def post(context: str, state: StatusState) -> None:
        github_host.post_status(ours, pull.head_sha, CommitStatus(context, state, "", ""), pull=None)

    return post


def test_nothing_stands_in_the_way(facts, pull, bob):
    pull.approve(bob)
    told = facts()
    assert everything(told) == ()


def test_approval_without_a_rule_needs_somebody_who_may_write(github, facts, repo, pull, bob):
    assert facts().lacking_approval
    pull.approve(github.person("passer-by", "read", repo))
    assert facts().lacking_approval
    pull.approve(bob)
    assert not facts().lacking_approval
    pull.review(github.person("carol", "write", repo), "CHANGES_REQUESTED")
    told = facts()
    assert (bool(told.lacking_approval), bool(told.blocks)) == (True, False)  # no rule, so GitHub would merge
    assert "a review requests changes" in everything(told)


def test_approval_that_is_withdrawn_by_a_later_review(facts, pull, bob):
    pull.approve(bob)
    pull.review(bob, "CHANGES_REQUESTED")
    assert facts().lacking_approval
    pull.approve(bob)
    assert not facts().lacking_approval


def test_reviews_that_a_rule_asks_for(github, facts, repo, pull, bob):
    repo.protect("main", reviews=2)
    pull.approve(bob)
    told = facts()
    assert (bool(told.lacking_approval), bool(told.blocks)) == (True, True)
    pull.approve(github.person("carol", "write", repo))
    told = facts()
    assert (bool(told.lacking_approval), bool(told.blocks)) == (False, False)


@pytest.mark.parametrize("through", ["branch protection", "ruleset"])
def test_our_own_statuses_do_not_block(facts, repo, pull, post, through):
    """They wait for the very apply that is asked about."""
    repo.protect("main", contexts=("runlock/apply", "runlock/plan: prod"), through=through)
    assert pull.merge_state == "BLOCKED"
    assert not facts().blocks
    post("runlock/apply", StatusState.PENDING)
    post("runlock/plan: prod", StatusState.FAILURE)
    assert pull.merge_state == "BLOCKED"
    assert not facts().blocks


@pytest.mark.parametrize("through", ["branch protection", "ruleset"])
def test_required_checks_of_others_do(facts, repo, pull, post, through):
    repo.protect("main", contexts=("ci/test", "runlock/apply"), through=through)
    told = facts()
    assert told.blocks
    assert "the required check “ci/test” is expected" in everything(told)
    post("ci/test", StatusState.FAILURE)
    assert "the required check “ci/test” is failure" in everything(facts())
    post("ci/test", StatusState.SUCCESS)
    assert not facts().blocks


def test_prefix_is_a_prefix_and_not_a_word(facts, repo, pull):
    repo.protect("main", contexts=("not-runlock/apply",))
    assert facts().blocks


def test_checks_that_nobody_requires_do_not_block(facts, pull, post):
    post("ci/optional", StatusState.FAILURE)
    assert pull.merge_state == "UNSTABLE"
    assert not facts().blocks


def test_required_check_on_the_second_page(facts, repo, pull, post):
    for number in range(101):
        post(f"a/{number:03}", StatusState.SUCCESS)
    post("z/last", StatusState.ERROR)
    repo.protect("main", contexts=("z/last",))
    assert "the required check “z/last” is error" in everything(facts())


def test_rule_that_we_cannot_see(facts, pull, monkeypatch):
    monkeypatch.setattr(type(pull), "merge_state", property(lambda self: "BLOCKED"))
    assert everything(facts())[-1] == "a rule of its base branch blocks the merge"


def test_draft_and_conflict(facts, repo, pull, alice):
    pull.to_draft()
    assert "it is a draft" in everything(facts())
    pull.ready()
    repo.push("main", {"feature.tf": "other\n"}, by=alice)
    told = facts()
    assert (bool(told.blocks), bool(told.divergence)) == (True, True)
    assert "it conflicts with main" in everything(told)


def test_undiverged(facts, repo, pull, alice):
    assert not facts().divergence
    repo.push("main", {"other.tf": ""}, by=alice)
    told = facts()
    assert (bool(told.divergence), bool(told.blocks)) == (True, False)
    assert "main is 1 commit ahead of it" in everything(told)
    repo.protect("main", strict=True)
    assert "it must be brought up to date with main first" in everything(facts())


def test_undiverged_of_a_fork_and_an_odd_branch_name(github, github_host, repo, ours, alice):
    repo.push("rel/1.0#x", {"r.tf": ""}, by=alice)
    mallory = github.person("mallory")
    fork = repo.fork(mallory)
    fork.push("rel/1.0#x", {"m.tf": ""}, by=mallory)
    pull = repo.open_pull("rel/1.0#x", into="rel/1.0#x", by=mallory, head=fork)
    read = github_host.read_pull(ours, pull.number)
    assert not github_host.merge_facts(ours, read, OURS).divergence


def test_answer_about_another_head_is_no_answer(github_host, ours, pull):
    old = github_host.read_pull(ours, 1)
    pull.push({"more.tf": ""})
    told = github_host.merge_facts(ours, old, OURS)
    assert told.blocks
    assert "a newer commit was pushed" in everything(told)


def test_mergeability_that_is_still_being_computed(facts, pull):
    pull.unknown_answers = 1
    with pytest.raises(OutsideTrouble, match="still working out") as trouble:
        facts()
    assert (trouble.value.permanent, trouble.value.retry_after) == (False, 3.0)
    assert not facts().blocks


def test_pull_request_that_is_not_there(github_host, ours, pull):
    gone = dataclasses.replace(github_host.read_pull(ours, 1), number=99)
    with pytest.raises(OutsideTrouble, match="asking whether acme/infra#99 may be merged") as trouble:
        github_host.merge_facts(ours, gone, OURS)
    assert trouble.value.permanent


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_merge_by_the_method_that_the_repository_allows(github, github_host, ours, repo, pull, method):
    repo.merge_methods = (method,)
    github_host.merge(ours, github_host.read_pull(ours, 1))
    assert (pull.merged, pull.merged_by, repo.head()) == (True, github.bot, pull.merge_commit_sha)


def test_merge_of_a_head_that_moved_is_refused(github_host, ours, repo, pull):
    old = github_host.read_pull(ours, 1)
    pull.push({"more.tf": ""})
    with pytest.raises(Refused, match="Head branch was modified"):
        github_host.merge(ours, old)
    assert not pull.merged


def test_merge_that_the_host_refuses(github_host, ours, repo, pull, alice):
    repo.push("main", {"feature.tf": "other\n"}, by=alice)
    with pytest.raises(Refused, match="merge conflicts"):
        github_host.merge(ours, github_host.read_pull(ours, 1))


def test_merge_whose_answer_was_lost_is_not_refused_afterwards(github, github_host, ours, pull):
    read = github_host.read_pull(ours, 1)
    pull.merge(by=github.bot)
    github_host.merge(ours, read)
    assert len([d for d in github.deliveries if d.action == "closed"]) <= 1


def test_merge_of_one_that_was_merged_with_another_head(github_host, ours, pull):
    old = github_host.read_pull(ours, 1)
    pull.push({"more.tf": ""})
    pull.merge()
    with pytest.raises(Refused):
        github_host.merge(ours, old)


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("{ repository { pullRequest { headRef } } }", "headRef"),
        (
            "{ repository { pullRequest { commits(lats: 1) { nodes { commit { x } } } } } }",
            "lats",
        ),
        ("{ repository { pullRequest { baseRef } } }", "selections"),
        ("{ repository { pullRequest { reviewThreads { nodes { isSolved } } } } }", "isSolved"),
    ],
)
def test_double_refuses_queries_that_github_would(pull, query, wrong):
    with pytest.raises(WrongQuery, match=wrong):
        execute(query, pull, None)
