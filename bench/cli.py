"""How long does the real CLI take with Runlock? A 50 MB state beside a plain file server, a plan beside a local one.

A state is pushed and pulled through the `cloud` block, and through the `http` backend of a server that keeps a file and
does nothing else; a plan runs through the `cloud` block, and in the folder itself. Each is measured in turn, A B A B …;
prints medians, ratios and the web processes' largest memory; fails if the state takes over BOUND_RATIO times as long,
or the memory grows by more than BOUND_MEGABYTES.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.fakes.live_server import LiveServer, live_server
from tests.fakes.terraform_cli import CONFIGURATION, Terminal

BOUND_RATIO = 2.0
BOUND_MEGABYTES = 250
STATE_MEGABYTES = 50


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, live_server(Path(name)) as server:
        folder = Path(name)
        _, _, token = server.organization("acme")
        terminal = Terminal(server, token, folder / "ours")
        terminal.write(terminal.cloud("acme", 'name = "large"'), "")
        terminal.run("init").ok()
        with FileServer(folder / "plain.tfstate") as plain:
            other = Terminal(server, token, folder / "plain")
            other.write(f'backend "http" {{\n  address = "{plain.url}"\n}}', "")
            other.run("init").ok()
            before = largest_memory(server)
            ours, bare = states(terminal, other, options.rounds)
        grown = largest_memory(server) - before
        plans = cloud_plans(server, token, folder, options.rounds)
    ratio = statistics.median(ours) / statistics.median(bare)
    told(f"{STATE_MEGABYTES} MB state, Runlock", ours)
    told(f"{STATE_MEGABYTES} MB state, file server", bare)
    kept = ratio <= BOUND_RATIO and grown <= BOUND_MEGABYTES
    print(f"ratio      {ratio:.2f}, bound {BOUND_RATIO}; memory of a web process grew by {grown:.0f} MB,", end=" ")
    print(f"bound {BOUND_MEGABYTES}: {'kept' if kept else 'BROKEN'}")
    told("plan through the cloud block", plans[0])
    told("the same plan locally", plans[1])
    print(f"ratio      {statistics.median(plans[0]) / statistics.median(plans[1]):.2f} (the CLI asks once a second)")
    return 0 if kept else 1


def states(ours: Terminal, plain: Terminal, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds for a push and a pull, with each. The first round warms up."""
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for place, terminal in enumerate((ours, plain)):
            # The first push into nothing is given a lineage by the CLI; the next ones have to follow it.
            known = json.loads(terminal.run("state", "pull").ok().text) if number else {"serial": 0}
            path = terminal.folder / "large.tfstate"
            lineage = known.get("lineage") or str(uuid.uuid4())
            path.write_text(json.dumps(large_state(lineage, known["serial"] + 1)))
            seconds = timed(lambda t=terminal, p=path: push_and_pull(t, p))
            if number:
                took[place].append(seconds)
    return took


def push_and_pull(terminal: Terminal, path: Path) -> None:
    terminal.run("state", "push", str(path)).ok()
    pulled = terminal.run("state", "pull").ok()
    if len(pulled.text) < STATE_MEGABYTES * 10**6:
        raise SystemExit("the state that came back is too short")


def large_state(lineage: str, serial: int) -> dict[str, Any]:
    """A state as it grows in the wild: many resources with large texts in them."""
    text = "x" * 10_000
    instances = STATE_MEGABYTES * 10**6 // (len(text) + 300) + 1
    return {
        "version": 4,
        "terraform_version": "1.11.4",
        "serial": serial,
        "lineage": lineage,
        "outputs": {},
        "resources": [
            {
                "mode": "managed",
                "type": "terraform_data",
                "name": f"r{number}",
                "provider": 'provider["terraform.io/builtin/terraform"]',
                "instances": [
                    {
                        "schema_version": 0,
                        "attributes": {
                            "id": f"{serial}-{number}",
                            "input": {"type": "string", "value": text},
                            "output": {"type": "string", "value": text[:10]},
                            "triggers_replace": None,
                        },
                        "sensitive_attributes": [],
                    }
                ],
            }
            for number in range(instances)
        ],
    }


def cloud_plans(server: LiveServer, token: str, folder: Path, rounds: int) -> tuple[list[float], list[float]]:
    cloud, local = Terminal(server, token, folder / "cloud"), Terminal(server, token, folder / "local")
    cloud.write(cloud.cloud("acme", 'name = "planned"'), CONFIGURATION)
    local.write("", CONFIGURATION)
    took: tuple[list[float], list[float]] = ([], [])
    for terminal in (cloud, local):
        terminal.run("init").ok()
    for number in range(rounds + 1):
        for place, terminal in enumerate((cloud, local)):
            seconds = timed(lambda t=terminal: t.run("plan").ok())
            if number:
                took[place].append(seconds)
    return took


def timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def largest_memory(server: LiveServer) -> float:
    """The most memory that a web process of this server ever had, in MB."""
    largest = 0.0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            command = (status.parent / "cmdline").read_bytes().split(b"\0")
            environment = (status.parent / "environ").read_bytes()
            if b"web" in command and f"RUNLOCK_DATA={server.folder}".encode() in environment:
                peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
                largest = max(largest, int(peak.split()[1]) / 1000)
        except (OSError, StopIteration):
            continue  # it ended while we looked
    return largest


class FileServer:
    """Keeps what is posted in a file, and gives it back."""

    def __init__(self, path: Path) -> None:
        class Door(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = path.read_bytes() if path.exists() else b""
                self.send_response(200 if content else 204)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                with open(path, "wb") as file:
                    file.write(self.rfile.read(int(self.headers["Content-Length"])))
                    file.flush()
                    os.fsync(file.fileno())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self._server.server_port}/state"

    def __enter__(self) -> "FileServer":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def told(what: str, seconds: list[float]) -> None:
    print(f"{what:28} median {statistics.median(seconds):.2f} s  (min {min(seconds):.2f}, max {max(seconds):.2f})")


if __name__ == "__main__":
    sys.exit(main())
