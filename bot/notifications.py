"""Which steps of a run are told to whom? Triggers, destinations, and where a notification may not go.

Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/notification-configurations
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from bot.errors import Refused
from bot.ids import NotificationConfigurationId, RunId, WorkspaceId
from bot.run import Run, RunKind, RunStatus

MOST_CONFIGURATIONS = 20  # of a workspace, as in TFE
MOST_TRIES = 6  # with the waits between them some ten minutes: longer than a receiver takes to start anew
FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 600.0
STALE = timedelta(hours=1)  # when a receiver is given up, what has waited this long for it is no news any more
MOST_URL_CHARACTERS = 2_000


class Trigger(StrEnum):
    """TFE's words for the steps of a run that can be told."""

    CREATED = "run:created"
    PLANNING = "run:planning"
    NEEDS_ATTENTION = "run:needs_attention"
    APPLYING = "run:applying"
    COMPLETED = "run:completed"
    ERRORED = "run:errored"


class Destination(StrEnum):
    """Who understands the message; TFE's `destination-type`. There is no `email`: no mail server is known here."""

    GENERIC = "generic"
    SLACK = "slack"
    MICROSOFT_TEAMS = "microsoft-teams"


@dataclass(frozen=True)
class NotificationConfiguration:
    """Who is told what of a workspace's runs. A chat's address is a credential: as secret as the token."""

    id: NotificationConfigurationId
    workspace_id: WorkspaceId
    name: str
    destination: Destination
    enabled: bool
    triggers: tuple[Trigger, ...]
    created_at: datetime
    updated_at: datetime
    url: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Notification:
    """One step of one run, as it was when it was taken."""

    id: int
    configuration_id: NotificationConfigurationId
    run_id: RunId
    trigger: Trigger
    run_status: RunStatus
    actor: str  # who took the step; empty if nobody did
    at: datetime
    tries: int


@dataclass(frozen=True)
class Answer:
    """What a receiver said; `code` is the HTTP status, or 0 if there was none and `trouble` says why."""

    code: int = 0
    body: str = ""
    headers: dict[str, list[str]] = field(default_factory=dict)
    trouble: str = ""

    @property
    def is_success(self) -> bool:
        return 200 <= self.code < 300

    @property
    def reason(self) -> str:
        """Why it is no success, as the end of a sentence."""
        return self.trouble or f"it answered {self.code}"


_OF_STATUS = {
    RunStatus.PENDING: Trigger.CREATED,
    RunStatus.PLANNING: Trigger.PLANNING,
    RunStatus.APPLYING: Trigger.APPLYING,
    RunStatus.APPLIED: Trigger.COMPLETED,
    RunStatus.PLANNED_AND_FINISHED: Trigger.COMPLETED,
    RunStatus.DISCARDED: Trigger.COMPLETED,  # somebody decided, and nothing went wrong
    RunStatus.ERRORED: Trigger.ERRORED,
    RunStatus.CANCELED: Trigger.ERRORED,
}


def trigger_of(run: Run) -> Trigger | None:
    """What is to be told now that the run has entered its status; None if nothing is.

    Speculative plans are not told of, as in TFE; a run that is applied by itself asks for nobody's attention.
    """
    if run.kind is RunKind.PLAN_ONLY:
        return None
    if run.needs_decision:
        applies_itself = run.auto_apply and run.kind is RunKind.NORMAL
        return None if applies_itself else Trigger.NEEDS_ATTENTION
    return _OF_STATUS.get(run.status)


def seconds_to_wait(tries: int) -> float:
    """Until the next try, after so many."""
    return min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 3.0 ** max(0, tries - 1))


def check_url(url: str) -> None:
    """Raises Refused unless it is an address that a notification can be posted to, as far as its text shows."""
    if len(url) > MOST_URL_CHARACTERS or not url.isascii() or any(sign <= " " or sign == "\x7f" for sign in url):
        raise Refused(f"url is an http or https address of at most {MOST_URL_CHARACTERS} characters, without spaces")
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError as error:
        raise Refused("url is not an address") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not has_port:
        raise Refused("url is an http or https address")
    if parts.username is not None or parts.password is not None:
        raise Refused("url holds no user and password: a token signs the message, and is kept secret")


# Where clouds answer a machine's questions about itself, credentials among them, outside the link-local range.
_METADATA = frozenset(
    {
        IPv6Address("fd00:ec2::254"),  # AWS
        IPv4Address("100.100.100.200"),  # Alibaba Cloud
        IPv4Address("192.0.0.192"),  # Oracle Cloud
        IPv4Address("168.63.129.16"),  # Azure's platform
    }
)
_NAT64 = ip_network("64:ff9b::/96")


def is_refused_address(text: str) -> bool:
    """Whether nothing may be sent to this IP address, whichever name led to it.

    Whoever administers a workspace chooses the address, and sees the answer. Link-local addresses are where clouds
    hand out a machine's own credentials, so they are refused, and with them what stands for "this machine, somehow"
    or for many at once. Loopback and private addresses are allowed on purpose: a receiver beside the server, or in
    the same network, is what most people have.
    """
    address = _plain(ip_address(text))
    return (
        address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address == IPv4Address("255.255.255.255")
        or address in _METADATA
    )


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address leads to, where it is written as one."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or IPv6Address(int(address))
