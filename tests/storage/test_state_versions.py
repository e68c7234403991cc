"""States are taken in one pass, and nothing is left of what is refused."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from bot.errors import Refused
from bot.ids import BlobId
from bot.settings import Settings
from bot.state import StateConflict, StateFacts, StateTooLarge, SumMismatch
from handlers.services import Services, open_services
from storage.state_versions import StateStatus, Writer

LIFETIME = timedelta(minutes=15)


def a_state(serial: int, **outputs: str) -> bytes:
    found = {name: {"value": value, "type": "string"} for name, value in outputs.items()}
    return json.dumps({"version": 4, "serial": serial, "lineage": "a", "outputs": found}).encode()


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    found = open_services(Settings(data=tmp_path))
    yield found
    found.close()


@pytest.fixture
def workspace_id(services: Services):  # type: ignore[no-untyped-def]
    organization = services.people.add_organization("acme", "ops@acme.test")
    return services.workspaces.add(organization.id, "prod").id


def blobs(services: Services) -> list[Path]:
    return sorted(path for path in (services.settings.server_folder / "blobs").rglob("*") if path.is_file())


class Broken(io.RawIOBase):
    """A connection that breaks off in the middle."""

    def __init__(self, raw: bytes) -> None:
        self._parts = [raw[: len(raw) // 2]]

    def read(self, size: int = -1) -> bytes:
        if not self._parts:
            raise ConnectionResetError("the client is gone")
        return self._parts.pop()


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (a_state(2)[:-1], Refused),
        (b"x" * 20_000, StateTooLarge),
        (a_state(2), SumMismatch),
        (a_state(2), ConnectionResetError),
    ],
    ids=["cut off", "too large", "wrong sum", "broken connection"],
)
def test_nothing_is_left_of_what_is_refused(services: Services, raw: bytes, error: type[Exception]) -> None:
    intake = services.states.intake
    intake.most_bytes = 10_000
    source = Broken(raw) if error is ConnectionResetError else io.BytesIO(raw)
    with pytest.raises(error):
        intake.receive(cast(BinaryIO, source), announced_md5="0" * 32 if error is SumMismatch else "")
    assert blobs(services) == []


def test_an_announced_state_changes_nothing_until_it_comes(services: Services, workspace_id) -> None:  # type: ignore[no-untyped-def]
    states = services.states
    first = states.store(workspace_id, a_state(1), run_id=None)
    received = states.intake.receive(io.BytesIO(a_state(2, x="y")))
    pending = states.announce(workspace_id, received.facts, Writer(created_by="ada"), force=False, lifetime=LIFETIME)
    assert states.current(workspace_id) == first
    assert states.has_pending(workspace_id)
    done = states.fulfil(pending.id, received, lambda: True)
    assert states.current(workspace_id) == done
    assert (done.status, done.previous_id) == (StateStatus.FINALIZED, first.id if first else None)
    assert not states.has_pending(workspace_id)
    with pytest.raises(StateConflict):
        states.fulfil(pending.id, received, lambda: True)


def test_what_was_overtaken_while_it_was_uploaded_is_not_taken(services: Services, workspace_id) -> None:  # type: ignore[no-untyped-def]
    states = services.states
    received = states.intake.receive(io.BytesIO(a_state(2, who="late")))
    pending = states.announce(workspace_id, received.facts, Writer(), force=False, lifetime=LIFETIME)
    states.store(workspace_id, a_state(2, who="first"), run_id=None)
    with pytest.raises(StateConflict):
        states.fulfil(pending.id, received, lambda: True)
    current = states.current(workspace_id)
    assert current is not None
    assert b"first" in states.read(current)


def test_a_conflict_is_told_before_anything_is_uploaded(services: Services, workspace_id) -> None:  # type: ignore[no-untyped-def]
    services.states.store(workspace_id, a_state(5), run_id=None)
    with pytest.raises(StateConflict):
        services.states.announce(workspace_id, StateFacts(4, "a", "m"), Writer(), force=False, lifetime=LIFETIME)
    assert services.states.count(workspace_id) == 1


def test_unlocking_takes_what_is_on_its_way_along(services: Services, workspace_id) -> None:  # type: ignore[no-untyped-def]
    services.workspaces.lock(workspace_id, "ada", "")
    pending = services.states.announce(workspace_id, StateFacts(1, "a", "m"), Writer(), force=False, lifetime=LIFETIME)
    services.workspaces.unlock(workspace_id)
    assert services.states.get(pending.id).status is StateStatus.DISCARDED


def test_outputs_are_sealed(services: Services, workspace_id) -> None:  # type: ignore[no-untyped-def]
    version = services.states.store(workspace_id, a_state(1, key="only-in-the-state"), run_id=None)
    assert version is not None
    assert services.states.outputs(version)[0].value == "only-in-the-state"
    for path in services.settings.data.rglob("*"):
        assert not path.is_file() or b"only-in-the-state" not in path.read_bytes(), path


def test_a_state_that_is_a_blob_already_may_have_any_size(services: Services) -> None:
    services.states.intake.most_bytes = 10
    blob_id: BlobId = services.blobs.put(a_state(7))
    assert services.states.received(blob_id).facts.serial == 7
    with pytest.raises(Refused):
        services.states.received(services.blobs.put(b"none"))
    assert len(blobs(services)) == 2


MEASURE = """
import resource, sys
from pathlib import Path
from storage.blobs import BlobStore, FileShelf
from storage.encryption import Keyring
from storage.state_intake import StateIntake

TEXT = b"x" * 400

class Large:
    def __init__(self, count):
        self.left = count
        self.parts = [b'{"version": 4, "serial": 3, "lineage": "a", "outputs": {"x": {"value": 1}}, "resources": [0']
    def read(self, length):
        if self.parts:
            return self.parts.pop()
        if self.left == 0:
            self.left = -1
            return b"]}"
        if self.left < 0:
            return b""
        self.left -= 1
        return b"".join(
            b',{"type": "thing", "instances": [{"attributes": {"id": "%d", "n": [1.5], "t": "' % n + TEXT + b'"}}]}'
            for n in range(5000)
        )

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
intake = StateIntake(BlobStore(FileShelf(Path(sys.argv[1])), Keyring(b"k" * 32)), 100_000_000)
state = intake.receive(Large(20))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(state.size, state.facts.serial, state.output_count, (after - before) * 1024)
"""


def test_fifty_megabytes_need_no_more_memory_than_five(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    size, serial, outputs, grown = map(int, done.stdout.split() or pytest.fail(done.stderr))
    assert size > 45_000_000
    assert (serial, outputs) == (3, 1)
    assert grown < 40_000_000, f"{grown // 1_000_000} MB"
