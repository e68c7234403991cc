"""How do we run Git? argv only, a clean environment, nobody's configuration but ours, and a time limit.

GitPython's `Git.execute` isn't used here: it hands the whole environment of this process, our secrets among it, to
Git and its children, and its `kill_after_timeout` finds those children by `ps`. GitPython reads plain repositories
in `plain_git.py`.
"""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from bot.errors import OutsideTrouble

# What Git and ssh may know of our environment: how to find programs, proxies, certificates and the ssh agent.
_PASSED_ON = (
    "PATH",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    *(name for proxy in ("http_proxy", "https_proxy", "all_proxy", "no_proxy") for name in (proxy, proxy.upper())),
)

_ENVIRONMENT = {
    "LC_ALL": "C",  # errors are told apart by their English text
    "HOME": "/nonexistent",  # also keeps libcurl away from a .netrc
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",  # a commit is what its id says
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=20 -o ControlMaster=no",
    "GIT_SSH_VARIANT": "ssh",
}

# Old mistakes that harmless histories hold. What is dangerous in a tree (`..`, `.git`, doubled entries) stays refused.
# What is wrong with .gitmodules is judged in `submodules.py`, when somebody asks for submodules: one such commit on
# any branch must not close the repository to everybody. The same holds for .gitattributes: Git itself passes over
# long lines and large files, and archives are made deaf to all of them (`archive.py`).
FORGIVEN_MISTAKES = [
    "badDate",
    "badDateOverflow",
    "badEmail",
    "badName",
    "badTimezone",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "multipleAuthors",
    "zeroPaddedDate",
    "zeroPaddedFilemode",
    "gitmodulesBlob",
    "gitmodulesLarge",
    "gitmodulesMissing",
    "gitmodulesName",
    "gitmodulesParse",
    "gitmodulesPath",
    "gitmodulesUrl",
    "gitmodulesUpdate",
    "gitattributesBlob",
    "gitattributesLarge",
    "gitattributesLineLength",
    "gitattributesMissing",
]

_SETTINGS = (
    "protocol.allow=never",  # also forbids ext:: and every other helper
    "protocol.https.allow=always",
    "protocol.http.allow=always",
    "protocol.ssh.allow=always",
    f"core.hooksPath={os.devnull}",
    f"core.attributesFile={os.devnull}",
    "core.fsmonitor=false",
    "core.fsync=committed,reference",
    "core.quotePath=false",
    "credential.helper=",
    "safe.directory=*",  # the folder is named by the caller; who owns it says nothing
    "http.followRedirects=initial",  # a renamed repository; the credential stays with its own host, see askpass.py
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
    "fetch.fsckObjects=true",
    *(f"fetch.fsck.{mistake}=ignore" for mistake in FORGIVEN_MISTAKES),
    "fetch.unpackLimit=1",  # a pack appears whole or not at all; loose objects appear one by one
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "i18n.logOutputEncoding=UTF-8",
    "tar.umask=0022",
)

_KILL_AFTER_SECONDS = 3.0  # Git removes its lock files on TERM, which takes milliseconds.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_SAID_LENGTH = 400  # characters of Git's complaint that a person gets to see


class GitFailed(Exception):
    """Git ended with an error. `said` is its whole stderr, fit to be shown; argv is in neither."""

    def __init__(self, code: int, said: str, *, timed_out: bool = False) -> None:
        super().__init__(spoken(said) or f"git ended with exit code {code}")
        self.code = code
        self.said = said
        self.timed_out = timed_out


@dataclass(frozen=True)
class Answer:
    code: int
    output: bytes
    said: str


@dataclass(frozen=True)
class GitCommand:
    """Runs Git on one repository. `secrets` never get through in what Git says."""

    git_dir: Path | None
    timeout_seconds: float
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    settings: Sequence[str] = ()
    secrets: Sequence[str] = field(default=(), repr=False)

    def run(self, *arguments: str) -> bytes:
        """Git's output. Raises GitFailed on any exit code but 0, and OutsideTrouble without Git."""
        answer = self.ask(*arguments)
        if answer.code:
            raise GitFailed(answer.code, answer.said)
        return answer.output

    def write_to(self, output: IO[bytes], *arguments: str) -> None:
        """Let Git write into an open file. Raises GitFailed, and OutsideTrouble without Git."""
        answer = self._execute(arguments, output)
        if answer.code:
            raise GitFailed(answer.code, answer.said)

    def ask(self, *arguments: str) -> Answer:
        """Git's output and exit code, whatever it is. Raises GitFailed only when the time is over."""
        return self._execute(arguments, subprocess.PIPE)

    def _execute(self, arguments: Sequence[str], output: IO[bytes] | int) -> Answer:
        try:
            process = subprocess.Popen(
                self._argv(arguments),
                env=self._environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
                start_new_session=True,  # so that the time limit reaches ssh, remote helpers and index-pack as well
            )
        except FileNotFoundError as error:
            raise OutsideTrouble("git isn't installed, or isn't on the PATH", permanent=True) from error
        with process:
            try:
                written, complaint = process.communicate(timeout=self.timeout_seconds)
            except subprocess.TimeoutExpired as error:
                _end(process)
                raise GitFailed(-1, f"no end after {self.timeout_seconds:g} seconds", timed_out=True) from error
            except BaseException:
                _end(process)
                raise
        return Answer(process.returncode, written or b"", self._presentable(complaint))

    def _argv(self, arguments: Sequence[str]) -> list[str]:
        where = [] if self.git_dir is None else [f"--git-dir={self.git_dir}"]
        settings = [part for setting in (*_SETTINGS, *self.settings) for part in ("-c", setting)]
        return ["git", *where, *settings, *arguments]

    def _environment(self) -> dict[str, str]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return {"PATH": os.defpath, **passed_on, **_ENVIRONMENT, **self.environment}

    def _presentable(self, complaint: bytes) -> str:
        text = complaint.decode(errors="replace")
        for secret in filter(None, self.secrets):
            text = text.replace(secret, "***")
        return "\n".join(filter(None, (_CONTROL.sub(" ", line).strip() for line in re.split(r"[\r\n]", text))))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the process and its children: TERM first, so that no lock file stays behind."""
    for signal_number, patience in ((signal.SIGTERM, _KILL_AFTER_SECONDS), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, signal_number)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    with contextlib.suppress(subprocess.TimeoutExpired):  # what has left the group may hold the pipes open
        process.communicate(timeout=_KILL_AFTER_SECONDS)


def spoken(said: str) -> str:
    """The part of Git's stderr that says why, on one line: its fatal line and what the other side told."""
    lines = said.split("\n")
    reasons = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "ssh:"))] or lines
    sentence = "; ".join(dict.fromkeys(line.removeprefix("fatal: ").removeprefix("error: ") for line in reasons))
    return sentence if len(sentence) <= _SAID_LENGTH else sentence[: _SAID_LENGTH - 1] + "…"
