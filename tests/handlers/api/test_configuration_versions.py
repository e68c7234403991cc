"""Configuration versions: expected, uploaded under an address of their own, looked through, run, and read again."""

import io
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from bot.errors import Refused
from bot.run import RunStatus
from bot.workspace import Workspace
from handlers import configuration_uploads
from handlers.reactions.asked_runs import Wish, make_asked_run
from storage.blobs import BlobMissing
from tests.fakes.door_world import SHA, World

MAIN = b'resource "terraform_data" "one" {}\n'


@pytest.fixture
def alone(world: World) -> Workspace:
    return world.services.workspaces.add(world.organization.id, "alone")


def archive(*members: tuple[str, bytes], change: Callable[[tarfile.TarInfo], None] = lambda _: None) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            change(member)
            tar.addfile(member, io.BytesIO(content) if member.isfile() else None)
    return packed.getvalue()


def expected(world: World, workspace: Workspace, **given: Any) -> dict[str, Any]:
    attributes = {name.replace("_", "-"): value for name, value in given.items()}
    document = {"data": {"type": "configuration-versions", "attributes": attributes}}
    answer = world.ask("POST", f"workspaces/{workspace.id}/configuration-versions", document)
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json["data"]
    return data


def upload(world: World, version: dict[str, Any], content: bytes) -> Any:
    path = version["attributes"]["upload-url"].partition("/api/v2/")[2]
    return world.app.test_client().put(f"/api/v2/{path}", data=content, content_type="application/octet-stream")


def shown(world: World, version: dict[str, Any]) -> dict[str, Any]:
    attributes: dict[str, Any] = world.ask("GET", f"configuration-versions/{version['id']}").json["data"]["attributes"]
    return attributes


def runs_of(world: World, workspace: Workspace) -> list[Any]:
    return world.services.runs.of_workspace(workspace.id)


def test_an_upload_makes_a_run(world: World, alone: Workspace) -> None:
    version = expected(world, alone)
    assert version["attributes"]["status"] == "pending"
    assert upload(world, version, archive(("main.tf", MAIN))).status_code == 200
    assert (shown(world, version)["status"], shown(world, version)["upload-url"]) == ("uploaded", None)
    (run,) = runs_of(world, alone)
    assert run.configuration_version_id == version["id"]
    assert run.kind.value == "normal"


def test_an_upload_makes_no_run_if_it_was_not_wanted(world: World, alone: Workspace) -> None:
    upload(world, expected(world, alone, auto_queue_runs=False), archive(("main.tf", MAIN)))
    assert runs_of(world, alone) == []


def test_a_speculative_upload_is_only_planned(world: World, alone: Workspace) -> None:
    upload(world, expected(world, alone, speculative=True), archive(("main.tf", MAIN)))
    (run,) = runs_of(world, alone)
    assert run.kind.value == "plan_only"


def test_what_was_uploaded_comes_back(world: World, alone: Workspace) -> None:
    version, content = expected(world, alone), archive(("main.tf", MAIN))
    upload(world, version, content)
    assert world.ask("GET", f"configuration-versions/{version['id']}/download").data == content
    (run,) = runs_of(world, alone)
    assert world.ask("GET", f"runs/{run.id}/configuration-version/download").data == content


def test_what_comes_while_others_are_looked_through_may_come_again(
    world: World, alone: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configuration_uploads, "LONGEST_WAIT_SECONDS", 0.01)
    version, content = expected(world, alone), archive(("main.tf", MAIN))
    with configuration_uploads.turn_to_unpack():
        answer = upload(world, version, content)
    assert answer.status_code == 503
    assert "try it again" in answer.json["errors"][0]["detail"]
    assert shown(world, version)["status"] == "pending"
    assert upload(world, version, content).status_code == 200


def test_what_a_run_may_be_locked_to_is_never_replaced(world: World, alone: Workspace) -> None:
    version, content = expected(world, alone), archive(("main.tf", MAIN))
    upload(world, version, content)
    assert upload(world, version, archive(("main.tf", b"other"))).status_code == 422
    assert world.ask("GET", f"configuration-versions/{version['id']}/download").data == content


def test_an_address_for_an_upload_is_dead_after_an_hour_and_for_strangers(world: World, alone: Workspace) -> None:
    version = expected(world, alone)
    wrong = {**version, "attributes": {"upload-url": version["attributes"]["upload-url"][:-4] + "0000"}}
    assert upload(world, wrong, archive(("main.tf", MAIN))).status_code == 404
    world.clock.advance(hours=1, seconds=1)
    assert upload(world, version, archive(("main.tf", MAIN))).status_code == 404
    assert shown(world, version)["status"] == "pending"


def _linked(target: str) -> Callable[[tarfile.TarInfo], None]:
    def change(member: tarfile.TarInfo) -> None:
        member.type, member.linkname, member.size = tarfile.SYMTYPE, target, 0

    return change


def _typed(kind: bytes) -> Callable[[tarfile.TarInfo], None]:
    def change(member: tarfile.TarInfo) -> None:
        member.type, member.linkname, member.size = kind, "/etc/passwd", 0

    return change


HOSTILE = {
    "an absolute path": archive(("/etc/evil.tf", MAIN)),
    "a path upwards": archive(("../evil.tf", MAIN)),
    "a path upwards in between": archive(("a/../../evil.tf", MAIN)),
    "a symlink out": archive(("link", b""), change=_linked("../../../etc")),
    "an absolute symlink": archive(("link", b""), change=_linked("/etc/passwd")),
    "a hard link out": archive(("hard", b""), change=_typed(tarfile.LNKTYPE)),
    "a device": archive(("null", b""), change=_typed(tarfile.CHRTYPE)),
    "a FIFO": archive(("pipe", b""), change=_typed(tarfile.FIFOTYPE)),
    "the same file as folder": archive(("a", MAIN), ("a/b", MAIN)),
    "a path too deep": archive(("/".join("d" * 150), MAIN)),
    "no archive": b"this is not a tar",
    "nothing": b"",
    "one that is cut off": archive(("main.tf", MAIN * 1000))[:-30],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_archive_is_refused_with_its_reason(world: World, alone: Workspace, kind: str) -> None:
    version = expected(world, alone)
    answer = upload(world, version, HOSTILE[kind])
    assert answer.status_code == 422
    assert answer.json["errors"][0]["detail"]
    attributes = shown(world, version)
    assert attributes["status"] == "errored"
    assert attributes["error-message"] == answer.json["errors"][0]["detail"]
    assert runs_of(world, alone) == []


def test_a_bomb_is_refused(world: World, alone: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.runner.work_folder.MOST_BYTES", 1_000_000)
    version = expected(world, alone)
    bomb = archive(("zeros", bytes(5_000_000)))
    assert len(bomb) < 20_000
    assert "too large" in upload(world, version, bomb).json["errors"][0]["detail"]


def test_an_archive_over_the_limit_is_refused(world: World, alone: Workspace) -> None:
    object.__setattr__(world.services.settings, "largest_configuration_megabytes", 1)
    version = expected(world, alone)
    assert upload(world, version, bytes(1_000_001)).status_code == 422
    assert "more than 1 MB" in shown(world, version)["error-message"]


def test_a_run_of_what_is_not_uploaded_is_refused(world: World, alone: Workspace) -> None:
    version = expected(world, alone)
    relationships = {
        "workspace": {"data": {"type": "workspaces", "id": alone.id}},
        "configuration-version": {"data": {"type": "configuration-versions", "id": version["id"]}},
    }
    answer = world.ask("POST", "runs", {"data": {"type": "runs", "relationships": relationships}})
    assert answer.status_code == 422
    assert "not uploaded" in answer.json["errors"][0]["detail"]


def test_a_run_by_hand_takes_the_newest_upload(world: World, alone: Workspace) -> None:
    relationships = {"workspace": {"data": {"type": "workspaces", "id": alone.id}}}
    ask = {"data": {"type": "runs", "relationships": relationships}}
    assert "upload one" in world.ask("POST", "runs", ask).json["errors"][0]["detail"]
    upload(world, expected(world, alone, auto_queue_runs=False), archive(("main.tf", MAIN)))
    newest = expected(world, alone, auto_queue_runs=False)
    upload(world, newest, archive(("main.tf", MAIN)))
    upload(world, expected(world, alone, auto_queue_runs=False, speculative=True), archive(("main.tf", MAIN)))
    assert world.ask("POST", "runs", ask).status_code == 201
    assert runs_of(world, alone)[0].configuration_version_id == newest["id"]


def test_a_workspaces_configurations_are_listed_newest_first(world: World, alone: Workspace) -> None:
    made = [expected(world, alone)["id"] for _ in range(3)]
    answer = world.ask("GET", f"workspaces/{alone.id}/configuration-versions", query_string={"page[size]": "2"})
    assert [each["id"] for each in answer.json["data"]] == made[:0:-1]
    assert answer.json["meta"]["pagination"]["total-count"] == 3


def test_another_workspaces_configuration_is_not_ours(world: World, alone: Workspace) -> None:
    other = world.services.workspaces.add(world.organization.id, "other")
    version = expected(world, other)
    upload(world, version, archive(("main.tf", MAIN)))
    relationships = {
        "workspace": {"data": {"type": "workspaces", "id": alone.id}},
        "configuration-version": {"data": {"type": "configuration-versions", "id": version["id"]}},
    }
    assert world.ask("POST", "runs", {"data": {"type": "runs", "relationships": relationships}}).status_code == 422


def put_away(world: World, version_id: str) -> tuple[int, str]:
    answer = world.ask("POST", f"configuration-versions/{version_id}/actions/archive")
    return answer.status_code, answer.json["errors"][0]["detail"] if answer.status_code != 202 else ""


def run_of(workspace: Workspace, version: dict[str, Any]) -> dict[str, Any]:
    relationships = {
        "workspace": {"data": {"type": "workspaces", "id": workspace.id}},
        "configuration-version": {"data": {"type": "configuration-versions", "id": version["id"]}},
    }
    return {"data": {"type": "runs", "relationships": relationships}}


def test_what_no_run_needs_any_more_is_archived(world: World, alone: Workspace) -> None:
    old, newest = (expected(world, alone, auto_queue_runs=False) for _ in range(2))
    upload(world, old, archive(("main.tf", MAIN)))
    upload(world, newest, archive(("main.tf", MAIN)))
    blob_id = world.services.configurations.get(old["id"]).blob_id
    made = world.ask("POST", "runs", run_of(alone, old)).json["data"]["id"]
    assert put_away(world, old["id"]) == (
        409,
        f"{made} still needs {old['id']}: discard or cancel it first",
    )
    assert world.services.blobs.read(blob_id)
    assert world.ask("POST", f"runs/{made}/actions/cancel").status_code == 202
    assert put_away(world, old["id"]) == (202, "")
    assert shown(world, old)["status"] == "archived"
    assert world.ask("GET", f"configuration-versions/{old['id']}/download").status_code == 404
    with pytest.raises(BlobMissing):
        world.services.blobs.read(blob_id)
    refused = world.ask("POST", "runs", run_of(alone, old))
    assert (refused.status_code, "archived" in refused.text) == (422, True)
    assert world.ask("GET", f"runs/{made}").status_code == 200
    assert put_away(world, old["id"])[0] == 409
    assert world.ask("POST", "runs", run_of(alone, newest)).status_code == 201


def test_what_a_workspace_runs_by_itself_is_not_archived(world: World, alone: Workspace) -> None:
    version = expected(world, alone, auto_queue_runs=False)
    assert put_away(world, version["id"]) == (409, f"{version['id']} is pending, not uploaded")
    upload(world, version, archive(("main.tf", MAIN)))
    status, words = put_away(world, version["id"])
    assert (status, "upload another one first" in words) == (409, True)
    assert shown(world, version)["status"] == "uploaded"


def test_what_came_from_a_repository_is_not_archived(world: World) -> None:
    workspace = world.workspace()
    assert workspace.repository_id
    blob_id = world.services.blobs.put(b"an archive")
    version = world.services.configurations.add(
        workspace.repository_id, SHA, submodules=False, blob_id=blob_id, message="", author="ada"
    )
    world.run(workspace, RunStatus.APPLIED, configuration_version_id=version.id)
    status, words = put_away(world, version.id)
    assert (status, "came from a repository" in words) == (409, True)
    assert world.services.blobs.read(blob_id) == b"an archive"


def test_archived_while_a_run_of_it_is_made(world: World, alone: Workspace) -> None:
    """Whoever read the configuration before it was put away makes no run of nothing."""
    upload(world, expected(world, alone, auto_queue_runs=False), archive(("main.tf", MAIN)))
    version = world.services.configurations.newest_upload(alone.id)
    assert version is not None
    world.services.configurations.archive(version.id)
    with pytest.raises(Refused, match="archived"):
        make_asked_run(world.services, alone, Wish("ada", "tfe-api", may_apply=True, version=version))
    assert runs_of(world, alone) == []
