"""The very first push after a workspace was made is missed: it is news all the same."""

from handlers.jobs import Job, Verb
from tests.scenarios.world import HELLO, World


def test_the_first_push_ever_is_found_by_the_reconcile(world: World) -> None:
    repo = world.host.create_repository("acme/infra", files={"README.md": "infra"})
    world.workspace("prod", repo)
    head = repo.push("main", {"main.tf": HELLO})
    world.host.pending.clear()
    world.enqueue([Job(Verb.RECONCILE, world.repository().id)])
    world.settle()
    assert [run.commit_sha for run in world.runs()] == [head]


def test_what_was_there_before_the_workspace_makes_no_run(world: World) -> None:
    repo = world.host.create_repository("acme/infra", files={"main.tf": HELLO})
    world.workspace("prod", repo)
    world.enqueue([Job(Verb.RECONCILE, world.repository().id)])
    world.settle()
    assert world.runs() == []
