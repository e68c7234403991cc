"""How is something posted to an address that a user chose? Once, within seconds, to nobody that it may not reach.

Written on sockets, not with a client that does more: what is checked is the address that is then connected to (a name
can lead elsewhere at the second look), no redirect is followed, no proxy is asked, and a receiver that trickles its
answer is cut off.
"""

import contextlib
import functools
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from bot.errors import Refused
from bot.notifications import Answer, check_url, is_refused_address

LOOK_UP_SECONDS = 4.0  # the system's own limit may be half a minute and more
MOST_LOOK_UPS = 16  # at once, in this process: those that were given up go on for as long as the system lets them
CONNECT_SECONDS = 4.0
WHOLE_SECONDS = 10.0  # from the connection to the end of the answer
MOST_BODY_BYTES = 1_000  # of the answer are kept: enough to see what a receiver complains of
MOST_HEADERS = 30
MOST_HEADER_CHARACTERS = 200
USER_AGENT = "Runlock"
_look_ups = threading.BoundedSemaphore(MOST_LOOK_UPS)


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Post the body once. What goes wrong on the way is the answer's `trouble`, which names no address."""
    try:
        check_url(url)
        parts = urlsplit(url)
        with _connected(parts) as (connection, cut_off):
            connection.request("POST", _target(parts), body, {"User-Agent": USER_AGENT, **headers})
            with contextlib.closing(connection.getresponse()) as response:
                if cut_off.is_set():
                    raise TimeoutError  # in the middle of the headers, which looks like their end
                return _answer(response)
    except Refused as refused:
        return Answer(trouble=refused.reason)
    except ssl.SSLCertVerificationError as error:
        return Answer(trouble=f"its certificate was not accepted: {error.verify_message}")
    except TimeoutError:
        return Answer(trouble="it did not answer in time")
    except (OSError, http.client.HTTPException) as error:
        return Answer(trouble=_words(error))


def _words(error: OSError | http.client.HTTPException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, ConnectionResetError | BrokenPipeError):  # and so http.client.RemoteDisconnected
        return "it closed the connection without an answer"
    if isinstance(error, OSError):
        return f"it could not be reached: {error.strerror or type(error).__name__}"
    return f"its answer is not HTTP ({type(error).__name__})"


@contextlib.contextmanager
def _connected(parts: SplitResult) -> Iterator[tuple[http.client.HTTPConnection, threading.Event]]:
    """A connection that is cut off when its time is over, and whether it was; what fails then is a TimeoutError."""
    assert parts.hostname
    is_secure = parts.scheme == "https"
    port = parts.port or (443 if is_secure else 80)
    connection = (http.client.HTTPSConnection if is_secure else http.client.HTTPConnection)(parts.hostname, port)
    plain = _open_socket(parts.hostname, port)
    watched, cut_off = plain.dup(), threading.Event()  # a handle of its own, whoever closes the other one when
    timer = threading.Timer(WHOLE_SECONDS, _cut_off, (watched, cut_off))
    timer.daemon = True
    timer.start()
    try:
        plain.settimeout(WHOLE_SECONDS)
        connection.sock = _secured(plain, parts.hostname) if is_secure else plain
        yield connection, cut_off
    except (OSError, http.client.HTTPException) as error:
        if cut_off.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
        timer.join()
        for each in (connection, plain, watched):
            each.close()


def _cut_off(watched: socket.socket, cut_off: threading.Event) -> None:
    cut_off.set()
    with contextlib.suppress(OSError):
        watched.shutdown(socket.SHUT_RDWR)


def _secured(plain: socket.socket, host: str) -> socket.socket:
    """Believes whom the clients of the code hosts believe: REQUESTS_CA_BUNDLE, or the usual authorities."""
    bundle = requests.Session().merge_environment_settings("", {}, None, None, None)["verify"]
    context = _context(bundle if isinstance(bundle, str) else str(DEFAULT_CA_BUNDLE_PATH))
    return context.wrap_socket(plain, server_hostname=host)


@functools.lru_cache(maxsize=1)  # reading the authorities takes longer than most receivers
def _context(bundle: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    is_folder = Path(bundle).is_dir()
    context.load_verify_locations(cafile=None if is_folder else bundle, capath=bundle if is_folder else None)
    return context


def _open_socket(host: str, port: int) -> socket.socket:
    """A connection to the first of the host's addresses that takes it; all of them must be allowed."""
    addresses = _looked_up(host, port)
    if any(is_refused_address(address) for address, _ in addresses):
        raise Refused("its name leads to a link-local or otherwise special address, to which nothing is sent")
    trouble: OSError = ConnectionRefusedError()
    until = time.monotonic() + CONNECT_SECONDS
    for address in addresses:
        left = until - time.monotonic()
        if left <= 0:
            break
        try:
            return socket.create_connection(address, timeout=left)
        except OSError as error:
            trouble = error
    raise trouble


def _looked_up(host: str, port: int) -> list[tuple[str, int]]:
    """The addresses of a name. In a thread of its own, since nothing can end the system's look-up of a name."""
    if not _look_ups.acquire(blocking=False):
        raise Refused("its name was not looked up: too many others are at this moment")
    found: Future[list[tuple[str, int]]] = Future()
    threading.Thread(target=_look_up, args=(host, port, found), name="look-up", daemon=True).start()
    try:
        return found.result(LOOK_UP_SECONDS)
    except TimeoutError as error:
        raise Refused("looking its name up took too long") from error
    except (socket.gaierror, UnicodeError) as error:
        raise Refused("its name leads to no address") from error


def _look_up(host: str, port: int, found: "Future[list[tuple[str, int]]]") -> None:
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found.set_result(list(dict.fromkeys((str(entry[4][0]), int(entry[4][1])) for entry in entries)))
    except Exception as error:  # noqa: BLE001  # it is raised again where it is waited for
        found.set_exception(error)
    finally:
        _look_ups.release()


def _target(parts: SplitResult) -> str:
    return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


def _answer(response: http.client.HTTPResponse) -> Answer:
    """The status, and the beginning of what the receiver says; it has answered even if the rest never comes."""
    body = b""
    with contextlib.suppress(OSError, http.client.HTTPException):
        body = response.read(MOST_BODY_BYTES)
    headers: dict[str, list[str]] = {}
    for name, value in response.getheaders()[:MOST_HEADERS]:
        headers.setdefault(name.lower()[:MOST_HEADER_CHARACTERS], []).append(value[:MOST_HEADER_CHARACTERS])
    return Answer(response.status, body.decode(errors="replace"), headers)
