"""The workspace prod, states as Terraform writes them, and what people ask of both."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

from werkzeug.test import TestResponse

from bot.workspace import Workspace
from tests.fakes.door_world import World

LINEAGE = "0f8fad5b-d9cb-469f-a165-70867728950e"
OUTPUTS = {
    "address": {"value": "10.0.0.1", "type": "string"},
    "count": {"value": 3, "type": "number"},
    "names": {"value": ["a", "b"], "type": ["list", "string"]},
    "password": {"value": "hunter2", "type": "string", "sensitive": True},
}


def a_state(serial: int, lineage: str = LINEAGE, outputs: dict[str, Any] | None = None, **more: Any) -> bytes:
    """As Terraform writes one."""
    document = {
        "version": 4,
        "terraform_version": "1.11.4",
        "serial": serial,
        "lineage": lineage,
        "outputs": outputs or {},
        "resources": [],
        **more,
    }
    return json.dumps(document, indent=2).encode()


def md5(raw: bytes) -> str:
    return hashlib.md5(raw, usedforsecurity=False).hexdigest()


def serial_of(raw: bytes) -> int:
    """5 for bytes that say none."""
    try:
        return int(json.loads(raw)["serial"])
    except (ValueError, TypeError, KeyError):
        return 5


def said(answer: TestResponse) -> str:
    detail: str = answer.json["errors"][0]["detail"]
    return detail


class Prod:
    """The workspace prod, and what people ask of its states."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.workspace: Workspace = world.workspace()
        self.path = f"workspaces/{self.workspace.id}"

    def lock(self, token: str | None = None) -> None:
        assert self.world.ask("POST", f"{self.path}/actions/lock", token=token).status_code == 200

    def create(self, raw: bytes, *, token: str | None = None, run: str = "", **attributes: Any) -> TestResponse:
        """POST with the state in the document unless `state` says otherwise."""
        told: dict[str, Any] = {
            "serial": serial_of(raw),
            "md5": md5(raw),
            "lineage": LINEAGE,
            "state": base64.b64encode(raw).decode(),
            **attributes,
        }
        attributes = {name: value for name, value in told.items() if value is not None}
        data: dict[str, Any] = {"type": "state-versions", "attributes": attributes}
        if run:
            data["relationships"] = {"run": {"data": {"type": "runs", "id": run}}}
        return self.world.ask("POST", f"{self.path}/state-versions", {"data": data}, token=token)

    def announce(self, raw: bytes, **attributes: Any) -> dict[str, str]:
        answer = self.create(raw, state=None, **attributes)
        assert answer.status_code == 201, answer.text
        found: dict[str, str] = {**answer.json["data"]["attributes"], "id": answer.json["data"]["id"]}
        return found

    def put(self, url: str, raw: bytes) -> TestResponse:
        """An upload, as clients send it: with nothing but the address."""
        return self.world.app.test_client().put(
            urlsplit(url).path, data=raw, headers={"Content-Type": "application/octet-stream"}
        )

    def upload(self, raw: bytes) -> TestResponse:
        return self.put(self.announce(raw)["hosted-state-upload-url"], raw)

    def current(self) -> bytes | None:
        version = self.world.services.states.current(self.workspace.id)
        return self.world.services.states.read(version) if version else None

    def stored(self, raw: bytes, **facts: Any) -> str:
        version = self.world.services.states.store(self.workspace.id, raw, run_id=None, **facts)
        assert version is not None
        return version.id

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.world.ask("GET", path, **more)

    def blobs(self) -> int:
        return sum(1 for file in (self.world.services.settings.server_folder / "blobs").rglob("blob-*"))
