"""What does a runner get, and what does it give back? The documents of `/runner/v1`, parsed strictly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.errors import OutsideTrouble
from bot.manifest import VariableValue
from bot.plan_summary import PlanSummary
from bot.run import Stage
from bot.run_options import RunOptions
from bot.runner.registered_versions import MOST_VERSIONS, Registered, RegisteredVersion
from bot.stage_words import Outcome
from bot.workspace import EngineName


@dataclass(frozen=True)
class StageJob:
    """One plan or one apply. Tokens and variable values never show in a repr."""

    id: str
    run_id: str
    stage: Stage
    # Names as they were when the plan began: see `bot/run_names.py`.
    hostname: str
    organization: str
    workspace: str
    project: str
    workspace_id: str
    engine: EngineName
    engine_version: str  # empty, exact, or a constraint; exact for an apply
    working_directory: str
    is_destroy: bool
    options: RunOptions
    variables: tuple[VariableValue, ...] = field(repr=False)
    state_url: str
    api_url: str  # of the v2 API; empty: there is none
    run_token: str = field(repr=False)
    address: str  # Runlock's as it is now
    commit_sha: str
    branch: str
    tag: str
    timeout_seconds: int
    plan_digest: str
    foreign: bool
    registered_versions: Registered  # of the engine, as far as they could matter to this job

    @property
    def slug(self) -> str:
        return f"{self.organization}/{self.workspace}"

    @classmethod
    def from_json(cls, document: object) -> "StageJob":
        """Raises OutsideTrouble (permanent) for anything but the protocol's shape."""
        fields = _mapping(document, "job")
        variables = fields.get("variables")
        if not isinstance(variables, list):
            raise _malformed("variables")
        texts = {name: _text(fields, name) for name in _TEXTS}
        timeout = fields.get("timeout_seconds")
        if type(timeout) is not int or timeout <= 0:
            raise _malformed("timeout_seconds")
        try:
            stage, engine = Stage(_text(fields, "stage")), EngineName(_text(fields, "engine"))
        except ValueError as error:
            raise _malformed("stage or engine") from error
        return cls(
            **texts,
            stage=stage,
            engine=engine,
            variables=tuple(_variable(variable) for variable in variables),
            is_destroy=_flag(fields, "is_destroy"),
            options=_options(fields.get("options")),
            foreign=_flag(fields, "foreign"),
            registered_versions=_registered(fields.get("registered_versions")),
            timeout_seconds=timeout,
        )


_TEXTS = (
    "id",
    "run_id",
    "hostname",
    "organization",
    "workspace",
    "workspace_id",
    "project",
    "engine_version",
    "working_directory",
    "state_url",
    "api_url",
    "run_token",
    "address",
    "commit_sha",
    "branch",
    "tag",
    "plan_digest",
)


@dataclass(frozen=True)
class Claim:
    """The answer to a claim: the job, and the lease under which it may be worked on."""

    job: StageJob
    job_token: str = field(repr=False)
    lease_id: str
    lease_seconds: float

    @classmethod
    def from_json(cls, document: object) -> "Claim":
        """Raises OutsideTrouble (permanent) for anything but the protocol's shape."""
        fields = _mapping(document, "claim")
        seconds = fields.get("lease_seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
            raise _malformed("lease_seconds")
        return cls(
            job=StageJob.from_json(fields.get("job")),
            job_token=_text(fields, "job_token"),
            lease_id=_text(fields, "lease_id"),
            lease_seconds=float(seconds),
        )


@dataclass(frozen=True)
class StageResult:
    """How a stage ended. `error` is a sentence for a person; `notes` are what the run should say besides."""

    outcome: Outcome
    exit_code: int | None = None
    has_changes: bool = False
    summary: PlanSummary = field(default_factory=PlanSummary)
    plan_digest: str = ""
    engine: str = ""
    engine_version: str = ""
    error: str = ""
    log_size: int = 0
    notes: tuple[str, ...] = ()
    apply_started: bool = False  # whether the engine was told to apply: until then nothing can have changed

    def masked(self, mask: Callable[[str], str]) -> "StageResult":
        """The same, with each text that may come from an engine or a configuration put through `mask`.

        Engine, version and digest are ours, and the apply is found by them: a secret that is spelled like one of them
        is told by none.
        """
        summary = replace(
            self.summary,
            destroyed=tuple(map(mask, self.summary.destroyed)),
            replaced=tuple(map(mask, self.summary.replaced)),
            changed=tuple(map(mask, self.summary.changed)),
            added=tuple(map(mask, self.summary.added)),
        )
        return replace(self, summary=summary, error=mask(self.error), notes=tuple(map(mask, self.notes)))

    def as_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome.value,
            "exit_code": self.exit_code,
            "has_changes": self.has_changes,
            "summary": self.summary.as_json(),
            "plan_digest": self.plan_digest,
            "engine": self.engine,
            "engine_version": self.engine_version,
            "error": self.error,
            "log_size": self.log_size,
            "notes": list(self.notes),
            "apply_started": self.apply_started,
        }


def _malformed(what: str) -> OutsideTrouble:
    return OutsideTrouble(f"reading the job: the server's {what} is not what /runner/v1 says", permanent=True)


def _mapping(document: object, what: str) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise _malformed(what)
    return document


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or "\0" in value:
        raise _malformed(name)
    return value


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if not isinstance(value, bool):
        raise _malformed(name)
    return value


_OPTION_FLAGS = (
    "refresh",
    "refresh_only",
    "generates_configuration",
    "allows_empty_apply",
    "structured_output",
    "drawn_by_client",
)


def _options(document: object) -> RunOptions:
    fields = _mapping(document, "options")
    for name in ("targets", "replaces"):
        addresses = fields.get(name)
        if not isinstance(addresses, list) or not all(isinstance(address, str) for address in addresses):
            raise _malformed(name)
    flags = {name: _flag(fields, name) for name in _OPTION_FLAGS}
    return RunOptions(**flags, targets=tuple(fields["targets"]), replaces=tuple(fields["replaces"]))


def _registered(documents: object) -> Registered:
    if not isinstance(documents, list) or len(documents) > MOST_VERSIONS:
        raise _malformed("registered_versions")
    try:
        return tuple(RegisteredVersion.from_json(_mapping(each, "registered_versions")) for each in documents)
    except ValueError as error:
        raise _malformed("registered_versions") from error


def _variable(document: object) -> VariableValue:
    fields = _mapping(document, "variable")
    if not isinstance(fields.get("key"), str) or not isinstance(fields.get("value"), str):
        raise _malformed("variable")
    try:
        return VariableValue.from_json(
            {
                "key": fields["key"],
                "value": fields["value"],
                "category": fields.get("category"),
                "hcl": _flag(fields, "hcl"),
                "sensitive": _flag(fields, "sensitive"),
            }
        )
    except ValueError as error:
        raise _malformed("variable") from error
