"""Somebody uploads configurations by API, as the CLI and the SDKs do."""

import io
import tarfile
from collections.abc import Callable
from typing import Any

from bot.workspace import Workspace
from tests.fakes.door_world import World

MAIN = b'resource "terraform_data" "one" {}\n'


def archive(*members: tuple[str, bytes], change: Callable[[tarfile.TarInfo], None] = lambda _: None) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            change(member)
            tar.addfile(member, io.BytesIO(content) if member.isfile() else None)
    return packed.getvalue()


def expected(world: World, workspace: Workspace, token: str | None = None, **given: Any) -> dict[str, Any]:
    attributes = {name.replace("_", "-"): value for name, value in given.items()}
    document = {"data": {"type": "configuration-versions", "attributes": attributes}}
    answer = world.ask("POST", f"workspaces/{workspace.id}/configuration-versions", document, token=token)
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
