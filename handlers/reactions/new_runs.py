"""How does a run come to be? Fetch, archive, pin; then freeze the manifest and write the run."""

import sqlite3
import tempfile
from pathlib import Path

from bot.connection import Repository
from bot.errors import Refused
from bot.ids import RunId
from bot.manifest import Manifest
from bot.run import Run, RunKind, TriggerReason
from bot.workspace import ExecutionMode, Workspace
from handlers.jobs import Job, Verb
from handlers.reactions.new_run_request import RunRequest
from handlers.reactions.notifying import note_step
from handlers.reactions.registered_versions import ASKED_FOR, check_enabled
from handlers.reactions.removing import check_stays
from handlers.reactions.reports import report
from handlers.reactions.run_variables import own_names, run_variables
from handlers.services import Services
from storage.configuration_versions import ConfigurationVersion
from storage.ids import new_id
from storage.run_origins import RunOrigin


def configuration(services: Services, request: RunRequest, *, submodules: bool) -> ConfigurationVersion:
    """The tree of the request's commit, fetched, archived and pinned once. Raises OutsideTrouble.

    What was uploaded is there; Refused if its archive isn't.
    """
    repository = request.repository
    if request.version is not None:
        return _uploaded(request.version)
    if repository is None:
        raise Refused("there is no configuration to run: connect a repository, or upload one")
    known = services.configurations.of_commit(repository.id, request.commit_sha, submodules=submodules)
    if known:
        return known
    services.host_of(repository).check_identity(repository)
    mirror = services.mirror(repository)
    mirror.ensure_commit(request.commit_sha, refs=refs_of(request))
    mirror.pin(request.commit_sha)
    facts = mirror.commit(request.commit_sha)
    with tempfile.TemporaryDirectory(dir=services.settings.server_folder) as folder:
        archive = Path(folder) / "configuration.tar"
        mirror.archive(request.commit_sha, archive, submodules=submodules)
        with open(archive, "rb") as file:
            blob_id, _ = services.blobs.put_stream(file)
    return services.configurations.add(
        repository.id,
        request.commit_sha,
        submodules=submodules,
        blob_id=blob_id,
        message=facts.message,
        author=facts.author_name,
    )


def _uploaded(version: ConfigurationVersion) -> ConfigurationVersion:
    if not version.is_uploaded:
        raise Refused(f"configuration version {version.id} is {version.status}, not uploaded")
    return version


def branch_now(services: Services, workspace: Workspace, repository: Repository) -> tuple[str, str]:
    """(tracked branch, its head) as the host has them now. Raises Refused if there is none, OutsideTrouble."""
    branch = workspace.branch or repository.default_branch
    head = services.host_of(repository).branch_head(repository, branch) if branch else None
    if head is None:
        raise Refused(f"{repository.path} has no branch {branch or '(it has no default branch)'}")
    return branch, head


def refs_of(request: RunRequest) -> tuple[str, ...]:
    """Where the commit is most likely to be found."""
    if request.pull_number is not None:
        return (f"refs/pull/{request.pull_number}/head", f"refs/merge-requests/{request.pull_number}/head")
    if request.tag:
        return (f"refs/tags/{request.tag}",)
    return (f"refs/heads/{request.branch}",) if request.branch else ()


def check_runs_here(workspace: Workspace) -> None:
    """Raises Refused for a workspace whose users run it on their own machines."""
    if workspace.execution_mode is ExecutionMode.LOCAL:
        raise Refused(f"{workspace.name} has execution-mode local: its runs happen on its users' machines")


def create_run(
    services: Services, workspace: Workspace, kind: RunKind, request: RunRequest
) -> tuple[Run | None, list[Job]]:
    """Freeze everything and write the run; None if this delivery has made its run here already.

    Raises OutsideTrouble if the configuration can't be fetched: then there is no run yet. Raises Refused for a
    workspace whose users run it on their own machines, for one that it does not allow to destroy, for
    what is asked for with a disabled version, and where the workspace is being removed.
    """
    check_runs_here(workspace)
    if request.is_destroy and not workspace.allow_destroy_plan:
        raise Refused(f"{workspace.name} doesn't allow runs that destroy everything (its setting allow-destroy-plan)")
    if request.trigger_reason in ASKED_FOR:
        check_enabled(services, workspace.engine, workspace.engine_version)
    version = configuration(services, request, submodules=workspace.ingress_submodules)
    try:
        with services.records.write():
            # Read again inside: what is frozen is what is true at this moment, not when the event came.
            fresh = services.workspaces.get(workspace.id)
            check_stays(services, fresh)
            _uploaded(services.configurations.get(version.id))  # nobody has archived it since
            run, manifest = _frozen(services, fresh, kind, request, version)
            services.runs.add(run, manifest)
            services.origins.add(run.id, _origin(request))
            services.timeline.add(run.id, _first_sentence(run), request.created_by)
            jobs = report(services, run) + note_step(services, run, request.created_by)
    except sqlite3.IntegrityError:
        if services.runs.of_delivery_in(request.delivery, workspace.id) is None:
            raise  # another rule of the table: not to be taken for "made already"
        return None, []
    return run, [*jobs, Job(Verb.WORK_QUEUE, workspace.id)]


def _frozen(
    services: Services, workspace: Workspace, kind: RunKind, request: RunRequest, version: ConfigurationVersion
) -> tuple[Run, Manifest]:
    variables = run_variables(services, workspace.id, request.variables)
    manifest = Manifest(
        workspace_id=workspace.id,
        configuration_version_id=version.id,
        commit_sha=request.commit_sha,
        engine=workspace.engine,
        engine_version=workspace.engine_version,
        working_directory=workspace.working_directory,
        base_sha=request.base_sha,
        pull_number=request.pull_number,
        is_destroy=request.is_destroy,
        variables=variables,
        options=request.options,
        own_variables=own_names(variables, request.variables),
    )
    auto_apply = _auto_apply(workspace, request) and kind is RunKind.NORMAL
    run = Run(
        id=RunId(new_id("run")),
        workspace_id=workspace.id,
        kind=kind,
        configuration_version_id=version.id,
        commit_sha=request.commit_sha,
        manifest_digest=manifest.digest(services.keyring.derive("manifests")),
        trigger_reason=request.trigger_reason,
        created_at=services.now(),
        queue_sequence=services.runs.next_sequence(),
        auto_apply=auto_apply,
        auto_apply_asked=auto_apply and request.auto_apply is not None and request.created_by_id != "",
        is_destroy=request.is_destroy,
        repository_id=request.repository.id if request.repository else None,
        branch=request.branch,
        tag=request.tag,
        base_sha=request.base_sha,
        pull_number=request.pull_number,
        delivery=request.delivery,
        message=request.message or version.message.partition("\n")[0],
        source=request.source,
        created_by=request.created_by,
        created_by_id=request.created_by_id,
    )
    return run, manifest


def _origin(request: RunRequest) -> RunOrigin:
    return RunOrigin(request.before_sha, request.sender.html_url, request.sender.avatar_url)


def _auto_apply(workspace: Workspace, request: RunRequest) -> bool:
    wanted = workspace.auto_apply if request.auto_apply is None else request.auto_apply
    return wanted and request.may_auto_apply


def _first_sentence(run: Run) -> str:
    short = run.short_commit
    match run.trigger_reason:
        case TriggerReason.PUSH:
            return f"made by the push of {short} to {run.branch}"
        case TriggerReason.TAG:
            return f"made by the tag {run.tag} at {short}"
        case TriggerReason.PULL_REQUEST:
            return f"made by pull request #{run.pull_number} at {short}"
        case TriggerReason.MANUAL:
            return f"asked for at {short}"
        case TriggerReason.RUN_TRIGGER:
            return f"{run.message[:1].lower()}{run.message[1:]}, at {short}"
