"""What does a stage get from Runlock, and hand in? Patiently, but no longer than the stage may take."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bot.errors import Refused
from bot.runner.client import StageClient, patiently
from bot.runner.engine_process import Reins
from bot.runner.engine_versions import Engine
from bot.runner.wire import stoppable

TRANSFER_PATIENCE = 300  # seconds for getting a configuration or handing in a plan
LARGEST_HANDED_IN = 1_000_000_000  # bytes of a plan, a tree or a state: the server's doors take no larger body


@dataclass(frozen=True)
class Exchange:
    """All of it raises Stopped when the stage is to stop or its time is over, but for `hand_in_errored_state`."""

    client: StageClient
    reins: Reins

    def download(self, what: str, target: Path) -> None:
        self._try(f"downloading the {spoken(what)}", lambda client: client.download(what, target))

    def upload(self, what: str, file: BinaryIO) -> None:
        """Hand in what a plan made. It can be stopped here as well, since a plan is safe to repeat."""
        _refuse_too_large(what, file)
        self._try(f"handing in the {spoken(what)}", lambda client: client.upload(what, file))

    def tell_engine(self, engine: Engine) -> None:
        self._try("telling Runlock the engine", lambda client: client.put_engine(engine.name, str(engine.version)))

    def hand_in_errored_state(self, state: BinaryIO, patience_seconds: float) -> None:
        """Whatever time it is, and whoever wants the stage to stop: without it, what was made would be forgotten."""
        _refuse_too_large("errored-state", state)
        patiently(
            lambda: self.client.upload("errored-state", state), patience_seconds=patience_seconds, sleep=time.sleep
        )

    def _try(self, doing: str, call: Callable[[StageClient], None]) -> None:
        def once() -> None:
            with stoppable(self.reins, doing) as session:
                call(self.client.another(session))

        patiently(once, patience_seconds=TRANSFER_PATIENCE, sleep=lambda seconds: self.reins.sleep(seconds, doing))


def spoken(what: str) -> str:
    """`work-folder`, as the protocol has it, in a sentence."""
    return what.replace("-", " ")


def _refuse_too_large(what: str, file: BinaryIO) -> None:
    size = os.fstat(file.fileno()).st_size
    if size > LARGEST_HANDED_IN:
        raise Refused(f"the {what} has {size} bytes; {LARGEST_HANDED_IN} are the most that can be handed in")
