"""How is an engine asked to init, plan, show and apply? Argument lists without secrets; versions from 0.11 on."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, BinaryIO

from packaging.version import Version

from bot.manifest import plan_digest_in_pieces
from bot.runner.engine_process import Command, Reins
from bot.runner.engine_versions import Engine
from bot.runner.environment import STATE_USER, Surroundings, without_switches
from bot.runner.job import StageJob
from bot.runner.log_stream import LogFile
from bot.runner.sandbox import INSIDE_PLUGINS, SEARCH_PATH, Mount, Sandbox, system_accounts
from bot.runner.state_backend import StateBackend, backend_for, cli_configuration
from bot.runner.work_folder import Rooms, opened_safely, working_directory
from bot.workspace import EngineName

PLAN_FILE = "plan.bin"
GENERATED_FILE = "generated.tf"
LOCK_FILE = ".terraform.lock.hcl"
LARGEST_LOCK_FILE = 16 * 1024**2  # bytes; one of fifty providers has about 100 kB
PIECE = 1024**2  # bytes read at once
# The http backend reads TF_HTTP_ variables since the pull request 25439 of September 2020; before, a file tells it.
KNOWS_STATE_ENVIRONMENT = Version("0.14")
KNOWS_JSON_PLANS = Version("0.12")
KNOWS_JSON_LOGS = Version("1.0")
KNOWS_MIRRORS = Version("0.13")  # provider_installation in the CLI's configuration
KNOWS_VARIABLES_AT_INIT = Version("1.8")  # OpenTofu's early evaluation


@dataclass(frozen=True)
class Bench:
    """One engine in one work folder, ready to be asked. Everything it prints goes into the log."""

    job: StageJob
    engine: Engine
    sandbox: Sandbox
    rooms: Rooms
    folder: Path  # the working directory, on this machine
    environment: dict[str, str]
    backend: StateBackend
    plugin_folders: tuple[Path, ...]
    reins: Reins
    log: LogFile

    def init(self, variable_files: Sequence[str]) -> int:
        """Get backend, modules and providers; the exit code."""
        arguments = ["init", "-input=false", "-no-color"]
        if self.backend is StateBackend.CLOUD:
            arguments.append("-ignore-remote-version")  # the run's own version counts, whatever the workspace says now
        if not _knows_state_environment(self.engine):
            arguments.append(f"-backend-config={self._seen.inputs / 'backend.tfvars'}")
        if self._is_terraform and self.engine.version < KNOWS_MIRRORS:
            arguments += [f"-plugin-dir={path}" for path in self._plugins]
        if not self._is_terraform and self.engine.version >= KNOWS_VARIABLES_AT_INIT:
            arguments += self._variables(variable_files)
        return self._run(arguments)

    def plan(self, variable_files: Sequence[str]) -> int:
        """Plan into a file; 0 without changes, 2 with, else it failed (and the file means nothing)."""
        arguments = [
            "plan",
            "-input=false",
            "-no-color",
            "-lock=false",
            "-detailed-exitcode",
            *self._log_format(),
        ]
        arguments += [f"-out={self._seen.out / PLAN_FILE}", *self._variables(variable_files)]
        arguments += self.job.options.arguments()
        if self.job.options.generates_configuration:
            # Outside the tree: what is applied stays the tree as committed, and the plan holds what was generated.
            arguments.append(f"-generate-config-out={self._seen.out / GENERATED_FILE}")
        return self._run([*arguments, "-destroy"] if self.job.is_destroy else arguments)

    def show_json(self, answer: IO[bytes], *, largest: int) -> int:
        """Write the machine-readable plan into a file, `largest` bytes of it at most; the exit code."""
        limits = replace(self.sandbox.limits, file_bytes=min(largest, self.sandbox.limits.file_bytes))
        quiet = replace(
            self, environment=without_switches(self.environment), sandbox=replace(self.sandbox, limits=limits)
        )
        return quiet._run(["show", "-no-color", "-json", str(self._seen.out / PLAN_FILE)], answer)

    def show_schemas(self, answer: IO[bytes]) -> int:
        """Write what the providers' resources look like into a file; the exit code."""
        quiet = replace(self, environment=without_switches(self.environment))
        return quiet._run(["providers", "schema", "-json"], answer)

    def apply(self) -> int:
        """Apply the plan file that lies in `inputs`; the exit code."""
        arguments = ["apply", "-input=false", "-no-color", "-lock=false", *self._log_format()]
        return self._run([*arguments, str(self._seen.inputs / PLAN_FILE)])

    def _log_format(self) -> list[str]:
        return ["-json"] if self.job.options.structured_output and self.engine.version >= KNOWS_JSON_LOGS else []

    def digest(self, plan: BinaryIO) -> str:
        """The plan digest over an open plan file and the dependency lock file, if there is one. Raises Refused."""
        folder = working_directory(self.rooms.tree, self.job.working_directory)  # again: it may have become a symlink
        with opened_safely(folder, LOCK_FILE, largest=LARGEST_LOCK_FILE) as lock:
            files = [plan, lock] if lock else [plan]
            return plan_digest_in_pieces((os.fstat(file.fileno()).st_size, _pieces(file)) for file in files)

    @property
    def knows_json_plans(self) -> bool:
        return self.engine.version >= KNOWS_JSON_PLANS

    @property
    def _is_terraform(self) -> bool:
        return self.engine.name is EngineName.TERRAFORM

    @property
    def _seen(self) -> Rooms:
        return self.sandbox.rooms(self.rooms)

    @property
    def _plugins(self) -> list[Path]:
        return plugin_paths(self.plugin_folders, self.sandbox)

    def _variables(self, files: Sequence[str]) -> list[str]:
        return [f"-var-file={self._seen.inputs / name}" for name in files]

    def _run(self, arguments: list[str], answer: IO[bytes] | None = None) -> int:
        mounts = [
            *self.engine.mounts(),
            *(Mount(*pair) for pair in zip(self.plugin_folders, self._plugins, strict=True)),
        ]
        seen_folder = self._seen.tree / self.folder.relative_to(self.rooms.tree)
        argv = [*self.engine.argv(in_sandbox=self.sandbox.is_on), *arguments]
        command = Command(
            argv=self.sandbox.command(argv, self.rooms, seen_folder, mounts),
            environment=self.environment,
            folder=self.rooms.private if self.sandbox.is_on else self.folder,
        )
        return self.reins.run(command, output=self.log.write, answer=answer)


def surroundings(engine: Engine, sandbox: Sandbox, rooms: Rooms, search_path: str) -> Surroundings:
    seen = sandbox.rooms(rooms)
    return Surroundings(
        home=str(seen.home),
        search_path=SEARCH_PATH if sandbox.is_on else search_path,
        cli_configuration=str(seen.inputs / "cli.tfrc"),
        knows_state_environment=_knows_state_environment(engine),
    )


def prepare_inputs(
    job: StageJob, engine: Engine, sandbox: Sandbox, rooms: Rooms, plugin_folders: tuple[Path, ...]
) -> None:
    """Write what the engine reads besides the configuration: the CLI's configuration, the backend's, the accounts."""
    backend = cli_configuration(backend_for(engine, job), job)
    _write(rooms.inputs / "cli.tfrc", _plugin_configuration(engine, sandbox, plugin_folders) + backend)
    for name, content in system_accounts().items():
        _write(rooms.inputs / name, content)
    if not _knows_state_environment(engine):
        facts = {"address": job.state_url, "username": STATE_USER, "password": job.run_token}
        # JSON's strings are HCL's, but for templates, which neither an address nor a token has.
        _write(rooms.inputs / "backend.tfvars", "".join(f"{key} = {json.dumps(facts[key])}\n" for key in facts))


def plugin_paths(folders: tuple[Path, ...], sandbox: Sandbox) -> list[Path]:
    """The plugin folders as the engine sees them."""
    return [INSIDE_PLUGINS / str(number) if sandbox.is_on else folder for number, folder in enumerate(folders)]


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    return iter(lambda: file.read(PIECE), b"")


def _knows_state_environment(engine: Engine) -> bool:
    return engine.name is EngineName.TOFU or engine.version >= KNOWS_STATE_ENVIRONMENT


def _plugin_configuration(engine: Engine, sandbox: Sandbox, folders: tuple[Path, ...]) -> str:
    """Mirrors for what lies in the plugin folders, the registry for the rest; empty where there are none.

    https://developer.hashicorp.com/terraform/cli/config/config-file#provider-installation
    """
    if not folders or (engine.name is EngineName.TERRAFORM and engine.version < KNOWS_MIRRORS):
        return ""
    mirrors = [
        f"  filesystem_mirror {{\n    path = {json.dumps(str(path))}\n  }}\n" for path in plugin_paths(folders, sandbox)
    ]
    there = sorted({str(found.relative_to(folder)) for folder in folders for found in folder.glob("*/*/*")})
    exclude = f"  direct {{\n    exclude = {json.dumps(there)}\n  }}\n"
    return "provider_installation {\n" + "".join(mirrors) + exclude + "}\n"


def _write(path: Path, content: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
