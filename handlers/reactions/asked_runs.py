"""How is a run made that somebody asks for, and no event of a repository? By API, by CLI, or by an upload itself."""

from dataclasses import dataclass, field

from bot.errors import Refused
from bot.manifest import VariableValue
from bot.run import Run, RunKind, TriggerReason
from bot.run_options import ORDINARY, RunOptions
from bot.workspace import Workspace
from handlers.jobs import Job
from handlers.reactions.new_run_request import RunRequest
from handlers.reactions.new_runs import branch_now, check_runs_here, create_run
from handlers.services import Services
from storage.configuration_versions import ConfigurationVersion
from storage.ids import new_id


@dataclass(frozen=True)
class Wish:
    """What was asked for. `version` None: the workspace's newest configuration."""

    who: str
    source: str  # TFE's word: tfe-api, tfe-ui, terraform+cloud
    may_apply: bool  # whether who asks may also confirm: else nothing is applied by itself
    who_id: str = ""  # of a user or a team of ours
    version: ConfigurationVersion | None = None
    plan_only: bool | None = None  # None: as the configuration version says
    save_plan: bool = False
    auto_apply: bool | None = None
    is_destroy: bool = False
    message: str = ""
    options: RunOptions = ORDINARY
    variables: tuple[VariableValue, ...] = field(default=(), repr=False)

    @property
    def kind(self) -> RunKind:
        speculative = self.version is not None and self.version.speculative
        if speculative or self.plan_only:
            return RunKind.PLAN_ONLY
        return RunKind.SAVED_PLAN if self.save_plan else RunKind.NORMAL


def make_asked_run(services: Services, workspace: Workspace, wish: Wish) -> tuple[Run, list[Job]]:
    """Raises Refused for what can't be run, OutsideTrouble if the repository can't be asked."""
    check_runs_here(workspace)
    wish.options.check(is_destroy=wish.is_destroy)
    request = _request(services, workspace, wish)
    run, jobs = create_run(services, workspace, wish.kind, request)
    if run is None:
        raise LookupError(f"{request.delivery} is new, and yet was there")
    return run, jobs


def run_of_upload(services: Services, version: ConfigurationVersion) -> list[Job]:
    """The run that an upload makes by itself (`auto-queue-runs`).

    Whether it may apply by itself was asked when the upload's address was given out: the upload has no token. It is
    asked again at the plan's end, as of every run that somebody asked for.
    """
    if version.workspace_id is None:
        raise LookupError(f"{version.id} was not uploaded to a workspace")
    workspace = services.workspaces.get(version.workspace_id)
    wish = Wish(
        who=version.author,
        source="tfe-configuration-version",
        may_apply=version.may_apply,
        who_id=version.author_id,
        version=version,
    )
    return make_asked_run(services, workspace, wish)[1]


def _request(services: Services, workspace: Workspace, wish: Wish) -> RunRequest:
    version = wish.version
    if version is None and workspace.repository_id is None:
        version = services.configurations.newest_upload(workspace.id)
        if version is None:
            raise Refused(f"{workspace.name} has no configuration: upload one, or connect a repository")
    if version is not None and version.repository_id is None:
        repository, branch, commit_sha = None, "", ""
    elif version is not None:
        repository, branch, commit_sha = services.repositories.get(version.repository_id or ""), "", version.commit_sha
        version = None  # found again by its commit, with the submodules that the workspace asks for
    else:
        repository = services.repositories.get(workspace.repository_id or "")
        branch, commit_sha = branch_now(services, workspace, repository)
    return RunRequest(
        repository=repository,
        commit_sha=commit_sha,
        trigger_reason=TriggerReason.MANUAL,
        delivery=f"manual-{new_id('run')}",
        branch=branch,
        created_by=wish.who,
        created_by_id=wish.who_id,
        message=wish.message,
        may_auto_apply=wish.may_apply,
        auto_apply=wish.auto_apply,
        is_destroy=wish.is_destroy,
        source=wish.source,
        version=version,
        options=wish.options,
        variables=wish.variables,
    )
