"""What follows from a push or a tag? Runs in the workspaces that it touches."""

from bot.connection import Repository
from bot.errors import Refused
from bot.events import Pushed, Tagged
from bot.ids import WorkspaceId
from bot.mapping import Decision, MappingFacts, WantRun, decide, tag_key, tracked_branch
from bot.run import TriggerReason
from bot.vcs.deliveries import is_no_commit
from bot.workspace import Workspace
from handlers.jobs import Job, Verb
from handlers.reactions.new_run_request import RunRequest
from handlers.reactions.new_runs import create_run
from handlers.reactions.reports import report_nothing_to_do
from handlers.services import Services


def on_push(services: Services, repository: Repository, push: Pushed, key: str) -> tuple[str, list[Job]]:
    """Make the runs of a push. Raises OutsideTrouble if the commit can't be fetched: then nothing is half made."""
    _tell_pulls_of_base(services, repository, push)
    workspaces = services.workspaces.of_repository(repository.id)
    tracking = [
        w for w in workspaces if not w.tags_regex and tracked_branch(w, repository.default_branch) == push.branch
    ]
    if not tracking:
        return f"no workspace tracks {push.branch} of {repository.path}", []
    facts = _facts(services, repository, push, tracking)
    request = RunRequest(
        repository=repository,
        commit_sha=push.after_sha,
        trigger_reason=TriggerReason.PUSH,
        delivery=key,
        branch=push.branch,
        created_by=push.sender.login,
        sender=push.sender,
        before_sha=push.before_sha,
        message=push.message.partition("\n")[0],
        may_auto_apply=True,
    )
    result = make_runs(services, tracking, decide(push, tracking, facts), request)
    services.pulls.saw_branch(repository.id, push.branch, push.after_sha)
    return result


def _tell_pulls_of_base(services: Services, repository: Repository, push: Pushed) -> None:
    """Open pull requests into this branch have another base now: the branch as it is, however late this is told."""
    if any(pull.base_branch == push.branch for pull in services.pulls.open(repository.id)):
        head = services.host_of(repository).branch_head(repository, push.branch)
        if head is not None:
            services.pulls.base_moved(repository.id, push.branch, head)


def on_tag(services: Services, repository: Repository, tagged: Tagged, key: str) -> tuple[str, list[Job]]:
    workspaces = [w for w in services.workspaces.of_repository(repository.id) if w.tags_regex]
    facts = MappingFacts(
        default_branch=repository.default_branch,
        already_run={w.id: _tags_run(services, w) for w in workspaces},
        has_run=frozenset(w.id for w in workspaces if w.latest_run_id),
    )
    request = RunRequest(
        repository=repository,
        commit_sha=tagged.commit_sha,
        trigger_reason=TriggerReason.TAG,
        delivery=key,
        tag=tagged.tag,
        created_by=tagged.sender.login,
        sender=tagged.sender,
        message=tagged.message.partition("\n")[0],
        may_auto_apply=True,
    )
    result = make_runs(services, workspaces, decide(tagged, workspaces, facts), request)
    if not is_no_commit(tagged.commit_sha):
        services.tags.saw(repository.id, tagged.tag, tagged.commit_sha)
    return result


def make_runs(
    services: Services, workspaces: list[Workspace], decisions: list[Decision], request: RunRequest
) -> tuple[str, list[Job]]:
    """Make a run for each workspace that wants one; one sentence that says how many, and why none.

    Where one can't have its run, the others have theirs. Raises Refused where none can.
    """
    by_id = {workspace.id: workspace for workspace in workspaces}
    wanted = [decision for decision in decisions if isinstance(decision, WantRun)]
    if not wanted:
        return report_nothing_to_do(services, request, workspaces, decisions)
    jobs: list[Job] = []
    refusals: dict[WorkspaceId, str] = {}
    for decision in wanted:
        try:
            jobs += create_run(services, by_id[decision.workspace_id], decision.kind, request)[1]
        except Refused as refused:
            refusals[decision.workspace_id] = refused.reason
    if len(refusals) == len(wanted):
        raise Refused("; ".join(dict.fromkeys(refusals.values())))
    if request.pull_number is None:
        jobs.append(Job(Verb.FIND_PULLS, f"{request.origin.id}/{request.commit_sha}/0"))
    made = [by_id[each.workspace_id].name for each in wanted if each.workspace_id not in refusals]
    more_names = f" and {len(made) - 5} more" if len(made) > 5 else ""
    none = "".join(f"; none in {by_id[ident].name}: {reason}" for ident, reason in refusals.items())
    return f"{len(made)} run{'s' if len(made) != 1 else ''} made: {', '.join(made[:5])}{more_names}{none}", jobs


def _facts(services: Services, repository: Repository, push: Pushed, workspaces: list[Workspace]) -> MappingFacts:
    newest = _newest_pushed(services, push.branch, workspaces)
    if is_no_commit(push.after_sha):
        return MappingFacts(default_branch=repository.default_branch, newest_push_sha=newest)
    mirror = services.mirror(repository)
    mirror.ensure_commit(push.after_sha, refs=(f"refs/heads/{push.branch}",))
    knows_before = not is_no_commit(push.before_sha) and mirror.has_commit(push.before_sha)
    # GitLab does not say whether a push was forced; the mirror knows.
    forced = push.forced or (knows_before and not mirror.is_ancestor(push.before_sha, push.after_sha))
    changed_paths = push.changed_paths
    if knows_before and (changed_paths is None or forced):
        changed_paths = mirror.changed_paths(push.before_sha, push.after_sha)
    # A forced push may set the branch back on purpose; one that is told late, when the branch is elsewhere, may not.
    sets_back = forced and services.host_of(repository).branch_head(repository, push.branch) == push.after_sha
    older: dict[str, bool] = {}  # one question per commit, not per workspace
    for sha in set(newest.values()) - {push.after_sha}:
        older[sha] = not sets_back and mirror.has_commit(sha) and mirror.is_ancestor(push.after_sha, sha)
    return MappingFacts(
        default_branch=repository.default_branch,
        changed_paths=changed_paths,
        newest_push_sha=newest,
        is_ancestor=frozenset(w for w, sha in newest.items() if older.get(sha, False)),
        has_run=frozenset(w.id for w in workspaces if w.latest_run_id),
    )


def _newest_pushed(services: Services, branch: str, workspaces: list[Workspace]) -> dict[WorkspaceId, str]:
    runs = ((w.id, services.runs.newest_push_run(w.id, branch)) for w in workspaces)
    return {workspace_id: run.commit_sha for workspace_id, run in runs if run is not None}


def _tags_run(services: Services, workspace: Workspace) -> frozenset[str]:
    return frozenset(tag_key(run.tag, run.commit_sha) for run in services.runs.of_tags(workspace.id))
