"""How many durable deliveries does the webhook door take in a second? Beside a bare WSGI app with the same duty.

The bare app does one HMAC over the body and one durable insert, behind the same server with the same threads.
Both are measured in turn, A B A B …, and each of ours is compared with the bare one right after it: what else the
machine does passes by both. Prints both medians and the median of these ratios: for a few clients, to be looked at, and
for a crowd, twice as many as the bare app has threads, so that both do all they can. There it fails below BOUND_RATIO.
"""

import argparse
import contextlib
import hashlib
import hmac
import http.client
import itertools
import json
import os
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.connection import Provider
from bot.events import HostRepository
from bot.settings import Settings
from handlers.services import open_services

BOUND_RATIO = 0.6
CROWD = 32  # clients
FEW = 8
SECRET = "0" * 64
HOST_ID = "4711"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rates = measure(Path(folder), options.rounds, options.seconds)
    _, crowd = (show(clients, *rates[clients]) for clients in (FEW, CROWD))
    print(f"bound      {BOUND_RATIO} with {CROWD} clients: {'kept' if crowd >= BOUND_RATIO else 'BROKEN'}")
    return 0 if crowd >= BOUND_RATIO else 1


def show(clients: int, ours: list[float], bare: list[float]) -> float:
    ratio = statistics.median(one / other for one, other in zip(ours, bare, strict=True))
    print(f"{clients} clients")
    print(f"bare WSGI  median {statistics.median(bare):.0f} deliveries/s (min {min(bare):.0f}, max {max(bare):.0f})")
    print(f"the door   median {statistics.median(ours):.0f} deliveries/s (min {min(ours):.0f}, max {max(ours):.0f})")
    print(f"ratio      {ratio:.2f}")
    return ratio


def measure(folder: Path, rounds: int, seconds: float) -> dict[int, tuple[list[float], list[float]]]:
    """Rates of the door and of the bare app, by number of clients."""
    rates: dict[int, tuple[list[float], list[float]]] = {FEW: ([], []), CROWD: ([], [])}
    settings, path, secret = prepare(folder)
    door_environment = {"RUNLOCK_DATA": str(settings.data), "RUNLOCK_PORT": str(settings.port)}
    bare_port = free_port()
    bare_command = [sys.executable, __file__, "--serve-bare", str(folder / "bare.db"), str(bare_port)]
    door_command = [sys.executable, "-m", "handlers.cli", "web"]
    with running(door_command, settings.port, door_environment), running(bare_command, bare_port, {}):
        for clients, number in itertools.product(rates, range(rounds + 1)):
            run = f"{clients}-{number}"
            ours = load(settings.port, path, secret, clients, seconds, run)
            bare = load(bare_port, "/hook", SECRET, clients, seconds, run)
            if number:  # the first round warms up
                rates[clients][0].append(ours)
                rates[clients][1].append(bare)
    return rates


def prepare(folder: Path) -> tuple[Settings, str, str]:
    """A connection and a repository that the door knows; where to post, and the secret to sign with."""
    settings = Settings(data=folder / "data", port=free_port())
    services = open_services(settings)
    organization = services.people.add_organization("acme", "ops@acme.test")
    connection = services.connections.add(
        organization.id, Provider.GITHUB, name="GitHub", http_url="http://x", api_url="http://x", token="x"
    )
    repository = services.repositories.know(connection.id, HostRepository(HOST_ID, "acme/infra", "http://x", "main"))
    services.close()
    return settings, f"/webhooks/{connection.id}", repository.webhook_secret


def load(port: int, path: str, secret: str, clients: int, seconds: float, run: str) -> float:
    """Deliveries per second that were answered 202, from clients that each wait for their answer."""
    body = json.dumps(a_push()).encode()
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    counts = [0] * clients
    deadline = time.monotonic() + seconds

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while time.monotonic() < deadline:
            headers = {
                "Content-Type": "application/json",
                "X-GitHub-Event": "push",
                "X-GitHub-Delivery": f"{run}-{number}-{counts[number]}",
                "X-Hub-Signature-256": signature,
            }
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 202:
                raise SystemExit(f"the answer was {answer.status}")
            counts[number] += 1
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - began)


def a_push() -> dict[str, Any]:
    """A push as GitHub sends it, with twenty commits of three files: about 10 KB."""
    commits = [
        {
            "id": f"{number:040x}",
            "message": "A change of some length, as people write them",
            "added": [f"envs/prod/new{number}.tf"],
            "removed": [],
            "modified": [f"modules/network/file{number}.tf", "README.md"],
            "author": {"name": "Ada", "email": "ada@example.com"},
        }
        for number in range(1, 20)
    ]
    repository = {
        "id": int(HOST_ID),
        "full_name": "acme/infra",
        "clone_url": "http://x",
        "default_branch": "main",
        "html_url": "http://x",
    }
    head = commits[-1]
    return {
        "ref": "refs/heads/main",
        "before": "a" * 40,
        "after": head["id"],
        "created": False,
        "deleted": False,
        "forced": False,
        "commits": commits,
        "head_commit": head,
        "repository": repository,
        "sender": {"id": 1, "login": "ada"},
        "pusher": {"name": "ada"},
    }


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextlib.contextmanager
def running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env={**os.environ, **environment}, start_new_session=True)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def serve_bare(database: str, port: int) -> None:
    """The bare app: verify, insert durably, 202."""
    from handlers.cli.web import listen, serve_app

    local = threading.local()
    setup = sqlite3.connect(database)
    setup.execute("PRAGMA journal_mode = WAL")
    setup.execute("CREATE TABLE IF NOT EXISTS deliveries (id TEXT UNIQUE, body BLOB)")
    setup.close()

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if not hasattr(local, "connection"):
            local.connection = sqlite3.connect(database, timeout=30, isolation_level=None)
            local.connection.execute("PRAGMA synchronous = FULL")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        wanted = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, environ.get("HTTP_X_HUB_SIGNATURE_256", "")):
            start_response("401 Unauthorized", [])
            return [b""]
        row = (environ["HTTP_X_GITHUB_DELIVERY"], body)
        local.connection.execute("INSERT INTO deliveries VALUES (?, ?)", row)
        start_response("202 Accepted", [("Content-Length", "0")])
        return [b""]

    serve_app(app, listen("127.0.0.1", port))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve-bare"]:
        arguments = sys.argv[2:]
        sys.argv[1:] = []
        serve_bare(arguments[0], int(arguments[1]))
    else:
        sys.exit(main())
