"""An engine that is killed in its own sandbox, and one that was never told to apply."""

from bot.run import Run, RunStatus, Stage
from bot.stage_words import Outcome
from handlers.reactions.decisions import confirm
from tests.scenarios.runners import HandRunner
from tests.scenarios.world import HELLO, World

KILLED = """
resource "terraform_data" "first" {
  input = "made"
}
resource "terraform_data" "killed" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" {
    command = "kill -9 $PPID"
  }
}
"""


def _confirmed(world: World, files: dict[str, str]) -> Run:
    repo = world.host.create_repository("acme/infra", files={"README.md": "infra"})
    world.workspace("prod", repo)
    repo.push("main", files)
    world.settle()
    run = world.only_run()
    world.enqueue(confirm(world.services, run.id, "alice"))
    return run


def test_an_engine_killed_in_its_sandbox_leaves_the_outcome_unknown(github_world: World) -> None:
    """Invariant 9: as the system does it when memory runs out; what it had made is in no state."""
    world = github_world
    run = _confirmed(world, {"main.tf": KILLED})
    world.settle()
    ended = world.run(run)
    assert (ended.status, ended.trouble) == (RunStatus.ERRORED, "outcome unknown")
    workspace = world.services.workspaces.get(run.workspace_id)
    assert workspace.lock_reason == f"outcome of {run.id} unknown"


def test_an_apply_that_never_began_locks_nothing(github_world: World) -> None:
    """A runner whose disk was full before the engine was told to apply: nothing can have changed."""
    world = github_world
    run = _confirmed(world, {"main.tf": HELLO})
    world.is_runner_there = False
    world.settle()
    with HandRunner(world, run, Stage.APPLY) as runner:
        runner.says(Outcome.TROUBLE, None, error="no work folder: No space left on device", apply_started=False)
    world.settle()
    ended = world.run(run)
    assert (ended.status, ended.trouble) == (RunStatus.ERRORED, "ours")
    assert not world.services.workspaces.get(run.workspace_id).is_locked
