"""A whole Runlock as people start it: `runlock serve` on a port of its own, with real queues, workers and a runner."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.settings import Settings
from handlers.services import Services, open_services
from storage.people import Organization, User
from storage.tokens import TokenKind

START_SECONDS = 60
STOP_SECONDS = 60


@dataclass
class LiveServer:
    """`services` looks into the same data folder, as a command of `runlock` does."""

    address: str
    folder: Path
    services: Services

    @property
    def netloc(self) -> str:
        return self.address.removeprefix("http://")

    def organization(self, name: str) -> tuple[Organization, User, str]:
        """A new organization, its owner, and the owner's API token."""
        organization = self.services.people.add_organization(name, f"ops@{name}.test")
        owner = self.services.people.add_user(f"{name}-owner", f"owner@{name}.test")
        self.services.people.make_owner(organization.id, owner.id)
        return organization, owner, self.services.tokens.give(TokenKind.USER, owner.id, "for a test")

    def log(self) -> str:
        return (self.folder / "serve.log").read_text(errors="replace")


@contextlib.contextmanager
def live_server(folder: Path, **environment: str) -> Iterator[LiveServer]:
    port = _free_port()
    address = f"http://localhost:{port}"
    told = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("RUNLOCK_", "TF_"))},
        "RUNLOCK_DATA": str(folder / "data"),
        "RUNLOCK_PORT": str(port),
        "RUNLOCK_ADDRESS": address,
        **environment,
    }
    with open(folder / "serve.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "handlers.cli", "serve"],
            env=told,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    services = open_services(Settings.from_environment(told))
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/readyz")
        yield LiveServer(address, folder, services)
    finally:
        services.close()
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.1)
    raise TimeoutError(f"no server answers at {url}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
