"""How do the web and the worker process run?"""

import logging
import threading
from typing import Any

import click
import structlog
from gunicorn.app.base import BaseApplication
from huey.consumer import Consumer

from bot.settings import Settings
from handlers.app import create_app
from handlers.cli.common import open_here, read_settings
from handlers.jobs import Job, Verb
from handlers.services import Services, open_services
from handlers.tasks import Queues, open_queues

POLL_SECONDS = 0.05  # Huey's own maximum of 10 s made an idle consumer take 3.4 s to see a job
SWEEP_SECONDS = 60.0
WEB_THREADS = 16  # a live log and a state upload each hold one; SQLite has a connection per thread
log = structlog.get_logger()


@click.command()
def web() -> None:
    """The doors: webhooks, API, runner API, state, pages."""
    settings = read_settings()
    open_here(settings).close()  # migrates before any thread serves
    _Web(settings).run()


class _Web(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn with one process and many threads: the embedded default is one machine with two cores."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"{self._settings.bind}:{self._settings.port}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": WEB_THREADS,
            "timeout": 120,
            "graceful_timeout": 30,
            "loglevel": "warning",
            "control_socket_disable": True,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        services = open_services(self._settings)
        queues = open_queues(services)
        return create_app(services, queues.enqueue)


@click.command()
def worker() -> None:
    """The reactions: map, queue, fetch configurations, report to the hosts, sweep."""
    logging.getLogger("huey").setLevel(logging.WARNING)
    services = open_here(read_settings())
    queues = open_queues(services)
    outside = _consumer(queues.outside, workers=4)
    reactions = _consumer(queues.reactions, workers=2)
    outside.start()
    stopping = threading.Event()
    sweeper = threading.Thread(target=_sweep_for_ever, args=(services, queues, stopping), daemon=True)
    sweeper.start()
    log.info("worker started", data=str(services.settings.data))
    reactions.run()  # holds the signal handlers: TERM finishes what is in hand
    stopping.set()
    outside.stop(graceful=True)


def _consumer(queue: Any, workers: int) -> Consumer:
    return Consumer(
        queue,
        workers=workers,
        periodic=False,
        initial_delay=POLL_SECONDS,
        max_delay=POLL_SECONDS,
        backoff=1.0,
        worker_type="thread",
        graceful_signal="TERM",
    )


def _sweep_for_ever(services: Services, queues: Queues, stopping: threading.Event) -> None:
    """At the start and every minute: what was dropped is found (invariant 1)."""
    while True:
        queues.enqueue([Job(Verb.SWEEP)])
        if stopping.wait(SWEEP_SECONDS):
            services.records.close()
            return
