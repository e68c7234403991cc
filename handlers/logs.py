"""How do our own log lines look? One line per decision; an error with its traceback, and never with its variables."""

import logging
import sys

import structlog


def configure_logs() -> None:
    """Set structlog up for a process of ours.

    structlog's own default hands tracebacks to `rich` or `better_exceptions` where one is installed, and those print
    the local variables of every frame: tokens, variable values, states (invariant 11).
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S"),
            structlog.dev.ConsoleRenderer(
                colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
