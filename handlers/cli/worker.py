"""How does the worker process run?"""

import logging
import threading
from typing import Any

import click
import structlog
from huey.consumer import Consumer

from bot.settings import REACTIONS_QUEUE
from handlers.cli.common import open_here, read_settings
from handlers.jobs import Job, Verb
from handlers.reactions.sweep import AT_START
from handlers.tasks import Queues, open_queues

POLL_SECONDS = 0.05  # Huey's own maximum of 10 s made an idle consumer take 3.4 s to see a job
SWEEP_SECONDS = 60.0
log = structlog.get_logger()


@click.command()
def worker() -> None:
    """The reactions: map, queue, fetch configurations, report to the hosts, sweep."""
    logging.getLogger("huey").setLevel(logging.WARNING)
    services = open_here(read_settings())
    queues = open_queues(services)
    # Before anybody works: a nudge from before must not give up a stage whose runner had nobody to tell that it lives.
    # Also the hosts are asked what was missed while we were away.
    queues.tasks[REACTIONS_QUEUE].call_local(Verb.SWEEP.value, AT_START)  # type: ignore[attr-defined]
    outside = _consumer(queues.outside, workers=4)
    reactions = _consumer(queues.reactions, workers=2)
    outside.start()
    stopping = threading.Event()
    sweeper = threading.Thread(target=_sweep_for_ever, args=(queues, stopping), daemon=True)
    sweeper.start()
    log.info("worker started", data=str(services.settings.data))
    reactions.run()  # holds the signal handlers: TERM finishes what is in hand
    stopping.set()
    for consumer in (reactions, outside):  # the reactions too: after INT they may still be at it
        consumer.stop(graceful=True)
    sweeper.join()
    services.close()  # last: it closes the database under whoever is in the middle of a transaction


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


def _sweep_for_ever(queues: Queues, stopping: threading.Event) -> None:
    """Every minute what was dropped is found (invariant 1)."""
    while not stopping.wait(SWEEP_SECONDS):
        queues.enqueue([Job(Verb.SWEEP)])
