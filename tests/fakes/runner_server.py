"""Runlock's runner API and one workspace's state, in memory, over real HTTP."""

import base64
import gzip
import io
import json
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

POOL_TOKEN = "pool-token-0123456789"
RUN_TOKEN = "run-token-9876543210"


@dataclass
class FakeJob:
    """One stage job as the server sees it."""

    document: dict[str, Any]
    downloads: dict[str, bytes]
    uploads: dict[str, bytes] = field(default_factory=dict)
    log: bytearray = field(default_factory=bytearray)
    log_requests: int = 0
    result: dict[str, Any] | None = None
    lease_id: str = ""
    lease_until: float = 0
    engine: dict[str, str] = field(default_factory=dict)
    claims: list[str] = field(default_factory=list)
    signal: str = "none"
    order: list[str] = field(default_factory=list)  # what arrived, in order
    refused: list[str] = field(default_factory=list)  # what came with a stale lease

    @property
    def text(self) -> str:
        return self.log.decode(errors="replace")

    @property
    def token(self) -> str:
        return f"job-token-of-{self.document['id']}"


class FakeRunlock:
    """`lease_seconds` holds for every claim; `trouble` answers that many requests with 503 first."""

    def __init__(self, lease_seconds: float = 30) -> None:
        self.jobs: dict[str, FakeJob] = {}
        self.lease_seconds = lease_seconds
        self.trouble = 0
        self.is_away = threading.Event()  # every request is answered 503 while it is set
        self.trickling: set[str] = set()  # downloads that come a byte a second, and so never end
        self.state: bytes | None = None
        self.states: list[bytes] = []
        self.state_passwords: list[str] = []
        self.state_status = 200  # what a push is answered
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._server = _Server(self)
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.02))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "FakeRunlock":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def plan(self, files: dict[str, str | bytes], **changes: Any) -> FakeJob:
        """A plan job for a configuration of these files."""
        return self.add(self._document("plan", **changes), {"configuration": tar_of(files)})

    def apply(self, planned: FakeJob, **changes: Any) -> FakeJob:
        """The apply job of a plan job that succeeded."""
        assert planned.result is not None
        assert planned.result["outcome"] == "succeeded", planned.result
        facts = {name: planned.document[name] for name in planned.document if name not in ("id", "stage")}
        facts |= {"engine_version": planned.result["engine_version"], "plan_digest": planned.result["plan_digest"]}
        downloads = {name: planned.uploads[name] for name in ("plan", "work-folder")}
        return self.add(self._document("apply", **{**facts, **changes}), downloads)

    def add(self, document: dict[str, Any], downloads: dict[str, bytes]) -> FakeJob:
        job = FakeJob(document, downloads)
        with self.lock:
            self.jobs[document["id"]] = job
        return job

    def _document(self, stage: str, **changes: Any) -> dict[str, Any]:
        document = {
            "id": f"job-{len(self.jobs) + 1}",
            "run_id": "run-7",
            "stage": stage,
            "hostname": "runlock.example.com",
            "organization": "acme",
            "workspace": "prod",
            "workspace_id": "ws-1",
            "engine": "terraform",
            "engine_version": "",
            "project": "Payments",
            "working_directory": "",
            "is_destroy": False,
            "options": {
                "refresh": True,
                "refresh_only": False,
                "generates_configuration": False,
                "allows_empty_apply": False,
                "structured_output": False,
                "drawn_by_client": False,
                "targets": [],
                "replaces": [],
            },
            "variables": [],
            "api_url": "",
            "state_url": f"{self.url}/state/acme/prod?run=run-7",
            "run_token": RUN_TOKEN,
            "address": "https://runlock.example.com",
            "commit_sha": "0" * 40,
            "branch": "main",
            "tag": "",
            "timeout_seconds": 60,
            "plan_digest": "",
            "foreign": False,
            "registered_versions": [],
        }
        return {**document, **changes}

    def expire(self, job: FakeJob) -> None:
        with self.lock:
            job.lease_until = 0

    @contextmanager
    def waiting_for(self, seconds: float = 20) -> Iterator["Waiting"]:
        yield Waiting(self, time.monotonic() + seconds)


@dataclass
class Waiting:
    server: FakeRunlock
    until: float

    def log_has(self, job: FakeJob, text: str) -> None:
        self.true(lambda: text in job.text, f"{text!r} in the log")

    def true(self, question: Any, what: str) -> None:
        while not question():
            assert time.monotonic() < self.until, f"waited in vain for {what}"
            time.sleep(0.02)


def tar_of(files: dict[str, str | bytes], *, packed: bool = False) -> bytes:
    """A tar as the server makes one of a commit."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue()) if packed else buffer.getvalue()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, runlock: FakeRunlock) -> None:
        self.runlock = runlock
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """An engine or a runner that was killed breaks off its connections: that is what the tests are about."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement
    server: "_Server"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._handle()

    do_PUT = do_POST = do_GET  # noqa: N815

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        address = urlsplit(self.path)
        if self.command == "GET" and address.path.split("/")[-1] in self.server.runlock.trickling:
            return self._trickle()
        with self.server.runlock.lock:
            if address.path.startswith("/state/"):
                return self._state(body)
            if self.server.runlock.is_away.is_set() or self.server.runlock.trouble > 0:
                self.server.runlock.trouble -= 1
                return self._answer(503, {"error": "try later"})
            parts = address.path.split("/")
            job = self.server.runlock.jobs.get(parts[4]) if address.path.startswith("/runner/v1/jobs/") else None
            if job is None:
                return self._answer(409, {"error": "gone"})
            if parts[5] == "claim":
                return self._claim(job, json.loads(body))
            return self._of_job(job, parts[5], parse_qs(address.query), body)

    def _trickle(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while True:  # until the runner breaks it off
            self.wfile.write(b"\0")
            time.sleep(1)

    def _claim(self, job: FakeJob, body: dict[str, Any]) -> None:
        if self.headers.get("Authorization") != f"Bearer {POOL_TOKEN}":
            return self._answer(401, {"error": "unknown token"})
        if job.result is not None or job.lease_until > time.monotonic():
            return self._answer(409, {"error": "somebody has it"})
        job.claims.append(body["runner"])
        job.lease_id = f"lease-{len(job.claims)}"
        job.lease_until = time.monotonic() + self.server.runlock.lease_seconds
        answer = {"job": job.document, "job_token": job.token, "lease_id": job.lease_id}
        return self._answer(200, {**answer, "lease_seconds": self.server.runlock.lease_seconds})

    def _of_job(self, job: FakeJob, what: str, query: dict[str, list[str]], body: bytes) -> None:
        if self.headers.get("Authorization") != f"Bearer {job.token}":
            return self._answer(401, {"error": "unknown token"})
        if self.headers.get("X-Runlock-Lease") != job.lease_id or job.result is not None:
            job.refused.append(what)
            return self._answer(409, {"error": "stale lease"})
        if self.command == "GET":
            return self._answer(200, job.downloads[what])
        job.order.append(what)
        if what == "heartbeat":
            job.lease_until = time.monotonic() + self.server.runlock.lease_seconds
            return self._answer(200, {"signal": job.signal})
        if what == "log":
            return self._log(job, int(query["offset"][0]), body)
        if what == "result":
            job.result = json.loads(body)
        elif what == "engine":
            job.engine = json.loads(body)
        else:
            job.uploads[what] = body
        return self._answer(200, {})

    def _log(self, job: FakeJob, offset: int, body: bytes) -> None:
        job.log_requests += 1
        if offset > len(job.log):
            return self._answer(409, {"size": len(job.log)})
        job.log += body[len(job.log) - offset :]
        return self._answer(200, {"size": len(job.log)})

    def _state(self, body: bytes) -> None:
        kind, _, credentials = self.headers.get("Authorization", "").partition(" ")
        password = base64.b64decode(credentials).decode().partition(":")[2] if kind == "Basic" else ""
        self.server.runlock.state_passwords.append(password)
        if password != RUN_TOKEN:
            return self._answer(401, {})
        if self.command == "GET":
            return self._answer(200, self.server.runlock.state) if self.server.runlock.state else self._answer(404, {})
        if self.server.runlock.state_status == 200:
            self.server.runlock.state = body
            self.server.runlock.states.append(body)
        return self._answer(self.server.runlock.state_status, {})

    def _answer(self, status: int, body: bytes | dict[str, Any]) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
