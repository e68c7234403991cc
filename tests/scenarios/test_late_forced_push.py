"""A branch is set back on purpose, and a forced push is told late: two things that look alike."""

from bot.run import RunStatus
from tests.scenarios.world import HELLO, World

MORE = 'resource "terraform_data" "more" {}\n'


def test_a_forced_push_that_is_told_after_a_newer_one_makes_no_run(world: World) -> None:
    """Invariant 3: the branch is elsewhere by then; with auto-apply an old commit would be applied last."""
    repo = world.host.create_repository("acme/infra", files={"main.tf": HELLO})
    alice = world.host.person("alice", role="write", repo=repo)
    prod = world.workspace("prod", repo, auto_apply=True)
    repo.push("main", {"one.tf": "# one\n"}, by=alice)
    world.settle()
    forced = repo.push("main", {"main.tf": HELLO, "two.tf": "# two\n"}, by=alice, force=True)
    on_top = repo.push("main", {"more.tf": MORE}, by=alice)
    world.host.pending.reverse()
    world.settle()
    commits = [run.commit_sha for run in world.runs(prod)]
    assert on_top in commits
    assert forced not in commits


def test_a_branch_that_is_set_back_on_purpose_runs_there_again(world: World) -> None:
    repo = world.host.create_repository("acme/infra", files={"main.tf": HELLO})
    alice = world.host.person("alice", role="write", repo=repo)
    prod = world.workspace("prod", repo)
    first = repo.push("main", {"one.tf": "# one\n"}, by=alice)
    world.settle()
    repo.push("main", {"more.tf": MORE}, by=alice)
    world.settle()
    repo.move_branch("main", first, by=alice)
    world.settle()
    assert [run.commit_sha for run in world.runs(prod)][-1] == first
    assert world.runs(prod)[0].status is RunStatus.PLANNED
