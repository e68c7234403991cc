"""How much does Runlock add to the bare commands? From delivery accepted to status and comment at the host.

Both are measured in turn, A B A B …, on real input: a repository served over HTTP, the real engine, the processes
of `runlock serve`. Prints both medians, the difference and the ratio; fails above BOUND_SECONDS of difference.
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bot.connection import Provider
from bot.settings import Settings
from handlers.reactions.joining import VcsChoice, create_workspace
from handlers.services import Services, open_services
from tests.fakes.github import FakeGitHub
from tests.fakes.github_model import FakeRepository

BOUND_SECONDS = 0.5
PATIENCE_SECONDS = 60
PAUSE_SECONDS = 5  # Runlock keeps within 60 writes a minute in a repository; a run takes five
CONFIGURATION = 'resource "terraform_data" "one" {{\n  input = "{}"\n}}\n'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--warm-up", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, FakeGitHub(Path(folder) / "host") as host:
        ours, bare = measure(Path(folder), host, options.runs, options.warm_up)
    difference = statistics.median(ours) - statistics.median(bare)
    print(f"by hand  median {statistics.median(bare):.3f} s  (min {min(bare):.3f}, max {max(bare):.3f})")
    print(f"Runlock  median {statistics.median(ours):.3f} s  (min {min(ours):.3f}, max {max(ours):.3f})")
    print(f"added    {difference:.3f} s, ratio {statistics.median(ours) / statistics.median(bare):.2f}")
    print(f"bound    {BOUND_SECONDS} s: {'kept' if difference <= BOUND_SECONDS else 'BROKEN'}")
    return 0 if difference <= BOUND_SECONDS else 1


def measure(folder: Path, host: FakeGitHub, runs: int, warm_up: int) -> tuple[list[float], list[float]]:
    repo = host.create_repository("acme/infra", files={"main.tf": CONFIGURATION.format("start")})
    alice = host.person("alice", role="admin", repo=repo)
    ours: list[float] = []
    bare: list[float] = []
    with serving(folder) as (settings, services):
        prepare(services, host, repo)
        clone = folder / "clone"
        subprocess.run(["git", "clone", "--quiet", with_token(repo, host), str(clone)], check=True)
        for number in range(warm_up + runs):
            branch = f"change-{number}"
            repo.push(branch, {"main.tf": CONFIGURATION.format(number)}, by=alice)
            by_hand = time_by_hand(clone, branch)
            pull = repo.open_pull(branch, by=alice)
            host.pending[:-1] = []  # only the pull request's own delivery
            took = time_runlock(host, repo, pull, settings)
            time.sleep(PAUSE_SECONDS)
            if number >= warm_up:
                bare.append(by_hand)
                ours.append(took)
    return ours, bare


def time_by_hand(clone: Path, branch: str) -> float:
    """What a person would type: fetch, check out, init, plan."""
    shutil.rmtree(clone / ".terraform", ignore_errors=True)
    began = time.monotonic()
    subprocess.run(["git", "fetch", "--quiet", "origin", branch], cwd=clone, check=True)
    subprocess.run(["git", "checkout", "--quiet", "FETCH_HEAD"], cwd=clone, check=True)
    environment = {**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    environment.pop("TF_CLI_CONFIG_FILE", None)
    for command in (["init", "-input=false"], ["plan", "-input=false", "-out=plan.bin"]):
        subprocess.run(["terraform", *command], cwd=clone, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.monotonic() - began


def time_runlock(host: FakeGitHub, repo: FakeRepository, pull: object, settings: Settings) -> float:
    head = repo.head(pull.head_branch)  # type: ignore[attr-defined]
    host.deliver()
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_SECONDS:
        status = repo.statuses(head).get("runlock/plan")
        comments = pull.comments  # type: ignore[attr-defined]
        if status is not None and status.state == "success" and comments and "1 to add" in comments[0].body:
            return time.monotonic() - began
        time.sleep(0.005)
    raise SystemExit(f"no status and comment within {PATIENCE_SECONDS} s; data under {settings.data}")


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[Settings, Services]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "RUNLOCK_DATA": str(folder / "data"), "RUNLOCK_PORT": str(port)}
    environment["RUNLOCK_ADDRESS"] = f"http://127.0.0.1:{port}"
    settings = Settings.from_environment(environment)
    with open(folder / "serve.log", "wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "handlers.cli", "serve"],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    services = open_services(settings)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/readyz")
        yield settings, services
    finally:
        services.close()
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def wait_until_ready(url: str) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.1)
    raise SystemExit("the server did not start")


def prepare(services: Services, host: FakeGitHub, repo: FakeRepository) -> None:
    organization = services.people.add_organization("acme", "ops@acme.test")
    connection = services.connections.add(
        organization.id,
        Provider.GITHUB_ENTERPRISE,
        name="host",
        http_url=host.url,
        api_url=host.api_url,
        token=host.token,
    )
    create_workspace(services, organization, "prod", {}, VcsChoice(connection, repo.full_name))


def with_token(repo: FakeRepository, host: FakeGitHub) -> str:
    """A throw-away token of a double: the clone by hand needs it, and nobody else can use it."""
    return repo.clone_url.replace("://", f"://x-access-token:{host.token}@")


if __name__ == "__main__":
    sys.exit(main())
