"""What comes with runs: who asked for them, and what several of them have in common, once."""

from typing import Any

from bot.ids import BlobId
from bot.permissions import Level, StateAccess, WorkspaceAccess
from bot.run import TriggerReason
from storage.tokens import TokenKind
from tests.fakes.door_world import SHA, World
from tests.handlers.api.state_world import a_state


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


def test_a_run_names_the_state_that_it_was_planned_on(world: World) -> None:
    workspace = world.workspace()
    version = world.services.states.store(workspace.id, a_state(1), run_id=None)
    assert version is not None
    planned, waiting = world.run(workspace, planned_on=version.id), world.run(workspace)
    named = {"id": version.id, "type": "state-versions"}
    for run, data in ((planned, named), (waiting, None)):
        assert read(world, f"runs/{run.id}", "")["data"]["relationships"]["input-state-version"]["data"] == data


def test_the_organization_of_a_runs_workspace(world: World) -> None:
    run = world.run(world.workspace())
    document = read(world, f"runs/{run.id}", "workspace.organization")
    assert [(each["type"], each["id"]) for each in document["included"]][1:] == [("organizations", "acme")]


def test_who_may_read_states_only_gets_nothing_of_their_runs(world: World) -> None:
    workspace, services = world.workspace(), world.services
    run = world.run(workspace, created_by="ada", trigger_reason=TriggerReason.MANUAL, source="tfe-api")
    services.states.store(workspace.id, a_state(1), run_id=run.id)
    mia = services.people.add_user("mia", "mia@acme.test")
    services.people.join(world.organization.id, mia.id)
    team = services.teams.add(world.organization.id, "readers")
    services.teams.join(team.id, [mia.id])
    services.team_access.give(team.id, workspace.id, WorkspaceAccess(Level.CUSTOM, state=StateAccess.READ))
    path, words = f"workspaces/{workspace.id}/state-versions", "run,run.created_by,run.configuration_version,workspace"
    assert [each["type"] for each in read(world, path, words, world.token_of(mia))["included"]] == ["workspaces"]
    assert [each["type"] for each in read(world, path, words)["included"]] == ["workspaces", "runs", "users"]
