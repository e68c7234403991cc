"""How is a run asked for by hand, and read?"""

from typing import Any

from flask import Response

from bot.access import Needs
from bot.connection import Repository
from bot.errors import Refused
from bot.ids import ConfigurationVersionId
from bot.run import RunKind, TriggerReason
from bot.timestamps import to_text
from bot.workspace import Workspace
from handlers.api.ask import Ask, Rule
from handlers.api.documents import ApiError, many, one, resource, to_one
from handlers.api.requests import Body, asked_includes, read_body
from handlers.api.run_documents import INCLUDES, RunDocuments
from handlers.reactions.new_run_request import RunRequest
from handlers.reactions.new_runs import create_run
from storage.ids import new_id
from storage.timeline import Moment

LONGEST_MESSAGE = 1_000  # characters

# Options that would make the run do less than it says if they were ignored: option → what it has to be.
_NOT_HERE: dict[str, tuple[Any, ...]] = {
    "refresh-only": (None, False),
    "refresh": (None, True),
    "target-addrs": (None, []),
    "replace-addrs": (None, []),
    "variables": (None, []),
    "allow-empty-apply": (None, False),
    "allow-config-generation": (None, False),
}


def create(ask: Ask) -> Response:
    """A run by hand: at the head of the tracked branch, or of a configuration version that is there already."""
    body = read_body()
    workspace_id = body.related_id("workspace")
    if workspace_id is None:
        raise Refused("a run names its workspace, as a relationship")
    workspace = ask.asker.workspace(workspace_id)
    request = _request(ask, workspace, body)
    run, jobs = create_run(ask.services, workspace, _kind(body), request)
    ask.enqueue(jobs)
    if run is None:
        raise ApiError(409, "conflict", "this run exists already")
    return one(RunDocuments(ask.services).resource(run), status=201)


def show(ask: Ask, run_id: str) -> Response:
    includes = asked_includes(INCLUDES)
    run, workspace = ask.asker.run(run_id)
    documents = RunDocuments(ask.services)
    return one(documents.resource(run), included=documents.included(run, workspace, includes))


def events(ask: Ask, run_id: str) -> Response:
    """The run's timeline. Without this list the CLI gives a plan up (tfe-contract 0.11)."""
    run, _ = ask.asker.run(run_id)
    ident = "re-" + run.id.removeprefix("run-")
    found = [
        resource("run-events", f"{ident}{number}", _event(moment), {"run": to_one("runs", run.id)})
        for number, moment in enumerate(ask.services.timeline.of(run.id), start=1)
    ]
    return many(found)


def _event(moment: Moment) -> dict[str, Any]:
    by = f" by {moment.actor}" if moment.actor else ""
    return {"action": moment.text, "description": f"{moment.text}{by}", "created-at": to_text(moment.at)}


def _kind(body: Body) -> RunKind:
    if body.flag("plan-only"):
        return RunKind.PLAN_ONLY
    return RunKind.SAVED_PLAN if body.flag("save-plan") else RunKind.NORMAL


def _request(ask: Ask, workspace: Workspace, body: Body) -> RunRequest:
    for name, harmless in _NOT_HERE.items():
        if body.attributes.get(name) not in harmless:
            raise Refused(f"runs can't be asked for with {name} yet")
    repository = ask.asker.repository_of(workspace)
    if repository is None:
        raise Refused(f"{workspace.name} listens to no repository, so it has no configuration to run")
    branch, commit_sha = _commit(ask, workspace, repository, body.related_id("configuration-version"))
    return RunRequest(
        repository=repository,
        commit_sha=commit_sha,
        trigger_reason=TriggerReason.MANUAL,
        delivery=f"manual-{new_id('run')}",
        branch=branch,
        created_by=ask.username,
        message=body.text("message", most=LONGEST_MESSAGE),
        may_auto_apply=True,
        auto_apply=body.flag("auto-apply"),
        is_destroy=bool(body.flag("is-destroy")),
    )


def _commit(ask: Ask, workspace: Workspace, repository: Repository, version_id: str | None) -> tuple[str, str]:
    """(branch, commit): of the configuration version that was named, else the branch's head now."""
    if version_id is not None:
        version = ask.services.configurations.find(ConfigurationVersionId(version_id))
        if version is None or version.repository_id != repository.id:
            raise Refused(f"{workspace.name} has no configuration version {version_id}")
        return "", version.commit_sha
    branch = workspace.branch or repository.default_branch
    head = ask.services.host_of(repository).branch_head(repository, branch) if branch else None
    if head is None:
        raise Refused(f"{repository.path} has no branch {branch or '(it has no default branch)'}")
    return branch, head


RULES: tuple[Rule, ...] = (
    ("POST", "/runs", create, Needs.RUNS_PLAN),
    ("GET", "/runs/<run_id>", show, Needs.RUNS_READ),
    ("GET", "/runs/<run_id>/run-events", events, Needs.RUNS_READ),
)
