"""A token ends; the host refuses us; a new one is given, and what could not be told is told."""

from handlers.jobs import Job, Verb
from tests.scenarios.talk import Team
from tests.scenarios.world import World


def test_what_an_ended_token_could_not_tell_the_new_one_tells(world: World) -> None:
    team = Team(world)
    team.open()
    connection = world.connection()
    world.services.connections.replace_token(connection.id, "ended")
    team.repo.push("feature", {"more.tf": "# more\n"}, by=team.alice)
    world.host.pending.clear()
    head = team.repo.head("feature")
    assert "runlock/plan" not in team.repo.statuses(head)

    world.services.connections.replace_token(connection.id, world.host.token)
    world.services.outbox.hurry(connection.id)
    world.enqueue([Job(Verb.RECONCILE, world.repository().id), Job(Verb.SWEEP)])
    world.settle()
    assert team.repo.statuses(head)["runlock/plan"].state == "success"


def test_a_client_with_the_old_token_is_not_used_any_more(world: World) -> None:
    Team(world)
    connection = world.connection()
    first = world.services.host(connection)
    assert world.services.host(world.connection()) is first
    world.services.connections.replace_token(connection.id, "another")
    assert world.services.host(world.connection()) is not first
