"""Where may Git fetch from? http(s), ssh, and folders of this machine, each written in one exact form."""

import ipaddress
import posixpath
import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from bot.errors import Refused

_UNFIT = re.compile(r"[\x00-\x20\x7f\\]|^[^/\[]*::")  # `ext::` and its like name a remote helper
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_SCP_LIKE = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>[^@/:]+):(?P<path>[^:].*)")
_DEFAULT_PORTS = {"http": 80, "https": 443, "ssh": 22}


class Transport(StrEnum):
    HTTP = "http"
    SSH = "ssh"
    LOCAL = "local"


@dataclass(frozen=True)
class CloneUrl:
    """`text` is what Git is given. `origin` is scheme, host and port (with ssh also the user), empty if local."""

    text: str
    transport: Transport
    origin: str
    path: str
    host: str = ""
    port: int = 0

    @property
    def name(self) -> str:
        """The repository for a person: `acme/infra`, or the folder's path."""
        if self.transport is Transport.LOCAL:
            return self.path
        return self.path.strip("/").removesuffix(".git")

    def is_same_host(self, other: "CloneUrl") -> bool:
        """Whether a credential for one is meant for the other: same scheme, host and port."""
        mine = (self.origin.split("://")[0], self.host, self.port)
        return mine == (other.origin.split("://")[0], other.host, other.port)

    @property
    def is_inside(self) -> bool:
        """Whether the host is written as this machine or as an address that isn't public."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return not ipaddress.ip_address(self.host.strip("[]")).is_global
        except ValueError:
            # Decimal, octal and short forms (0x7f000001, 2130706433, 127.1) that resolvers take for addresses.
            return re.fullmatch(r"(0[xX][0-9A-Fa-f]+|[0-9]+)(\.(0[xX][0-9A-Fa-f]+|[0-9]+))*", self.host) is not None


def parse_clone_url(text: str) -> CloneUrl:
    """The URL in our exact form. Raises Refused for every other scheme, for credentials in it, and for tricks."""
    if not text or text.startswith("-"):
        raise Refused(f"{_shown(text)} is no clone URL")
    if text.startswith("/") or text.lower().startswith("file://"):
        return _local(text)
    if _UNFIT.search(text):
        raise Refused(f"the clone URL {_shown(text)} holds characters that don't belong in one")
    if "://" not in text:
        return _scp_like(text)
    scheme = text.split("://", 1)[0].lower()
    if scheme not in _DEFAULT_PORTS:
        raise Refused(f"the clone URL {_shown(text)} isn't https, http, ssh or an absolute path")
    return _with_scheme(text)


def _with_scheme(text: str) -> CloneUrl:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise Refused("the clone URL isn't well formed") from error
    host = re.sub(r"^.*@|:[0-9]*$", "", parts.netloc).lower()
    if parts.password is not None or (parts.scheme != "ssh" and parts.username is not None):
        raise Refused("a clone URL must not hold credentials: give them to the connection")
    if not _HOST.fullmatch(host) or parts.query or parts.fragment:
        raise Refused(f"the clone URL {_shown(text)} isn't well formed")
    if parts.username is not None and not _USER.fullmatch(parts.username):
        raise Refused(f"the user name in the clone URL {_shown(text)} isn't one")
    user = f"{parts.username}@" if parts.username else ""
    origin = f"{parts.scheme}://{user}{host}" + (f":{port}" if port is not None else "")
    transport = Transport.SSH if parts.scheme == "ssh" else Transport.HTTP
    path = parts.path if parts.path.startswith("/") else "/"
    if transport is Transport.SSH and path.startswith("/-"):
        raise Refused(f"the clone URL {_shown(text)} isn't well formed")
    return CloneUrl(origin + path, transport, origin, path, host, port or _DEFAULT_PORTS[parts.scheme])


def _scp_like(text: str) -> CloneUrl:
    """`git@host:acme/infra.git`, which stays as it is: its path is relative to the user's home."""
    match = _SCP_LIKE.fullmatch(text)
    if match is None or not _HOST.fullmatch(match["host"]) or match["path"].startswith("-"):
        raise Refused(f"{_shown(text)} is no clone URL: it should be https://…, ssh://…, or an absolute path")
    if match["user"] is not None and not _USER.fullmatch(match["user"]):
        raise Refused(f"the user name in the clone URL {_shown(text)} isn't one")
    user = f"{match['user']}@" if match["user"] else ""
    host = match["host"].lower()
    return CloneUrl(text, Transport.SSH, f"ssh://{user}{host}", match["path"], host, _DEFAULT_PORTS["ssh"])


def _local(text: str) -> CloneUrl:
    path = text if text.startswith("/") else text[len("file://") :]
    if not path.startswith("/") or re.search(r"[\x00-\x1f\x7f]", path):
        raise Refused(f"{_shown(text)} isn't the absolute path of a repository")
    path = posixpath.normpath(path)
    path = "/" + path.lstrip("/")  # POSIX lets normpath keep two leading slashes
    return CloneUrl(path, Transport.LOCAL, "", path)


def resolve_relative(parent: CloneUrl, relative: str) -> CloneUrl:
    """A submodule's `../other.git`, counted from its parent's URL (https://git-scm.com/docs/gitmodules).

    Raises Refused if it climbs out of the host or isn't relative.
    """
    steps = relative.split("/")
    kept = [step for step in parent.path.split("/") if step]
    while steps and steps[0] in (".", ".."):
        if steps.pop(0) == "..":
            if not kept:
                raise Refused(f"the URL {_shown(relative)} leaves the host of {parent.name}")
            kept.pop()
    if not steps or any(step in ("", ".", "..") for step in steps):
        raise Refused(f"the URL {_shown(relative)} isn't well formed")
    path = "/".join([*kept, *steps])
    if parent.transport is Transport.LOCAL:
        return parse_clone_url(f"/{path}")
    if parent.transport is Transport.SSH and "://" not in parent.text:
        rooted = "/" if parent.path.startswith("/") else ""
        return parse_clone_url(f"{parent.origin.removeprefix('ssh://')}:{rooted}{path}")
    return parse_clone_url(f"{parent.origin}/{path}")


def _shown(text: str) -> str:
    """The text for a message: short, without control characters, without what might be a password."""
    without_user = re.sub(r"//.*@", "//", text)
    return "“" + re.sub(r"[^\x20-\x7e\u00a1-\uffef]", "?", without_user)[:100] + "”"
