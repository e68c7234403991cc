"""How does a nudge become work? A Huey queue with messages of our own, and the consumer that reads it.

A task carries ids only; one that is lost, doubled or late changes nothing (DESIGN, invariant 1).
"""

import importlib
import json
import logging
import signal
import sqlite3
import threading
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from huey import Huey
from huey.consumer import Consumer
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import PostgresStorage, PriorityRedisStorage, SqliteStorage

from bot.errors import Refused, RunlockError
from bot.runner.execute import Shutdown, execute_stage
from bot.runner.settings import RunnerSettings
from bot.runner.work_folder import sweep

EXECUTE = "execute"
POLL_SECONDS = 0.05  # Huey's own maximum of 10 s made an idle consumer take 3.4 s to see a job
# Seconds to connect to a queue, and to wait for its answer: a machine that goes away silently holds nobody for ever.
CONNECT_SECONDS, ANSWER_SECONDS = 10, 60
LARGEST_MESSAGE = 64 * 1024  # characters
# Huey's fields of a message, in its order, with the types that we send; the rest is always null.
_SENT_FIELDS: dict[str, tuple[type, ...]] = {
    "id": (str,),
    "name": (str,),
    "eta": (str, type(None)),
    "retries": (int, type(None)),
    "retry_delay": (int, float, type(None)),
    "priority": (int, float, type(None)),
    "args": (list, type(None)),
    "kwargs": (dict, type(None)),
    "retry_backoff": (int, float, type(None)),
}
log = structlog.get_logger()


class BadMessage(RunlockError):
    """Something in the queue that we didn't write, or didn't mean to."""


class JsonSerializer(Serializer):  # type: ignore[misc]  # Huey has no types
    """Messages as a JSON list. Never pickle: one that somebody slips into the queue would run code in its reader."""

    def _serialize(self, data: object) -> bytes:
        if not isinstance(data, Message):
            raise BadMessage(f"only messages go into a queue, not {type(data).__name__}")
        fields = data._asdict()
        eta = fields["eta"]
        fields["eta"] = eta.isoformat() if isinstance(eta, datetime) else eta
        fields["args"] = list(fields["args"] or ())
        _check(fields)
        return json.dumps([fields[name] for name in Message._fields], separators=(",", ":")).encode()

    def _deserialize(self, data: bytes) -> Any:
        try:
            values = json.loads(bytes(data[: LARGEST_MESSAGE + 1]))
        except (ValueError, RecursionError) as error:
            raise BadMessage("a message in the queue is not JSON") from error
        if not isinstance(values, list) or len(values) != len(Message._fields):
            raise BadMessage("a message in the queue is not a list of Huey's fields")
        fields = dict(zip(Message._fields, values, strict=True))
        _check(fields)
        try:
            fields["eta"] = datetime.fromisoformat(fields["eta"]) if fields["eta"] else None
        except ValueError as error:
            raise BadMessage("a message in the queue has a time that is none") from error
        return Message(**{**fields, "args": tuple(fields["args"] or ()), "kwargs": fields["kwargs"] or {}})


def _check(fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if isinstance(value, bool) or not isinstance(value, _SENT_FIELDS.get(name, (type(None),))):
            raise BadMessage(f"a message in the queue has a wrong {name}")
    arguments = [*(fields["args"] or ()), *(fields["kwargs"] or {}).values()]
    if not all(isinstance(argument, str | int | float | bool | None) for argument in arguments):
        raise BadMessage("a message in the queue carries more than ids")


class _Connection(sqlite3.Connection):
    """A queue's connection. Not synced at each nudge: one that is lost with the machine's power is swept up."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.execute("PRAGMA synchronous = NORMAL")


def open_queue(url: str, name: str) -> Huey:
    """A queue in a SQLite file of its own (`sqlite:///PATH` or a path), in Redis or in PostgreSQL.

    Raises Refused for any other kind of address.
    """
    common: dict[str, Any] = {"results": False, "utc": True, "serializer": JsonSerializer()}
    scheme = urlsplit(url).scheme if "://" in url else "sqlite"
    if scheme == "sqlite":
        path = Path(url.removeprefix("sqlite://"))
        path.parent.mkdir(parents=True, exist_ok=True)
        # Strictly in order, and safe against a crash of the process: a nudge lost with the machine is swept up.
        return Huey(
            name, storage_class=SqliteStorage, filename=str(path), strict_fifo=True, factory=_Connection, **common
        )
    if scheme in ("redis", "rediss", "unix"):
        return Huey(name, storage_class=PriorityRedisStorage, connection_pool=_redis_pool(url), **common)
    if scheme in ("postgresql", "postgres"):
        return Huey(name, storage_class=PostgresStorage, dsn=url, **_postgres_limits(), **common)
    raise Refused(f"a queue can't be at {scheme}://…; it can be sqlite, redis:// or postgresql://")


def _redis_pool(url: str) -> Any:
    redis = importlib.import_module("redis")
    return redis.ConnectionPool.from_url(url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=ANSWER_SECONDS)


def _postgres_limits() -> dict[str, int]:
    """libpq has no limit for an answer, but it notices that nobody is there any more."""
    return {
        "connect_timeout": CONNECT_SECONDS,
        "tcp_user_timeout": ANSWER_SECONDS * 1000,
        "keepalives_idle": ANSWER_SECONDS // 2,
        "keepalives_interval": ANSWER_SECONDS // 6,
        "keepalives_count": 3,
    }


def nudge(queue: Huey, job_id: str, priority: int = 0) -> None:
    """Tell the runners of this queue that there is a job; a larger priority is read first.

    Needs no task of theirs to be known here.
    """
    message = Message(str(uuid.uuid4()), f"{__name__}.{EXECUTE}", args=(job_id,), kwargs={})
    queue.storage.enqueue(queue.serializer.serialize(message), priority)


def add_execute_task(queue: Huey, execute: Callable[[str], object]) -> None:
    """Make this process one that executes what `nudge` announces."""

    def run(job_id: str) -> None:
        structlog.contextvars.bind_contextvars(job=job_id)
        try:
            execute(job_id)
        except RunlockError as error:
            log.error("job not seen through", reason=str(error))
        finally:
            structlog.contextvars.unbind_contextvars("job")

    run.__module__ = __name__
    queue.task(name=EXECUTE)(run)


class GracefulConsumer(Consumer):  # type: ignore[misc]  # Huey has no types
    """On TERM, what runs is finished; what takes longer than the grace time is asked to stop, and then killed."""

    def __init__(self, huey: Huey, workers: int, grace_seconds: float, interrupt: Callable[[], None]) -> None:
        super().__init__(
            huey,
            workers=workers,
            periodic=False,
            initial_delay=POLL_SECONDS,
            max_delay=POLL_SECONDS,
            backoff=1.0,
            worker_type="thread",
            graceful_signal="TERM",
        )
        self._grace_seconds = grace_seconds
        self._interrupt = interrupt

    def _handle_signal(self, signum: int, frame: Any) -> None:
        """A second TERM would end the stages at once. The kernel sends several where `serve` was killed:

        one for each of its threads that was our parent for a moment while they ended.
        """
        super()._handle_signal(signum, frame)
        if self._graceful:
            signal.signal(signum, signal.SIG_IGN)

    def stop(self, graceful: bool = False) -> None:
        timer = threading.Timer(self._grace_seconds if graceful else 0, self._interrupt)
        timer.daemon = True
        timer.start()
        try:
            super().stop(graceful=graceful)
            if not graceful:
                self._join_workers()
        finally:
            timer.cancel()


def run_consumer(settings: RunnerSettings) -> None:
    """Execute jobs until SIGTERM (gracefully) or SIGINT (at once). Must be called from the main thread."""
    logging.getLogger("huey").setLevel(logging.WARNING)
    shutdown = Shutdown()
    sweep(settings.work_folder)
    queue = open_queue(settings.queue, "runner")
    add_execute_task(queue, lambda job_id: execute_stage(settings, job_id, shutdown))
    log.info("runner started", name=settings.name, url=settings.url, concurrency=settings.concurrency)
    try:
        GracefulConsumer(queue, settings.concurrency, settings.grace_seconds, shutdown.interrupt_all).run()
    finally:
        close_queue(queue)


def close_queue(queue: Huey) -> None:
    """Close this thread's connection."""
    try:
        queue.storage.close()
    except sqlite3.Error as error:
        log.warning("closing the queue failed", reason=str(error))
