"""What did GitLab just tell us? Its deliveries, checked and turned into our events.

Sources: https://docs.gitlab.com/user/project/integrations/webhooks/ (headers, tokens),
https://docs.gitlab.com/user/project/integrations/webhook_events/ (payloads) and
https://docs.gitlab.com/administration/system_hooks/ (renames).
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from bot.errors import Ignored
from bot.events import Event
from bot.vcs import deliveries as read
from bot.vcs import gitlab_payloads as payloads
from bot.vcs.deliveries import Headers, MalformedDelivery, header
from bot.vcs.gitlab_payloads import repository_host_id

_LONGEST_KEY = 255  # characters; GitLab's is a UUID of 36


def verify(secret: str, body: bytes, headers: Headers) -> bool:  # noqa: ARG001 - every host has this shape
    """Whether the delivery carries our secret. An empty secret never verifies.

    GitLab sends the secret itself in `X-Gitlab-Token`. Newer versions can also sign the body (`webhook-id`,
    `webhook-timestamp`, `webhook-signature`, with a signing token of its own, `whsec_…`); we register hooks
    with a secret token, which every version has.
    """
    given = header(headers, "X-Gitlab-Token").encode(errors="surrogatepass")
    return bool(secret) and hmac.compare_digest(given, secret.encode(errors="surrogatepass"))


def delivery_id(headers: Headers, body: bytes) -> str:
    """What tells this delivery from others, the same for each retry of it.

    `Idempotency-Key` (17.4 and later) is kept over retries. Older versions have nothing of the kind:
    `X-Gitlab-Webhook-UUID` is new with each attempt, and `X-Gitlab-Event-UUID` is shared by everything that
    one action set off. There the body's hash has to do; it repeats only if the same thing happened again.
    """
    key = header(headers, "Idempotency-Key").strip()
    if key and len(key) <= _LONGEST_KEY and key.isprintable():
        return key
    return "sha256:" + hashlib.sha256(body).hexdigest()


def event_name(headers: Headers) -> str:
    """GitLab's name of the event (`Push Hook`), or "" if the delivery has none."""
    return header(headers, "X-Gitlab-Event").strip()


def parse(event_name: str, payload: Mapping[str, Any]) -> Event | Ignored:
    """The delivery in our words, or why it isn't for us. Raises MalformedDelivery, and nothing else."""
    match event_name:
        case "Push Hook":
            return payloads.push(payload)
        case "Tag Push Hook":
            return payloads.tag_push(payload)
        case "Merge Request Hook":
            return payloads.merge_request(payload)
        case "Note Hook" | "Confidential Note Hook":
            return payloads.note(payload)
        case "System Hook":
            return _system(payload)
        case "":
            return Ignored("the delivery has no X-Gitlab-Event header")
        case _:
            return Ignored(f"Runlock does nothing on GitLab's event {event_name[:60]!r}")


def _system(payload: Mapping[str, Any]) -> Event | Ignored:
    """A hook of the whole instance: renames, and whatever a project's own hook would have told."""
    match read.optional_text(payload, "object_kind") or read.optional_text(payload, "event_name"):
        case "push":
            return payloads.push(payload)
        case "tag_push":
            return payloads.tag_push(payload)
        case "merge_request":
            return payloads.merge_request(payload)
        case "project_rename" | "project_transfer":
            return payloads.moved(payload)
        case name:
            return Ignored(f"Runlock does nothing on GitLab's system event {name[:60]!r}")


__all__ = ["MalformedDelivery", "delivery_id", "event_name", "parse", "repository_host_id", "verify"]
