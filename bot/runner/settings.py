"""What does a runner need to know? Three things to find its work, the rest with defaults."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from bot.errors import Refused
from bot.runner.limits import MEGABYTE, USUAL_LIMITS, Limits

# Where the engines' makers publish releases. The layouts are theirs:
# https://releases.hashicorp.com/terraform/ and https://github.com/opentofu/opentofu/releases
TERRAFORM_RELEASES = "https://releases.hashicorp.com"
TOFU_RELEASES = "https://github.com/opentofu/opentofu/releases/download"
TOFU_INDEX = "https://get.opentofu.org/tofu/api.json"


class SandboxMode(StrEnum):
    AUTO = "auto"  # bubblewrap; where it can't work, everything is refused
    BUBBLEWRAP = "bubblewrap"
    NONE = "none"  # set by hand only


@dataclass(frozen=True)
class RunnerSettings:
    """A runner's settings. Times are in seconds; an empty releases address switches that engine's download off."""

    url: str
    pool_token: str = field(repr=False)
    queue: str = field(repr=False)  # its URL may hold a password
    work_folder: Path
    engines_folder: Path
    sandbox: SandboxMode = SandboxMode.AUTO
    concurrency: int = 2
    name: str = "runner"
    releases_url: str = TERRAFORM_RELEASES
    tofu_releases_url: str = TOFU_RELEASES
    tofu_index_url: str = TOFU_INDEX
    keys_file: Path | None = None
    grace_seconds: float = 120  # between asking an engine to stop and killing it; and for running stages at a shutdown
    result_patience_seconds: float = 6 * 3600  # how long a result that can't be delivered is offered again
    plugin_folders: tuple[Path, ...] = ()
    search_path: str = "/usr/local/bin:/usr/bin:/bin"  # where engines are looked for, after the engines folder
    limits: Limits = USUAL_LIMITS
    least_free_bytes: int = 512 * MEGABYTE  # of the work folder's disk; with less, plans are ended

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "RunnerSettings":
        """Read the RUNLOCK_ variables. Raises Refused, naming the variable, for a value that can't be."""
        data = Path(environment.get("RUNLOCK_DATA") or "data").resolve() / "runner"
        queue = environment.get("RUNLOCK_QUEUE") or "sqlite"
        return cls(
            url=(environment.get("RUNLOCK_ADDRESS") or "http://localhost:8080").rstrip("/"),
            pool_token=_needed(environment, "RUNLOCK_RUNNER_POOL_TOKEN"),
            queue=f"sqlite://{data / 'queue.db'}" if queue == "sqlite" else queue,
            work_folder=data / "work",
            engines_folder=Path(environment.get("RUNLOCK_ENGINES") or data / "engines").resolve(),
            sandbox=_mode(environment.get("RUNLOCK_SANDBOX") or SandboxMode.AUTO.value),
            concurrency=int(_number(environment, "RUNLOCK_RUNNER_CONCURRENCY", 2, least=1)),
            name=environment.get("RUNLOCK_RUNNER_NAME") or f"{socket.gethostname()}-{os.getpid()}",
            releases_url=environment.get("RUNLOCK_ENGINE_RELEASES", TERRAFORM_RELEASES).rstrip("/"),
            tofu_releases_url=environment.get("RUNLOCK_TOFU_RELEASES", TOFU_RELEASES).rstrip("/"),
            tofu_index_url=environment.get("RUNLOCK_TOFU_INDEX", TOFU_INDEX),
            keys_file=Path(environment["RUNLOCK_ENGINE_KEYS"]) if environment.get("RUNLOCK_ENGINE_KEYS") else None,
            grace_seconds=_number(environment, "RUNLOCK_GRACE_SECONDS", 120, least=0),
            result_patience_seconds=_number(environment, "RUNLOCK_RESULT_PATIENCE_SECONDS", 6 * 3600, least=0),
            plugin_folders=_folders(environment.get("RUNLOCK_PLUGINS", "")),
            search_path=environment.get("PATH") or cls.search_path,
            limits=_limits(environment),
            least_free_bytes=int(_number(environment, "RUNLOCK_LEAST_FREE_MEGABYTES", 512, least=0) * MEGABYTE),
        )


def _limits(environment: Mapping[str, str]) -> Limits:
    return Limits(
        file_bytes=int(_number(environment, "RUNLOCK_ENGINE_FILE_MEGABYTES", 16384, least=1) * MEGABYTE),
        open_files=int(_number(environment, "RUNLOCK_ENGINE_OPEN_FILES", 4096, least=64)),
        processes=int(_number(environment, "RUNLOCK_ENGINE_PROCESSES", 4096, least=64)),
        memory_bytes=int(_number(environment, "RUNLOCK_ENGINE_MEMORY_MEGABYTES", 0, least=0) * MEGABYTE),
        tmp_bytes=int(_number(environment, "RUNLOCK_ENGINE_TMP_MEGABYTES", 1024, least=1) * MEGABYTE),
    )


def _folders(value: str) -> tuple[Path, ...]:
    """The folders that exist, of a list like PATH."""
    return tuple(Path(part).resolve() for part in value.split(os.pathsep) if part and Path(part).is_dir())


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise Refused(f"{name} is not set; give the runner and the web process the same long random value")
    return value


def _mode(value: str) -> SandboxMode:
    try:
        return SandboxMode(value)
    except ValueError:
        raise Refused(f"RUNLOCK_SANDBOX is {value!r}; it can be {', '.join(SandboxMode)}") from None


def _number(environment: Mapping[str, str], name: str, default: float, *, least: float) -> float:
    value = environment.get(name) or str(default)
    try:
        number = float(value)
    except ValueError:
        raise Refused(f"{name} is {value!r}; it must be a number") from None
    if not least <= number < float("inf"):
        raise Refused(f"{name} is {value}; it must be at least {least:g}")
    return number
