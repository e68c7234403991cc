"""Runs are found by a piece of their text, whatever the text is made of."""

import pytest

from tests.fakes.door_world import SHA, World

MESSAGES = ["Change the network", 'say "hello" OR * NOT (x)', "100% of_it", "a\\b", "Straße"]


def found(world: World, text: str) -> list[str]:
    answer = world.ask("GET", "organizations/acme/runs", query_string={"search[basic]": text})
    assert answer.status_code == 200, answer.text
    assert answer.json["meta"]["pagination"]["total-count"] == len(answer.json["data"])
    return sorted(run["attributes"]["message"] for run in answer.json["data"])


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("NETWORK", ["Change the network"]),
        ("nge the net", ["Change the network"]),
        ("network Change", []),
        ('"hello" OR *', ['say "hello" OR * NOT (x)']),
        ("NOT (x)", ['say "hello" OR * NOT (x)']),
        ('"', ['say "hello" OR * NOT (x)']),
        ("%", ["100% of_it"]),
        ("_i", ["100% of_it"]),
        ("0% of_i", ["100% of_it"]),
        ("a\\b", ["a\\b"]),
        ("\\", ["a\\b"]),
        ("straße", ["Straße"]),
        ("nothing of this", []),
        ("abc\0def", []),
        ("octo", sorted(MESSAGES)),
        (SHA[3:9], sorted(MESSAGES)),
    ],
)
def test_by_any_piece_of_it(world: World, text: str, messages: list[str]) -> None:
    workspace = world.workspace()
    for message in MESSAGES:
        world.run(workspace, message=message)
    assert found(world, text) == messages


def test_by_its_id_and_only_while_it_is_there(world: World) -> None:
    workspace, other = world.workspace("one"), world.workspace("two")
    run = world.run(workspace)
    world.run(other, message="another")
    assert found(world, run.id) == ["Change the network"]
    world.services.workspaces.remove(workspace.id)
    assert found(world, run.id) == []
    assert found(world, "another") == ["another"]
    assert world.services.records.value("SELECT count(*) FROM run_texts") == 1
    # The index of trigrams has forgotten it too.
    assert world.services.records.value("SELECT count(*) FROM run_search WHERE run_search MATCH 'network'") == 0
