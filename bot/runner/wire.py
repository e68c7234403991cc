"""How is a transfer ended that would go on for ever? Its wire is cut, from another thread.

The limit between two bytes is all that requests has: who sends one now and then would hold us as long as they like,
already in the middle of the headers.
"""

import contextlib
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from bot.runner.engine_process import Reins

# What gives a session for one transfer. Plain `requests.Session` for whoever has no stage to stop.
Transfer = Callable[[], AbstractContextManager[requests.Session]]


class Wire:
    """The newest connection of one session, which is used by one thread and cut by others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handles: list[socket.socket] = []  # one at most
        weakref.finalize(self, _close, self._handles)  # as its session's connections: nobody has to end it
        self._is_cut = False

    @contextmanager
    def session(self) -> Iterator[requests.Session]:
        """A session whose transfers end when `cut` is called: with an error, or with less than there was to come."""
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, _Adapter(self))
            try:
                yield session
            finally:
                self._hold()

    def cut(self) -> None:
        """End what is under way, and what is only being connected."""
        with self._lock:
            self._is_cut = True
            _shut(self._handles)

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """What takes longer is cut; afterwards the session can be used again.

        Where no thread is left to cut it, an engine may have them all: then a result comes without this limit.
        """
        timer = threading.Timer(seconds, self.cut)
        timer.daemon = True
        with contextlib.suppress(RuntimeError):
            timer.start()
        try:
            yield
        finally:
            timer.cancel()
            if timer.ident is not None:
                timer.join()
            with self._lock:
                self._is_cut = False

    def connected(self, plain: socket.socket) -> socket.socket:
        """The same socket; held by a handle of our own, whoever wraps or closes it when."""
        self._hold(plain.dup())
        return plain

    def _hold(self, *handle: socket.socket) -> None:
        with self._lock:
            _close(self._handles)
            self._handles += handle
            if self._is_cut:
                _shut(self._handles)


@contextmanager
def stoppable(reins: Reins, doing: str) -> Iterator[requests.Session]:
    """A session for one transfer of a stage. Raises Stopped once the stage is to stop or its time is over.

    `doing` says what is under way, as in “downloading the configuration”.
    """
    wire = Wire()
    with reins.holding(wire.cut, doing), wire.session() as session:
        yield session


def _shut(handles: list[socket.socket]) -> None:
    for handle in handles:
        with contextlib.suppress(OSError):  # it has ended by itself
            handle.shutdown(socket.SHUT_RDWR)


def _close(handles: list[socket.socket]) -> None:
    while handles:
        handles.pop().close()


class _Adapter(HTTPAdapter):
    """Connects as requests does, and tells its wire of each connection, before anything is said over it."""

    def __init__(self, wire: Wire) -> None:
        self._pools = _pools_on(wire)
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):  # those connect in classes of their own
            manager.pool_classes_by_scheme = self._pools
        return manager


def _pools_on(wire: Wire) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return wire.connected(super()._new_conn())

    class Secured(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return wire.connected(super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecuredPool(HTTPSConnectionPool):
        ConnectionCls = Secured

    return {"http": PlainPool, "https": SecuredPool}
