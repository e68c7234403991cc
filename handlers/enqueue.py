"""How do a door's jobs get to their consumers? By whatever the process was started with."""

from collections.abc import Callable

from handlers.jobs import Job

Enqueue = Callable[[list[Job]], None]
