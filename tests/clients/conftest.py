"""One Runlock for all the clients of a test process, each with an organization of their own."""

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytfe import TFEClient, TFEConfig
from pytfe.models import ConfigurationVersionCreateOptions, Run
from pytfe.models.workspace import Workspace

from storage.people import Organization
from tests.fakes.live_server import LiveServer, live_server
from tests.fakes.terraform_cli import CONFIGURATION, Terminal

PATIENCE_SECONDS = 60
ENGINES = Path(sys.prefix) / "engines"  # 0.11.11 and 1.0.3, from packages


@dataclass
class Desk:
    """An organization, and its owner's terminal in front of the workspace `prod`."""

    server: LiveServer
    organization: Organization
    token: str
    terminal: Terminal

    def colleague(self, folder: Path) -> Terminal:
        """Another terminal in front of the same workspace."""
        other = Terminal(self.server, self.token, folder)
        other.write(other.cloud(self.organization.name, 'name = "prod"'))
        return other


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with live_server(tmp_path_factory.mktemp("live"), RUNLOCK_ENGINES=str(ENGINES)) as server:
        yield server


_numbers = itertools.count(1)


@pytest.fixture
def desk(server: LiveServer, tmp_path: Path) -> Desk:
    return _desk(server, tmp_path)


@pytest.fixture
def ready_desk(server: LiveServer, tmp_path: Path) -> Desk:
    """The same after `terraform init`."""
    desk = _desk(server, tmp_path)
    desk.terminal.run("init", "-no-color").ok()
    return desk


def _desk(server: LiveServer, folder: Path) -> Desk:
    organization, _, token = server.organization(f"acme{next(_numbers)}")
    terminal = Terminal(server, token, folder / "terminal")
    terminal.write(terminal.cloud(organization.name, 'name = "prod"'), CONFIGURATION)
    return Desk(server, organization, token, terminal)


@pytest.fixture
def make_desk(server: LiveServer) -> Callable[[Path], Desk]:
    return lambda folder: _desk(server, folder)


@contextmanager
def opened(desk: Desk, token: str) -> Iterator[TFEClient]:
    """HashiCorp's SDK with that token."""
    client = TFEClient(TFEConfig(address=desk.server.address, token=token, max_retries=0, ca_bundle=None))
    try:
        yield client
    finally:
        client._transport._sync.close()


@pytest.fixture
def client(desk: Desk) -> Iterator[TFEClient]:
    """The SDK with the owner's token."""
    with opened(desk, desk.token) as client:
        yield client


def wait_for(is_so: Callable[[], bool]) -> None:
    """Fails if it takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def wait_until(client: TFEClient, run_id: str, good: Callable[[Run], bool]) -> Run:
    """The run once it is as it should become; fails if that takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        run = client.runs.read(run_id)
        if good(run):
            return run
        assert time.monotonic() < deadline, f"{run_id} is {run.status}"
        time.sleep(0.2)


def uploaded(client: TFEClient, workspace: Workspace, folder: Path, *, auto_queue_runs: bool) -> str:
    """The id of a configuration version with the usual configuration in it."""
    folder.mkdir()
    (folder / "main.tf").write_text(CONFIGURATION)
    options = ConfigurationVersionCreateOptions(auto_queue_runs=auto_queue_runs)
    version = client.configuration_versions.create(workspace.id, options)
    assert version.upload_url
    client.configuration_versions.upload(version.upload_url, str(folder))
    assert client.configuration_versions.read(version.id).status.value == "uploaded"
    return str(version.id)
