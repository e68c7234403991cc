"""Which workspaces get a run from what happened at the host? Every rule of TFE's VCS events, as one function.

Source of the rules: tfe-contract 1.6, and
https://developer.hashicorp.com/terraform/cloud-docs/workspaces/settings/vcs
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from bot.events import PullAction, PullChanged, PullRequest, Pushed, Tagged
from bot.ids import WorkspaceId
from bot.run import RunKind
from bot.triggers import BadPattern, ChangedPaths, tag_matches
from bot.workspace import Workflow, Workspace

# Both mean "look again" even where head and base are known: the runs of before were discarded or are out of date.
_AFRESH = frozenset({PullAction.REOPENED, PullAction.RETARGETED})


@dataclass(frozen=True)
class WantRun:
    """The workspace gets a run; `reason` says what brought it, in words for a person."""

    workspace_id: WorkspaceId
    kind: RunKind
    reason: str


class Why(StrEnum):
    """Why a workspace that is meant gets no run, where the commit's status has a word of its own for it."""

    FORK = "fork"
    DRAFT = "draft"
    NEWER_COMMIT = "newer commit"
    FIRST_RUN = "first run"


@dataclass(frozen=True)
class NoRun:
    """The workspace gets no run.

    `is_affected`: its branch and files are meant, and something else stands in the way (a draft, a fork, a repeat …).
    `is_repeat`: a run for exactly this exists already, and that run's statuses tell the story.
    """

    workspace_id: WorkspaceId
    reason: str
    is_affected: bool = False
    is_repeat: bool = False
    why: Why | None = None


Decision = WantRun | NoRun


@dataclass(frozen=True)
class MappingFacts:
    """What the caller looked up for one event; all of it may be left at its default where it doesn't apply.

    `changed_paths` is None when even the mirror can't tell: then everything counts as changed.
    `newest_push_sha`: the commit of each workspace's newest push run on the pushed branch.
    `is_ancestor`: workspaces that have run a descendant of the commit, where the push did not set the branch back.
    `already_run`: what each workspace has run and not discarded, as `tag_key` and `pull_key` name it.
    `has_run`: workspaces that ever had a run (for `queue-all-runs` off).
    `is_asked_for`: somebody who may commented `plan`: drafts and repeats are planned then.
    """

    default_branch: str
    changed_paths: tuple[str, ...] | None = None
    newest_push_sha: Mapping[WorkspaceId, str] = field(default_factory=dict)
    is_ancestor: frozenset[WorkspaceId] = frozenset()
    already_run: Mapping[WorkspaceId, frozenset[str]] = field(default_factory=dict)
    has_run: frozenset[WorkspaceId] = frozenset()
    forks_allowed: bool = False
    is_asked_for: bool = False


def tag_key(tag: str, commit_sha: str) -> str:
    """What makes two tag events the same one: the tag and the commit behind it."""
    return f"{tag}+{commit_sha}"


def pull_key(number: int, head_sha: str, base_sha: str) -> str:
    """What makes two plans of a pull request the same one: its number, its head and its base."""
    return f"{number}+{head_sha}+{base_sha}"


def decide(
    event: Pushed | Tagged | PullChanged, workspaces: Sequence[Workspace], facts: MappingFacts
) -> list[Decision]:
    """One decision per workspace, in their order. One workspace's bad pattern never touches another's decision."""
    paths = ChangedPaths(facts.changed_paths)
    return [_decide_one(event, workspace, facts, paths) for workspace in workspaces]


def tracked_branch(workspace: Workspace, default_branch: str) -> str:
    """The branch whose pushes a workspace runs; empty in its settings means the repository's default branch."""
    return workspace.branch or default_branch


def _decide_one(
    event: Pushed | Tagged | PullChanged, workspace: Workspace, facts: MappingFacts, paths: ChangedPaths
) -> Decision:
    try:
        match event:
            case Pushed():
                return _on_push(event, workspace, facts, paths)
            case Tagged():
                return _on_tag(event, workspace, facts)
            case PullChanged():
                return _on_pull(event, workspace, facts, paths)
            case _:
                assert_never(event)
    except BadPattern as error:
        return NoRun(workspace.id, str(error))


def _on_push(push: Pushed, workspace: Workspace, facts: MappingFacts, paths: ChangedPaths) -> Decision:
    tracked = tracked_branch(workspace, facts.default_branch)
    if _is_nothing(push.after_sha):
        return NoRun(workspace.id, f"the branch {push.branch} was deleted")
    if workspace.tags_regex:
        return NoRun(workspace.id, "it runs for tags, not for pushes to a branch")
    if push.branch != tracked:
        return NoRun(workspace.id, f"it tracks {tracked or 'no branch'}, not {push.branch}")
    touch = paths.touch(workspace)
    if not touch.is_touched:
        return NoRun(workspace.id, touch.reason)
    return (
        _unless_run(push, workspace, facts)
        or _unless_untried(workspace, facts)
        or WantRun(workspace.id, RunKind.NORMAL, f"push to {push.branch}: {touch.reason}")
    )


def _unless_run(push: Pushed, workspace: Workspace, facts: MappingFacts) -> NoRun | None:
    """Only the newest push run counts as the same one: a branch that was moved back gets a run again."""
    if facts.is_asked_for:
        return None
    if facts.newest_push_sha.get(workspace.id) == push.after_sha:
        reason = f"its newest run of {push.branch} is of this very commit"
        return NoRun(workspace.id, reason, is_affected=True, is_repeat=True)
    if workspace.id in facts.is_ancestor:
        reason = f"a newer commit of {push.branch}, which contains this one, has a run already"
        return NoRun(workspace.id, reason, is_affected=True, why=Why.NEWER_COMMIT)
    return None


def _on_tag(tagged: Tagged, workspace: Workspace, facts: MappingFacts) -> Decision:
    if _is_nothing(tagged.commit_sha):
        return NoRun(workspace.id, f"the tag {tagged.tag} was deleted")
    if not workspace.tags_regex:
        return NoRun(workspace.id, "it runs for pushes to its branch, not for tags")
    if not tag_matches(workspace.tags_regex, tagged.tag):
        return NoRun(workspace.id, f"the tag {tagged.tag} doesn't match its tags-regex {workspace.tags_regex}")
    if tag_key(tagged.tag, tagged.commit_sha) in facts.already_run.get(workspace.id, ()) and not facts.is_asked_for:
        reason = f"the tag {tagged.tag} at this commit has a run already"
        return NoRun(workspace.id, reason, is_affected=True, is_repeat=True)
    return _unless_untried(workspace, facts) or WantRun(
        workspace.id, RunKind.NORMAL, f"the tag {tagged.tag} matches its tags-regex {workspace.tags_regex}"
    )


def _on_pull(changed: PullChanged, workspace: Workspace, facts: MappingFacts, paths: ChangedPaths) -> Decision:
    pull, tracked = changed.pull, tracked_branch(workspace, facts.default_branch)
    if not pull.is_open or changed.action in (PullAction.CLOSED, PullAction.MERGED):
        return NoRun(workspace.id, "the pull request is merged" if pull.is_merged else "the pull request is closed")
    if _is_nothing(pull.head_sha):
        return NoRun(workspace.id, "the pull request's branch is gone")
    if pull.base_branch != tracked:
        return NoRun(workspace.id, f"it tracks {tracked or 'no branch'}, not {pull.base_branch}")
    if not workspace.speculative_enabled:
        return NoRun(workspace.id, "it doesn't plan pull requests (speculative plans are off)")
    touch = paths.touch(workspace)
    if not touch.is_touched:
        return NoRun(workspace.id, touch.reason)
    return (
        _unless_foreign(pull, workspace, facts)
        or _unless_planned(changed, workspace, facts)
        or _unless_untried(workspace, facts)
        or WantRun(workspace.id, pull_kind(workspace), f"pull request into {pull.base_branch}: {touch.reason}")
    )


def pull_kind(workspace: Workspace) -> RunKind:
    """The kind of run that a pull request gets: one that can be applied only where that comes before the merge."""
    match workspace.vcs_workflow:
        case Workflow.APPLY_AFTER_MERGE:
            return RunKind.PLAN_ONLY
        case Workflow.APPLY_BEFORE_MERGE:
            return RunKind.SAVED_PLAN
        case _:
            assert_never(workspace.vcs_workflow)


def _unless_foreign(pull: PullRequest, workspace: Workspace, facts: MappingFacts) -> NoRun | None:
    """A plan runs the pull request's code, so neither a fork nor an unfinished draft is planned by itself."""
    if pull.from_fork and not facts.forks_allowed:
        reason = "the pull request comes from a fork, and forks are not planned"
        return NoRun(workspace.id, reason, is_affected=True, why=Why.FORK)
    if pull.is_draft and not facts.is_asked_for:
        reason = "the pull request is a draft: comment `plan` to plan it"
        return NoRun(workspace.id, reason, is_affected=True, why=Why.DRAFT)
    return None


def _unless_planned(changed: PullChanged, workspace: Workspace, facts: MappingFacts) -> NoRun | None:
    pull = changed.pull
    key = pull_key(pull.number, pull.head_sha, pull.base_sha)
    if facts.is_asked_for or changed.action in _AFRESH or key not in facts.already_run.get(workspace.id, ()):
        return None
    return NoRun(workspace.id, "this head is planned on this base already", is_affected=True, is_repeat=True)


def _unless_untried(workspace: Workspace, facts: MappingFacts) -> NoRun | None:
    """TFE's `queue-all-runs`: while it is off, a workspace waits for its first run to be started by hand."""
    if workspace.queue_all_runs or workspace.id in facts.has_run or facts.is_asked_for:
        return None
    reason = "it waits for its first run to be started by hand (queue-all-runs is off)"
    return NoRun(workspace.id, reason, is_affected=True, why=Why.FIRST_RUN)


def _is_nothing(commit_sha: str) -> bool:
    """Hosts write all zeros, or nothing, for a ref that was deleted."""
    return not commit_sha.strip("0")
