"""Whatever comes to the webhook door gets a clear answer, and nothing that was received is lost."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests

from bot.run import RunStatus
from storage.inbox import DeliveryStatus
from tests.scenarios.fates import minutes_pass
from tests.scenarios.world import HELLO, World


class Door:
    """The webhook of one repository, and somebody who sends to it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.host: Any = world.host
        self.repo = self.host.create_repository("acme/infra", files={"main.tf": HELLO})
        self.alice = self.host.person("alice", role="write", repo=self.repo)
        self.prod = world.workspace("prod", self.repo)
        world.settle()
        self.secret = world.repository().webhook_secret
        self.url = f"{world.address}/webhooks/{world.connection().id}"

    def a_push(self) -> Any:
        """A delivery that the host is about to send."""
        self.repo.push("main", {"more.tf": "# more\n"}, by=self.alice)
        return self.host.pending.pop()

    def headers(self, body: bytes, **changed: str | None) -> dict[str, str]:
        """A proper GitHub delivery's, signed; None takes one away."""
        mark = "sha256=" + hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        proper = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": "11111111-2222-3333-4444-555555555555",
            "X-Hub-Signature-256": mark,
        }
        named = {name.replace("_", "-"): value for name, value in changed.items()}
        return {name: value for name, value in {**proper, **named}.items() if value is not None}

    def send(self, body: bytes, **changed: str | None) -> requests.Response:
        return requests.post(self.url, data=body, headers=self.headers(body, **changed), timeout=20)


@pytest.fixture
def door(github_world: World) -> Door:
    return Door(github_world)


def is_clear(answer: requests.Response) -> bool:
    """JSON with one sentence; no page, no traceback."""
    document = answer.json()
    sentence = document.get("error") or document.get("ignored")
    return isinstance(sentence, str) and 5 < len(sentence) < 500 and "Traceback" not in answer.text


REPOSITORY = {"id": 1, "full_name": "acme/infra", "clone_url": "x", "default_branch": "main", "html_url": "x"}
NESTED = b'{"a":' * 50_000 + b"1" + b"}" * 50_000


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (b"", {}),
        (b"not json", {}),
        (b"[]", {}),
        (b'"text"', {}),
        (b"null", {}),
        (b'{"repository": {"id": 1}', {}),
        (b'\xff\xfe{"repository": {"id": 1}}', {}),
        (b'{"repository": {"id": 1}, "ref": "\xc3\x28"}', {}),
        (b'{"repository": {"id": "\\ud800"}}', {}),
        (b'{"repository": {"id": 1e400}}', {}),
        (b'{"repository": {"id": -1}}', {}),
        (b'{"repository": {"id": ' + b"9" * 5000 + b"}}", {}),
        (b'{"repository": {"id": 18446744073709551616}}', {}),
        (b'{"repository": []}', {}),
        (b'{"repository": null}', {}),
        (b"{}", {}),
        (NESTED, {}),
        (b"[" * 200_000, {}),
        (b"{}", {"Content_Type": "text/plain"}),
        (b"{}", {"Content_Type": "multipart/form-data; boundary=x"}),
        (b"{}", {"Content_Type": "application/json; charset=utf-7"}),
        (b"payload=%7B%7D&x=1", {"Content_Type": "application/x-www-form-urlencoded"}),
        (b"no=payload", {"Content_Type": "application/x-www-form-urlencoded"}),
        (b"&".join(b"a=1" for _ in range(50)), {"Content_Type": "application/x-www-form-urlencoded"}),
        (b"payload=%ff%fe", {"Content_Type": "application/x-www-form-urlencoded"}),
        (b"payload=not+json", {"Content_Type": "application/x-www-form-urlencoded"}),
        (json.dumps({"repository": REPOSITORY}).encode(), {"X_GitHub_Event": None}),
        (json.dumps({"repository": REPOSITORY}).encode(), {"X_GitHub_Delivery": None}),
        (json.dumps({"repository": REPOSITORY}).encode(), {"X_GitHub_Delivery": "a b"}),
        (json.dumps({"repository": REPOSITORY}).encode(), {"X_GitHub_Delivery": "x" * 5000}),
        (json.dumps({"repository": REPOSITORY}).encode(), {"X_GitHub_Event": "\xe9\xff"}),
    ],
)
def test_nonsense_is_refused_in_a_sentence(door: Door, body: bytes, changed: dict[str, str | None]) -> None:
    answer = door.send(body, **changed)

    assert 400 <= answer.status_code < 500, answer.text
    assert is_clear(answer)
    assert door.world.services.inbox.recent() == []


@pytest.mark.parametrize(
    "forged",
    [
        {"X_Hub_Signature_256": None},
        {"X_Hub_Signature_256": ""},
        {"X_Hub_Signature_256": "sha256="},
        {"X_Hub_Signature_256": "sha256=" + "0" * 64},
        {"X_Hub_Signature_256": "sha1=" + "0" * 40},
        {"X_Hub_Signature_256": "sha256=" + "\xe9" * 64},
        {"X_Hub_Signature_256": "x" * 3000},
    ],
)
def test_a_forged_delivery_is_refused(door: Door, forged: dict[str, str | None]) -> None:
    """Also one whose body is right, and one signed with the secret of another repository."""
    delivery = door.a_push()

    assert door.send(delivery.body, **forged).status_code == 401
    door.secret = "another secret"
    answer = door.send(delivery.body)

    assert answer.status_code == 401
    assert is_clear(answer)
    assert door.world.services.inbox.recent() == []


def test_the_secret_of_one_repository_says_nothing_about_another(door: Door) -> None:
    """The payload's repository decides which secret it must be signed with."""
    other = door.host.create_repository("acme/other", files={"main.tf": HELLO})
    door.world.workspace("other", other)
    mine = next(r for r in door.world.services.repositories.all() if r.path == "acme/other").webhook_secret
    delivery = door.a_push()

    door.secret = mine

    assert door.send(delivery.body).status_code == 401


def test_a_changed_body_is_refused(door: Door) -> None:
    delivery = door.a_push()
    body = delivery.body.replace(b'"main"', b'"evil"')

    assert requests.post(door.url, data=body, headers=delivery.headers, timeout=20).status_code == 401


def test_an_oversized_delivery_is_refused_with_413(door: Door) -> None:
    body = b'{"repository": {"id": 1}, "fill": "' + b"x" * 26_000_000 + b'"}'

    answer = door.send(body)

    assert answer.status_code == 413
    assert is_clear(answer)


def test_an_oversized_form_is_refused_with_413(door: Door) -> None:
    answer = door.send(b"payload=" + b"x" * 26_000_000, Content_Type="application/x-www-form-urlencoded")

    assert answer.status_code == 413


def test_a_delivery_that_breaks_off_is_not_taken_for_whole(door: Door) -> None:
    delivery = door.a_push()
    parts = urlsplit(door.url)
    head = "".join(f"{name}: {value}\r\n" for name, value in delivery.headers.items())
    request = f"POST {parts.path} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(delivery.body)}\r\n\r\n".encode()
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as line:
        line.sendall(request + delivery.body[:-10])
        line.shutdown(socket.SHUT_WR)
        line.recv(10_000)

    assert door.world.services.inbox.recent() == []
    assert door.host.send(delivery) == 202  # the host tries again
    door.world.settle()
    assert door.world.only_run().status is RunStatus.PLANNED


def test_an_unknown_event_is_answered_with_the_reason(door: Door) -> None:
    body = json.dumps({"repository": {**REPOSITORY, "id": door.repo.id}, "action": "whatever"}).encode()

    answer = door.send(body, X_GitHub_Event="sponsorship")

    assert answer.status_code == 202
    assert "sponsorship" in answer.json()["ignored"]


def test_a_form_is_as_good_as_json(door: Door) -> None:
    """GitHub offers both; the signature is over the form as it came."""
    delivery = door.a_push()
    body = urlencode({"payload": delivery.body.decode()}).encode()

    answer = door.send(body, Content_Type="application/x-www-form-urlencoded")
    door.world.settle()

    assert answer.status_code == 202
    assert door.world.only_run().status is RunStatus.PLANNED


@pytest.mark.parametrize("path", ["/webhooks/oc-nobody", "/webhooks/", "/webhooks/apps/oc-nobody"])
def test_an_unknown_webhook_is_not_there(door: Door, path: str) -> None:
    answer = requests.post(door.world.address + path, json={}, timeout=20)

    assert answer.status_code == 404
    assert is_clear(answer)


def test_a_webhook_is_only_posted_to(door: Door) -> None:
    answer = requests.get(door.url, timeout=20)

    assert answer.status_code == 405
    assert is_clear(answer)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("head_commit", "message"), "half \ud800 a character"),
        (("head_commit", "message"), "zero \0 and \x1b[31m bytes"),
        (("head_commit", "message"), "x" * 500_000),
        (("pusher", "name"), "<script>alert(1)</script>"),
        (("ref",), "refs/heads/main\0evil"),
        (("ref",), "refs/heads/--upload-pack=evil"),
        (("ref",), "refs/heads/$(touch evil)"),
        (("after",), "--output=evil"),
        (("after",), None),
        (("commits",), "not a list"),
        (("sender",), None),
        (("repository", "default_branch"), "../../etc"),
        (("repository", "clone_url"), "--upload-pack=touch evil"),
        (("repository", "clone_url"), "ext::sh -c touch% evil"),
        (("repository", "clone_url"), "file:///etc"),
        (("repository", "full_name"), "../../../etc/passwd"),
    ],
)
def test_a_signed_delivery_with_hostile_words_does_no_harm(door: Door, where: tuple[str, ...], value: Any) -> None:
    """What a host signs may hold whatever people wrote. It is refused or handled, and the next push runs."""
    delivery = door.a_push()
    payload = json.loads(delivery.body)
    place = payload
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = value
    body = json.dumps(payload).encode()

    answer = door.send(body)
    door.world.settle()
    minutes_pass(door.world, 12)

    assert answer.status_code in (202, 400)
    assert is_clear(answer) or answer.json().get("delivery")
    assert DeliveryStatus.RECEIVED not in [d.status for d in door.world.services.inbox.recent()]
    door.repo.push("main", {"more.tf": "# next\n"}, by=door.alice)
    door.world.settle()
    newest = door.world.runs()[-1]
    assert newest.commit_sha == door.repo.head()
    assert newest.status in (RunStatus.PLANNED, RunStatus.PENDING)


def test_our_credential_never_goes_to_another_host(door: Door) -> None:
    """Whoever pasted the webhook's secret can sign what he likes; the credential reaches all other repositories."""
    delivery = door.a_push()
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.2)
        payload = json.loads(delivery.body)
        payload["repository"]["clone_url"] = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/acme/infra.git"

        assert door.send(json.dumps(payload).encode()).status_code == 202
        door.world.settle()

        with pytest.raises(TimeoutError):
            elsewhere.accept()
    (received,) = door.world.services.inbox.recent()
    assert received.status is DeliveryStatus.FAILED
    assert "another host" in received.outcome
    assert door.world.repository().clone_url == door.repo.clone_url


def test_the_door_asks_nobody(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers 202 without Git, without the host, and before anything was done."""
    delivery = door.a_push()
    before = len(door.host.exchanges)
    monkeypatch.setattr("subprocess.Popen.__init__", lambda *_, **__: pytest.fail("the door started a process"))

    assert door.host.send(delivery) == 202

    assert len(door.host.exchanges) == before
    assert door.world.runs() == []
