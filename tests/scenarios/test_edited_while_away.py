"""While nobody listened, somebody's comment was edited into a command."""

from bot.run import RunStatus
from handlers.jobs import Job, Verb
from tests.scenarios.talk import BEFORE_MERGE, Team
from tests.scenarios.world import World


def test_a_comment_that_was_edited_into_a_command_is_not_found_later(world: World) -> None:
    """Invariant 13: who may edit other people's comments must not speak in their names, also after downtime."""
    team = Team(world, **BEFORE_MERGE, apply_requirements=[])
    pull = team.open()
    world.enqueue([Job(Verb.RECONCILE, world.repository().id)])
    world.settle()
    world.wait(minutes=20)
    said = pull.comment("looks good", team.bob)
    team.a_moment_passes()
    said.edit("apply")
    world.host.pending.clear()
    world.enqueue([Job(Verb.RECONCILE, world.repository().id)])
    world.settle()
    assert world.only_run().status is RunStatus.PLANNED_AND_SAVED


def test_a_command_that_was_written_while_away_is_found_and_carried_out_once(world: World) -> None:
    team = Team(world, **BEFORE_MERGE, apply_requirements=[])
    pull = team.open()
    world.enqueue([Job(Verb.RECONCILE, world.repository().id)])
    world.settle()
    world.wait(minutes=20)
    pull.comment("apply", team.bob)
    world.host.pending.clear()
    for _ in range(2):
        world.enqueue([Job(Verb.RECONCILE, world.repository().id)])
        world.settle()
    assert world.only_run().status is RunStatus.APPLIED
    assert world.timeline(world.only_run()).count("confirmed") == 1
