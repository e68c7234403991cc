"""What does the hook of a plain repository meet? A door that takes deliveries and tells how they go on."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bot.vcs import git_webhook
from tests.fakes.git_repositories import Work

SECRET = "s3cr3t-of-the-hook"
FOLLOW = "/webhooks/oc-1/deliveries/17"


@dataclass
class Runlock:
    """A door like Runlock's: takes deliveries, then tells `progress` step by step to whoever follows."""

    progress: list[dict[str, Any]] = field(default_factory=lambda: [{"lines": [], "done": True}])
    answer: dict[str, Any] = field(default_factory=lambda: {"delivery": "17", "follow": FOLLOW})
    status: int = 202
    deliveries: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    follows: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""


@contextmanager
def a_door() -> Iterator[Runlock]:
    """The door, open on a loopback port of its own."""
    door = Runlock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            door.deliveries.append((dict(self.headers), body))
            self._answer(door.status, door.answer)

        def do_GET(self) -> None:
            door.follows.append((self.path, dict(self.headers)))
            step = door.progress[min(len(door.follows), len(door.progress)) - 1]
            self._answer(200, step)

        def _answer(self, status: int, content: object) -> None:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    door.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/oc-1"
    try:
        yield door
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def push(work: Work, *refs: str, **environment: str) -> list[str]:
    """Push, which must succeed; the `remote:` lines."""
    variables = {"PATH": os.environ["PATH"], "HOME": os.devnull, "GIT_CONFIG_GLOBAL": os.devnull, **environment}
    argv = ["git", "push", "--force", str(work.bare), *(refs or ("HEAD:refs/heads/main",))]
    done = subprocess.run(argv, cwd=work.folder, env=variables, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.decode().splitlines()
    return [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]


def events(runlock: Runlock) -> list[object]:
    """The last delivery as Runlock reads it, after checking whom it is from."""
    headers, body = runlock.deliveries[-1]
    assert git_webhook.verify(SECRET, body, headers)
    assert not git_webhook.verify("other", body, headers)
    return list(git_webhook.parse_all(git_webhook.event_name(headers), json.loads(body)))
