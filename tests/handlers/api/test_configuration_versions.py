"""Configuration versions: expected, uploaded under an address of their own, looked through, run, and read again."""

import gzip
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from bot.ids import BlobId
from bot.workspace import Workspace
from handlers import configuration_uploads
from tests.fakes.door_world import SHA, World
from tests.fakes.uploads import MAIN, archive, expected, runs_of, shown, upload


@pytest.fixture
def alone(world: World) -> Workspace:
    return world.services.workspaces.add(world.organization.id, "alone")


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
    with configuration_uploads.turns.turn("user-1", 0, ""), configuration_uploads.turns.turn("user-2", 0, ""):
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


def test_a_bomb_is_refused(world: World, alone: Workspace) -> None:
    first = tarfile.TarInfo("zeros")
    first.size = 3 * 1024**3
    bomb = gzip.compress(first.tobuf() + bytes(5_000_000))
    assert len(bomb) < 20_000
    assert "too large" in upload(world, expected(world, alone), bomb).json["errors"][0]["detail"]


@pytest.mark.parametrize("size", [1_000_001, 1_000_002, 2_500_000])
def test_an_archive_over_the_limit_is_refused(world: World, alone: Workspace, size: int) -> None:
    object.__setattr__(world.services.settings, "largest_configuration_megabytes", 1)
    version = expected(world, alone)
    assert upload(world, version, bytes(size)).status_code == 422
    assert "more than 1 MB" in shown(world, version)["error-message"]
    assert shown(world, version)["status"] == "errored"


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


def test_the_run_that_a_configuration_made_comes_with_it(world: World, alone: Workspace) -> None:
    made = expected(world, alone)
    path, asked = f"configuration-versions/{made['id']}", {"include": "run"}
    waiting = world.ask("GET", path, query_string=asked).json
    assert waiting["data"]["relationships"]["run"] == {"data": None}
    assert "included" not in waiting
    assert "run" not in world.ask("GET", path).json["data"]["relationships"]
    upload(world, made, archive(("main.tf", MAIN)))
    (first,) = runs_of(world, alone)
    world.run(alone, configuration_version_id=made["id"], repository_id=None)  # the same once more
    alone_again = world.ask("GET", path, query_string=asked).json
    assert alone_again["data"]["relationships"]["run"] == {"data": {"type": "runs", "id": first.id}}
    assert alone_again["included"] == [world.ask("GET", f"runs/{first.id}").json["data"]]
    listed = world.ask("GET", f"workspaces/{alone.id}/configuration-versions", query_string=asked).json
    assert listed["data"] == [alone_again["data"]]
    assert listed["included"] == alone_again["included"]


def test_of_a_commit_that_several_workspaces_ran_only_the_run_here_comes_with_it(world: World) -> None:
    prod, test = world.workspace("prod"), world.workspace("test")
    assert prod.repository_id is not None
    version = world.services.configurations.add(
        prod.repository_id, SHA, submodules=False, blob_id=BlobId("b"), message="Grow", author="Ada"
    )
    runs = {each.id: world.run(each, configuration_version_id=version.id) for each in (prod, test)}
    for workspace_id, run in runs.items():
        path = f"workspaces/{workspace_id}/configuration-versions"
        included = world.ask("GET", path, query_string={"include": "run"}).json["included"]
        assert [each["id"] for each in included] == [run.id]


def test_an_upload_and_its_run_are_kept_together(
    world: World, alone: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a process that ends between the two leaves an archive of which nothing ever makes the run."""
    version = expected(world, alone)

    def ends_here(*_: Any) -> None:
        raise SystemExit(9)

    with monkeypatch.context() as patched:
        patched.setattr(configuration_uploads, "run_of_upload", ends_here)
        with pytest.raises(SystemExit):
            upload(world, version, archive(("main.tf", MAIN)))
    assert shown(world, version)["status"] == "pending"
    assert upload(world, version, archive(("main.tf", MAIN))).status_code == 200  # as its client does
    assert len(runs_of(world, alone)) == 1


def test_an_upload_that_makes_no_run_stays(world: World, alone: Workspace) -> None:
    version = expected(world, alone)
    world.services.workspaces.change(alone.id, {"execution_mode": "local"})
    refused = upload(world, version, archive(("main.tf", MAIN)))
    assert (refused.status_code, "execution-mode local" in refused.text) == (422, True)
    assert shown(world, version)["status"] == "uploaded"
    assert runs_of(world, alone) == []
