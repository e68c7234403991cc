"""How does the web process run? Some processes on one listening socket, so that the doors use more than one core."""

import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import click
import structlog
from waitress.server import create_server

from handlers.app import LARGEST_BODY, create_app
from handlers.cli.common import listen, open_here, read_settings
from handlers.nudger import Nudger
from handlers.tasks import open_queues

WEB_THREADS = 16  # of each process; SQLite has a connection per thread
MOST_CONNECTIONS = 1000
IDLE_SECONDS = 60  # after which a connection that sends nothing is closed
GARBAGE_THRESHOLD = 10_000  # new objects between two looks for garbage; a request makes a few hundred
log = structlog.get_logger()


@click.command()
def web() -> None:
    """The doors: webhooks, API, runner API, state, pages."""
    settings = read_settings()
    open_here(settings).close()  # what is wrong with the data folder is said once, before anything starts
    listener = listen(settings.bind, settings.port)
    if settings.web_processes <= 1:
        _serve(listener)
    else:
        sys.exit(keep_together(settings.web_processes, lambda: _serve(listener)))


def _serve(listener: socket.socket) -> None:
    services = open_here(read_settings())
    nudger = Nudger(open_queues(services).enqueue)
    app = create_app(services, nudger.enqueue)
    look_for_garbage_rarely()
    try:
        serve_app(app, listener)
    finally:
        nudger.stop()


def look_for_garbage_rarely() -> None:
    """For a process that has all it needs, and makes only answers from now on."""
    gc.freeze()  # what is there now stays: it need not be looked through again and again
    gc.set_threshold(GARBAGE_THRESHOLD)


def serve_app(app: Any, listener: socket.socket) -> None:
    """Serve until TERM; requests in hand get some seconds to end.

    waitress reads a request whole before a thread takes it, so that whoever sends slowly, or not at all, holds a
    connection and no thread: a plan reaches this port and must not be able to stop it for others.
    """
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # else a line for each request that waits
    server = create_server(
        app,
        sockets=[listener],
        threads=WEB_THREADS,
        connection_limit=MOST_CONNECTIONS,
        channel_timeout=IDLE_SECONDS,
        cleanup_interval=5,
        max_request_body_size=LARGEST_BODY,
        ident=None,
        clear_untrusted_proxy_headers=True,
    )
    signal.signal(signal.SIGTERM, _leave)
    server.run()


def _leave(*_: object) -> None:
    raise SystemExit(0)  # waitress ends its loop on it, and waits for its threads


def keep_together(count: int, work: Callable[[], None]) -> int:
    """Do `work` in `count` processes that end together: by TERM, with the first that falls, or with this one.

    The exit code: 0 after TERM, else 1. Whoever supervises us starts all of them again.
    """
    end_of_pipe, held = os.pipe()  # only we hold its writing end: however we end, the kernel closes it
    children = {_fork(work, end_of_pipe, held) for _ in range(count)}
    asked = threading.Event()

    def stop(*_: object) -> None:
        asked.set()
        _terminate(children)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    pid, status = os.wait()
    as_asked = asked.is_set()
    if not as_asked:
        log.warning("a web process ended, ending the others", pid=pid, code=os.waitstatus_to_exitcode(status))
    children.discard(pid)
    _terminate(children)
    while children:
        children.discard(os.wait()[0])  # what has ended is not sent a signal any more: its number may be another's
    return 0 if as_asked else 1


def _fork(work: Callable[[], None], end_of_pipe: int, held: int) -> int:
    """Before any thread or database is opened: neither survives a fork."""
    pid = os.fork()
    if pid:
        return pid
    os.close(held)
    threading.Thread(target=_follow_parent, args=(end_of_pipe,), daemon=True).start()
    try:
        work()
    except SystemExit:
        os._exit(0)
    except BaseException:
        log.exception("web process failed")
        os._exit(1)
    os._exit(0)


def _follow_parent(end_of_pipe: int) -> None:
    os.read(end_of_pipe, 1)  # nobody ever writes: this returns when the parent is gone
    os.kill(os.getpid(), signal.SIGTERM)


def _terminate(children: set[int]) -> None:
    for pid in tuple(children):
        with contextlib.suppress(ProcessLookupError):  # it has ended, and was waited for, at this very moment
            os.kill(pid, signal.SIGTERM)
