"""One POST to an address that a user chose: what is said of each way in which it can go wrong, and what bounds it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.notifications import Answer
from handlers import posting
from handlers.posting import MOST_BODY_BYTES, post
from tests.fakes.receiver import receiver


@contextlib.contextmanager
def raw(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A port where somebody talks who needn't speak HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection, contextlib.suppress(OSError):
                    talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        server.close()
        thread.join()


def say(text: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        request = b""
        while not request.endswith(b"{}"):  # what is left unread when it closes would reset the connection
            request += connection.recv(65_536)
        connection.sendall(text)

    return talk


def trickle(first: bytes) -> Callable[[socket.socket], None]:
    """A byte now and then, for ever: no single wait is long."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(b"x")
            time.sleep(0.02)

    return talk


def test_what_arrives() -> None:
    with receiver() as found:
        answer = post(f"{found.url}?a=b&c", b'{"a": 1}', {"Content-Type": "application/json"})
    assert (answer.code, answer.body, answer.is_success) == (200, "thank you", True)
    (received,) = found.received
    assert (received.path, received.json) == ("/hook?a=b&c", {"a": 1})
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["Host"] == found.url.split("/")[2]


def test_only_the_beginning_of_a_long_answer_is_kept() -> None:
    with receiver() as found:
        found.answer = b"x" * 5_000_000
        found.headers = {"X-Long": "y" * 10_000}
        answer = post(found.url, b"{}", {})
    assert (answer.code, len(answer.body)) == (200, MOST_BODY_BYTES)
    assert len(answer.headers["x-long"][0]) < 1_000


@pytest.mark.parametrize(
    ("talk", "trouble"),
    [
        (say(b""), "it closed the connection without an answer"),
        (say(b"220 mail.test ready\r\n"), "its answer is not HTTP (BadStatusLine)"),
        (say(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1_000), "its answer is not HTTP (HTTPException)"),
    ],
)
def test_who_does_not_speak_http(talk: Callable[[socket.socket], None], trouble: str) -> None:
    with raw(talk) as url:
        assert post(url, b"{}", {}) == Answer(trouble=trouble)


def test_who_trickles_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 0.3)
    started = time.monotonic()
    with raw(trickle(b"HTTP/1.1 200 OK\r\nX: ")) as url:
        assert post(url, b"{}", {}) == Answer(trouble="it did not answer in time")
    assert time.monotonic() - started < 5


def test_who_answers_and_then_trickles_has_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 0.3)
    with raw(trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")) as url:
        assert post(url, b"{}", {}).is_success


def test_who_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 0.2)
    stop = threading.Event()

    def be_silent(_: socket.socket) -> None:
        stop.wait(10)

    with raw(be_silent) as url:
        assert post(url, b"{}", {}) == Answer(trouble="it did not answer in time")
        stop.set()


def test_a_plain_door_is_not_taken_for_a_secured_one() -> None:
    with receiver() as found:
        answer = post(found.url.replace("http://", "https://"), b"{}", {})
    assert (answer.code, answer.trouble != "") == (0, True)
    assert found.received == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of `localhost`, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "localhost.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


def test_a_secured_door_is_believed_only_with_a_certificate_of_its_name(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver(certificate) as found:
        assert "its certificate was not accepted" in post(found.url, b"{}", {}).trouble
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert "its certificate was not accepted" in post(found.url, b"{}", {}).trouble  # it isn't 127.0.0.1's
        assert found.received == []
        answer = post(found.url.replace("127.0.0.1", "localhost"), b"{}", {})
        assert (answer.code, answer.body) == (200, "thank you")


@pytest.mark.parametrize("name", ["metadata.test", "both.test"])
def test_a_name_that_leads_to_a_refused_address_is_not_connected_to(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where only one of its addresses is refused."""
    known = {"metadata.test": ["169.254.169.254"], "both.test": ["127.0.0.1", "169.254.169.254"]}

    def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    def connect(*_: object, **__: object) -> None:
        raise AssertionError("it was connected to")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    assert "to which nothing is sent" in post(f"http://{name}/", b"{}", {}).trouble


def test_a_name_that_nobody_looks_up_holds_no_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do many of them start threads without end."""
    over = threading.Event()

    def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        over.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(posting, "LOOK_UP_SECONDS", 0.05)
    monkeypatch.setattr(posting, "_look_ups", threading.BoundedSemaphore(2))
    started = time.monotonic()
    troubles = [post("http://silent.test/secret", b"{}", {}).trouble for _ in range(3)]
    assert time.monotonic() - started < 3
    assert troubles[:2] == ["looking its name up took too long"] * 2
    assert troubles[2] == "its name was not looked up: too many others are at this moment"
    over.set()
    deadline = time.monotonic() + 5
    while "too many" in (trouble := post("http://silent.test/secret", b"{}", {}).trouble):
        assert time.monotonic() < deadline
    assert trouble == "nothing listens there"


def test_trouble_names_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    really_resolve = socket.getaddrinfo

    def resolve(host: str, *arguments: object, **more: object) -> object:
        if host == "no-such-name.test":
            raise socket.gaierror(socket.EAI_NONAME, f"{host} is not known")
        return really_resolve(host, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for url in ("http://127.0.0.1:1/T0/secret", "http://no-such-name.test/secret", "ftp://a.test/secret"):
        trouble = post(url, b"{}", {}).trouble
        assert trouble
        assert not any(part in trouble for part in ("secret", "127.0.0.1", "no-such-name", "a.test"))
