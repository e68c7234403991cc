"""Which settings are there? Each has a name, a default and a sentence. Read once, from the environment.

A dataclass fed with a mapping: the CLI gives it `os.environ`, a test gives it a dict.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bot.errors import RunlockError


class BadSetting(RunlockError):
    """A setting has a value that can't be read."""


def _setting(name: str, default: Any, sentence: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"name": name, "sentence": sentence}, repr=not secret)


@dataclass(frozen=True)
class Settings:
    data: Path = _setting("RUNLOCK_DATA", Path("data"), "The folder of everything that is remembered on this machine.")
    address: str = _setting(
        "RUNLOCK_ADDRESS", "http://localhost:8080", "The URL under which people, hosts and runners reach Runlock."
    )
    port: int = _setting("RUNLOCK_PORT", 8080, "The TCP port that `runlock web` listens on.")
    bind: str = _setting("RUNLOCK_BIND", "127.0.0.1", "The address that `runlock web` listens on.")
    largest_configuration_megabytes: int = _setting(
        "RUNLOCK_LARGEST_CONFIGURATION_MEGABYTES", 100, "The largest archive of a configuration that may be uploaded."
    )
    largest_state_megabytes: int = _setting(
        "RUNLOCK_LARGEST_STATE_MEGABYTES", 100, "The largest state that is taken; one million bytes each."
    )
    web_processes: int = _setting(
        "RUNLOCK_WEB_PROCESSES", 3, "How many processes answer together; each uses one core at most."
    )
    queue: str = _setting(  # its URL may hold a password
        "RUNLOCK_QUEUE", "sqlite", "Where the queues are: sqlite, redis://… or postgresql://….", secret=True
    )
    blobs: str = _setting("RUNLOCK_BLOBS", "file", "Where blobs are: file, or s3://bucket/prefix.")
    secret_key: str = _setting(
        "RUNLOCK_SECRET_KEY", "", "The master key, 64 hex digits; else made once under server/.", secret=True
    )
    sandbox: str = _setting("RUNLOCK_SANDBOX", "auto", "What engines run in: auto, bubblewrap, or none.")
    command_words: tuple[str, ...] = _setting(
        "RUNLOCK_COMMAND_WORDS", ("runlock",), "Words that address us in a comment, separated by commas."
    )
    runner_concurrency: int = _setting("RUNLOCK_RUNNER_CONCURRENCY", 2, "How many stages one runner works on at once.")
    runner_pool_token: str = _setting(
        "RUNLOCK_RUNNER_POOL_TOKEN", "", "What a runner proves itself with; else made from the master key.", secret=True
    )
    runner_name: str = _setting("RUNLOCK_RUNNER_NAME", "", "What a runner calls itself; else its host and process id.")
    plugins: str = _setting("RUNLOCK_PLUGINS", "", "Folders of provider plugins that engines may read, like a PATH.")
    result_patience_seconds: int = _setting(
        "RUNLOCK_RESULT_PATIENCE_SECONDS", 21600, "How long a runner offers a result that it can't hand in."
    )
    engines: str = _setting("RUNLOCK_ENGINES", "", "A folder of engines: <engine>/<version>/<binary>.")
    engine_releases: str = _setting(
        "RUNLOCK_ENGINE_RELEASES", "", "Where Terraform is downloaded from; else its maker."
    )
    tofu_releases: str = _setting("RUNLOCK_TOFU_RELEASES", "", "Where OpenTofu is downloaded from; else its maker.")
    tofu_index: str = _setting("RUNLOCK_TOFU_INDEX", "", "The list of OpenTofu's versions; else its maker's.")
    engine_keys: str = _setting(
        "RUNLOCK_ENGINE_KEYS", "", "A file with the OpenPGP keys that engine releases are signed with."
    )
    engine_file_megabytes: int = _setting(
        "RUNLOCK_ENGINE_FILE_MEGABYTES", 16384, "The largest file that an engine may write."
    )
    engine_open_files: int = _setting(
        "RUNLOCK_ENGINE_OPEN_FILES", 4096, "How many files each process of an engine may have open."
    )
    engine_processes: int = _setting(
        "RUNLOCK_ENGINE_PROCESSES", 4096, "How many processes and threads an engine may have in its sandbox."
    )
    engine_memory_megabytes: int = _setting(
        "RUNLOCK_ENGINE_MEMORY_MEGABYTES", 0, "The address space of each process of an engine; 0: not limited."
    )
    engine_tmp_megabytes: int = _setting(
        "RUNLOCK_ENGINE_TMP_MEGABYTES", 1024, "The size of an engine's /tmp, which is memory."
    )
    least_free_megabytes: int = _setting(
        "RUNLOCK_LEAST_FREE_MEGABYTES", 512, "A plan is ended when a runner's disk has less free; 0: never."
    )
    lease_seconds: int = _setting(
        "RUNLOCK_LEASE_SECONDS", 30, "A runner that is silent for this long has lost its job."
    )
    grace_seconds: int = _setting(
        "RUNLOCK_GRACE_SECONDS", 120, "How long a stop waits for running stages before it interrupts them."
    )
    forks: bool = _setting("RUNLOCK_FORKS", False, "Whether pull requests from forks are planned.")
    max_body_megabytes: int = _setting("RUNLOCK_MAX_BODY_MEGABYTES", 25, "The largest webhook delivery that is taken.")
    retention_days: int = _setting(
        "RUNLOCK_RETENTION_DAYS", 30, "How long what deliveries said and what hosts were told is kept; 0: for ever."
    )
    reconcile_minutes: int = _setting("RUNLOCK_RECONCILE_MINUTES", 10, "How often hosts are asked what we missed.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Raises BadSetting, naming the setting."""
        known: dict[str, Any] = {}
        for setting in fields(cls):
            name = setting.metadata["name"]
            if environment.get(name):
                known[setting.name] = _read(name, environment[name], setting.default)
        return cls(**known)

    @property
    def server_folder(self) -> Path:
        return self.data / "server"

    @property
    def runner_folder(self) -> Path:
        return self.data / "runner"

    def queue_url(self, name: str) -> str:
        """The queue's URL; each embedded queue has a file of its own, the runner's in the runner's folder."""
        if self.queue != "sqlite":
            return self.queue
        file = self.runner_folder / "queue.db" if name == RUNNER_QUEUE else self.server_folder / f"{name}.queue.db"
        return f"sqlite://{file.resolve()}"


REACTIONS_QUEUE = "reactions"  # short work on our own records
OUTSIDE_QUEUE = "outside"  # fetching and sending: a slow clone or host never starves the other
RUNNER_QUEUE = "runner"  # the default pool's


def _read(name: str, text: str, default: Any) -> Any:
    match default:
        case bool():
            if text.lower() not in ("1", "0", "true", "false", "yes", "no"):
                raise BadSetting(f"{name} is {text!r}; it must be yes or no")
            return text.lower() in ("1", "true", "yes")
        case int():
            if not text.isdecimal():
                raise BadSetting(f"{name} is {text!r}; it must be a whole number")
            return int(text)
        case tuple():
            return tuple(word.strip() for word in text.split(",") if word.strip())
        case Path():
            return Path(text)
        case _:
            return text


def described() -> list[tuple[str, str, str]]:
    """(name, default, sentence) of every setting, for `runlock settings` and the README."""
    rows = []
    for setting in fields(Settings):
        default = ",".join(setting.default) if isinstance(setting.default, tuple) else str(setting.default)
        rows.append((setting.metadata["name"], default, setting.metadata["sentence"]))
    return rows
