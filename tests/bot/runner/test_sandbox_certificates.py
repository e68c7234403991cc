"""A sandbox shows what hosts are known by, and none of the keys that lie beside it, though the runner may read them."""

import subprocess
from pathlib import Path

import pytest

from bot.runner.sandbox import SYSTEM_FILES, find_sandbox
from bot.runner.settings import SandboxMode
from bot.runner.work_folder import Rooms

KEYS = ("/etc/ssl/private", "/etc/pki/tls/private", "/etc/pki/CA/private", "/etc/pki/nssdb", "/etc/pki/consumer")


@pytest.mark.parametrize("keys", KEYS)
def test_no_folder_with_keys_is_shown(keys: str) -> None:
    assert not [shown for shown in SYSTEM_FILES if Path(keys).is_relative_to(shown)]


def test_certificates_are_shown_and_their_neighbours_not(tmp_path: Path) -> None:
    rooms = Rooms(*(tmp_path / name for name in ("tree", "inputs", "out", "temporary", "home")))
    for room in (rooms.tree, rooms.inputs, rooms.out):
        room.mkdir()
    sandbox = find_sandbox(SandboxMode.AUTO)

    argv = sandbox.command(["/bin/ls", "/etc/ssl"], rooms, sandbox.rooms(rooms).tree, [])
    seen = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()

    known = {"certs", "cert.pem", "ca-bundle.pem", "openssl.cnf"}
    assert set(seen) == known & {path.name for path in Path("/etc/ssl").iterdir()}
