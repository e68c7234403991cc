"""What comes with runs: who asked for them, and what several of them have in common, once."""

from typing import Any

from bot.ids import BlobId
from bot.run import TriggerReason
from storage.tokens import TokenKind
from tests.fakes.door_world import SHA, World


def read(world: World, path: str, include: str, token: str | None = None) -> dict[str, Any]:
    answer = world.ask("GET", path, query_string={"include": include}, token=token)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json
    return document


def test_who_asked_by_hand_is_a_user_of_ours_and_the_sender_of_an_event_is_not(world: World) -> None:
    workspace, by_hand = world.workspace(), {"trigger_reason": TriggerReason.MANUAL, "source": "tfe-api"}
    own = world.run(workspace, created_by="ada", **by_hand)
    world.run(workspace, created_by="ada", **by_hand)
    world.run(workspace, created_by="ada")  # so called at the code host: that may be anybody
    world.run(workspace, created_by="team ops", **by_hand)
    listed = read(world, f"workspaces/{workspace.id}/runs", "created-by")
    ada = {"type": "users", "id": world.owner.id}
    creators = [run["relationships"]["created-by"]["data"] for run in listed["data"]]
    assert creators == [None, None, ada, ada]
    assert [(user["id"], user["attributes"]["username"]) for user in listed["included"]] == [(world.owner.id, "ada")]
    alone = read(world, f"runs/{own.id}", "created_by")
    assert alone["data"]["relationships"]["created-by"]["data"] == ada
    assert alone["included"] == listed["included"]


def test_who_left_the_organization_is_named_but_not_shown(world: World) -> None:
    workspace, services = world.workspace(), world.services
    gone = services.people.add_user("grace", "grace@acme.test")
    run = world.run(workspace, created_by="grace", trigger_reason=TriggerReason.MANUAL, source="terraform+cloud")
    token = services.tokens.give(TokenKind.TEAM, services.teams.owners(world.organization.id).id, "")
    document = read(world, f"runs/{run.id}", "created_by", token)
    assert document["data"]["relationships"]["created-by"]["data"]["id"] == gone.id
    assert "included" not in document


def test_one_configuration_of_several_runs_is_included_once(world: World) -> None:
    workspace = world.workspace()
    assert workspace.repository_id is not None
    version = world.services.configurations.add(
        workspace.repository_id, SHA, submodules=False, blob_id=BlobId("b"), message="Grow", author="Ada"
    )
    for _ in range(2):
        world.run(workspace, configuration_version_id=version.id)
    listed = read(world, f"workspaces/{workspace.id}/runs", "configuration_version.ingress_attributes,plan")
    assert [each["type"] for each in listed["included"]] == [
        *("plans", "plans"),
        *("configuration-versions", "ingress-attributes"),
    ]
