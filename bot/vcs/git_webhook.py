"""What does a delivery from a plain repository's hook say, and is it from that hook? The other end: `post_receive.py`.

One push may move several refs: it is one delivery with one event per ref.
"""

import hmac
import posixpath
from collections.abc import Mapping
from typing import Any

from bot.errors import Ignored
from bot.events import Event, HostRepository, HostUser, Pushed, Tagged
from bot.vcs.deliveries import (
    Headers,
    MalformedDelivery,
    flag,
    header,
    header_word,
    is_no_commit,
    mappings,
    optional_text,
    sha,
    word,
)

SIGNATURE_HEADER = "x-runlock-signature-256"
DELIVERY_HEADER = "x-runlock-delivery"
EVENT_HEADER = "x-runlock-event"


def sign(secret: str, message: bytes) -> str:
    """The signature header's value: over a delivery's raw body, or over the path that is followed."""
    return "sha256=" + hmac.new(secret.encode(), message, "sha256").hexdigest()


def verify(secret: str, body: bytes, headers: Headers) -> bool:
    """Whether the raw body was signed with our secret. An empty secret verifies nothing."""
    given = header(headers, SIGNATURE_HEADER)
    if not secret or not given:
        return False
    return hmac.compare_digest(sign(secret, body).encode(), given.encode("utf-8", "surrogateescape"))


def verify_follow(secret: str, path: str, headers: Headers) -> bool:
    """Whether whoever follows a delivery knows its secret; `path` is the `follow` that we answered."""
    return verify(secret, path.encode(), headers)


def delivery_id(headers: Headers) -> str:
    """The hook's id of the delivery. Raises MalformedDelivery."""
    return header_word(headers, DELIVERY_HEADER)


def event_name(headers: Headers) -> str:
    """The name of the event: `push`. Raises MalformedDelivery."""
    return header_word(headers, EVENT_HEADER)


def repository_host_id(payload: Mapping[str, Any]) -> str:
    """The absolute path of the repository, which is its id. Raises MalformedDelivery."""
    path = word(payload, "repository")
    if not path.startswith("/") or posixpath.normpath(path) != path:
        raise MalformedDelivery("payload.repository isn't an absolute path")
    return path


def parse_all(event_name: str, payload: Mapping[str, Any]) -> list[Event | Ignored]:
    """What happened, ref by ref in the order of the push. Raises MalformedDelivery and nothing else."""
    if event_name != "push" or word(payload, "event") != "push":
        return [Ignored(f"nothing here listens to the event “{event_name}” of a plain repository")]
    path = repository_host_id(payload)
    repository = HostRepository(path, path, path, optional_text(payload, "default_branch"))
    pusher = optional_text(payload, "pusher")
    updates = mappings(payload, "updates")
    return [_update(repository, HostUser(pusher, pusher), update) for update in updates]


def _update(repository: HostRepository, pusher: HostUser, update: Mapping[str, Any]) -> Event | Ignored:
    ref = word(update, "ref")
    before, after = sha(update, "before"), sha(update, "after")
    kind, name = _split(ref)
    if is_no_commit(after):
        return Ignored(f"{ref} was deleted")
    if kind == "heads":
        return Pushed(
            repository=repository,
            branch=name,
            before_sha=before,
            after_sha=after,
            forced=flag(update, "forced"),
            changed_paths=None,  # the hook doesn't look; the mirror is at hand
            sender=pusher,
            created=is_no_commit(before),
        )
    if kind == "tags":
        if not optional_text(update, "commit"):
            return Ignored(f"the tag {name} isn't on a commit")
        return Tagged(repository, name, sha(update, "commit"), pusher)
    return Ignored(f"{ref} is neither a branch nor a tag")


def _split(ref: str) -> tuple[str, str]:
    if not ref.startswith("refs/"):
        raise MalformedDelivery("payload.updates.ref isn't a full ref")
    kind, _, name = ref.removeprefix("refs/").partition("/")
    return (kind, name) if name else ("", ref)
