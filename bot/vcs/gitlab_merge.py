"""May this merge request be merged, and how is it done?

Source: https://docs.gitlab.com/api/merge_requests/#merge-status
"""

from bot.connection import Repository
from bot.errors import Refused
from bot.events import PullRequest
from bot.vcs import deliveries as read
from bot.vcs.code_host import MergeFacts
from bot.vcs.gitlab_client import GitLabClient, GitLabTrouble, Json, segment
from bot.vcs.gitlab_reading import read_pull

COMPUTING_SECONDS = 2.0  # GitLab checks in a background job that the question itself starts.

_COMPUTING = frozenset({"unchecked", "checking", "preparing", "approvals_syncing", "cannot_be_merged_rechecking"})
# GitLab looks at pipelines last: with one of these, nothing but the pipeline stands in the way.
# https://gitlab.com/gitlab-org/gitlab/-/blob/master/app/services/merge_requests/mergeability/detailed_merge_status_service.rb
_ONLY_THE_PIPELINE = frozenset({"ci_must_pass", "ci_still_running"})
_OBSTACLES = {
    "not_open": "it is not open",
    "draft_status": "it is a draft",
    "commits_status": "its source branch is gone or has no commits",
    "conflict": "it conflicts with its target branch",
    "broken_status": "it conflicts with its target branch",
    "need_rebase": "it must be rebased first",
    "not_approved": "it lacks a required approval",
    "requested_changes": "a reviewer asked for changes",
    "discussions_not_resolved": "not all of its threads are resolved",
    "merge_request_blocked": "another merge request blocks it",
    "blocked_status": "another merge request blocks it",
    "merge_time": "it may not be merged before a set time",
    "title_regex": "its title isn't in the form that the project asks for",
    "jira_association_missing": "it names no Jira issue",
    "status_checks_must_pass": "not all external status checks have passed",
    "external_status_checks": "not all external status checks have passed",
    "security_policy_pipeline_check": "a security policy's pipeline has not passed",
    "security_policy_violations": "it violates a security policy",
    "policies_denied": "it violates a security policy",
    "locked_paths": "it changes a locked path",
    "locked_lfs_files": "it changes a locked LFS file",
}
_PASSED = frozenset({"success", "skipped"})
_ALLOWED_TO_FAIL = frozenset({"failed", "canceled", "manual"})


def merge_facts(client: GitLabClient, repository: Repository, pull: PullRequest, own_prefix: str) -> MergeFacts:
    """What the apply requirements need to know. Raises OutsideTrouble, also while GitLab is still checking."""
    deed = f"asking whether {repository.path}!{pull.number} may be merged"
    # Asking for the count makes GitLab work it out; it is left out otherwise.
    told = client.get(deed, _path(repository, pull), dict, include_diverged_commits_count="true")
    status = client.reading(deed, told, lambda answer: read.optional_text(answer, "detailed_merge_status"))
    if told.get("state") != "opened":
        status = "not_open"  # GitLab may leave a closed one "unchecked" for ever.
    if status in _COMPUTING:
        said = "GitLab is still checking whether it can be merged"
        raise GitLabTrouble(f"{deed}: {said}", status=200, retry_after=COMPUTING_SECONDS)
    approval = _lacking_approval(client, deed, repository, pull)
    obstacles = _obstacles(client, deed, repository, told, status, own_prefix)
    diverged = client.reading(deed, told, _divergence)
    return MergeFacts(tuple(approval), tuple(obstacles), tuple(diverged))


def merge(client: GitLabClient, repository: Repository, pull: PullRequest) -> None:
    """Merge by the project's own method, the head still being `pull.head_sha`.

    Raises Refused with GitLab's words, or OutsideTrouble. An earlier try whose answer was lost counts as done.
    Source: https://docs.gitlab.com/api/merge_requests/#merge-a-merge-request
    """
    deed = f"merging {repository.path}!{pull.number}"
    path = _path(repository, pull)
    try:
        client.send(deed, "put", f"{path}/merge", dict, {"sha": pull.head_sha})
    except GitLabTrouble as trouble:
        # 405: it can't be merged; 406, 422: it conflicts; 409: the head moved; 401: not by us (or not at all, which
        # the next question tells: a token that isn't one gets 401 there too).
        if trouble.status not in (401, 405, 406, 409, 422):
            raise
        told = client.get(deed, path, dict)
        now = client.reading(deed, told, read_pull)
        if now.is_merged and now.head_sha == pull.head_sha:
            return
        if now.is_open and now.head_sha == pull.head_sha and told.get("detailed_merge_status") in _COMPUTING:
            said = "GitLab is still checking whether it can be merged"
            raise GitLabTrouble(f"{deed}: {said}", status=405, retry_after=COMPUTING_SECONDS) from trouble
        raise Refused(_refusal(pull, now, trouble)) from trouble


def _refusal(pull: PullRequest, now: PullRequest, trouble: GitLabTrouble) -> str:
    if now.head_sha != pull.head_sha:
        return f"GitLab refuses to merge !{pull.number}: it has a newer commit, {now.head_sha[:10]}"
    if trouble.status == 401:
        return f"GitLab refuses to merge !{pull.number}: Runlock's token isn't allowed to merge into {now.base_branch}"
    return f"GitLab refuses to merge !{pull.number}: {trouble.said or trouble.status}"


def _path(repository: Repository, pull: PullRequest) -> str:
    return f"/projects/{segment(repository.host_id)}/merge_requests/{pull.number}"


def _lacking_approval(client: GitLabClient, deed: str, repository: Repository, pull: PullRequest) -> list[str]:
    """Why it isn't approved. Somebody other than its author must have approved it, whatever the edition.

    Where rules can be set (Premium), `approvals_left` counts what they still ask for; without a rule GitLab calls a
    merge request approved that nobody looked at, and in the free edition `approved` may be the author's own doing.
    Source: https://docs.gitlab.com/api/merge_request_approvals/#single-merge-request-approval
    """
    told = client.find(deed, f"{_path(repository, pull)}/approvals", _approvals)
    if told is None:
        return ["this GitLab doesn't tell who approved it"]
    left, approvers = told
    if left:
        return [f"it lacks {left} required approval{'s' if left > 1 else ''}"]
    return [] if approvers - {pull.author.host_id} else ["nobody but its author has approved it"]


def _approvals(answer: Json) -> tuple[int, set[str]]:
    left = 0 if answer.get("approvals_left") is None else read.number(answer, "approvals_left")
    approvals = () if answer.get("approved_by") is None else read.mappings(answer, "approved_by")
    return left, {read.host_id(approval, "user", "id") for approval in approvals}


def _obstacles(
    client: GitLabClient, deed: str, repository: Repository, told: Json, status: str, own_prefix: str
) -> list[str]:
    """What makes GitLab refuse the merge, our own statuses left out."""
    if status == "mergeable":
        return []
    if status in _ONLY_THE_PIPELINE:
        return _pipeline_obstacles(client, deed, repository, told, own_prefix)
    if not status:
        return ["this GitLab is too old to tell why it can't be merged (15.6 or later does)"]
    return [_OBSTACLES.get(status, f"GitLab won't merge it ({status[:40]})")]


def _pipeline_obstacles(
    client: GitLabClient, deed: str, repository: Repository, told: Json, own_prefix: str
) -> list[str]:
    """The jobs of the head's pipeline that are not ours and have not passed.

    Our statuses are jobs of that pipeline too. Without any of ours in it, the obstacle isn't ours to leave out.
    """
    pipeline = client.reading(deed, told, _head_pipeline)
    if pipeline is None:
        return ["it has no pipeline, and its project asks for one that passed"]
    pipeline_id, commit_sha = pipeline
    path = f"/projects/{segment(repository.host_id)}/repository/commits/{segment(commit_sha)}/statuses"
    jobs = [job for job in client.each(deed, path, _job, pipeline_id=pipeline_id) if job[0] == pipeline_id]
    foreign = [job for job in jobs if not job[1].startswith(own_prefix)]
    waiting = [f"job {name!r} is {state}" for _, name, state, passed in foreign if not passed]
    return waiting if waiting or len(foreign) < len(jobs) else ["its pipeline has not passed"]


def _head_pipeline(merge_request: Json) -> tuple[int, str] | None:
    """Its id and its commit, which for a pipeline of merged results is another than the head."""
    if read.optional_mapping(merge_request, "head_pipeline") is None:
        return None
    return read.number(merge_request, "head_pipeline", "id"), read.sha(merge_request, "head_pipeline", "sha")


def _job(status: Json) -> tuple[int, str, str, bool]:
    """(pipeline, name, state, whether it stands in nobody's way)."""
    state = read.text(status, "status")
    allowed = read.optional_flag(status, "allow_failure") and state in _ALLOWED_TO_FAIL
    pipeline_id = 0 if status.get("pipeline_id") is None else read.number(status, "pipeline_id")
    return pipeline_id, read.text(status, "name"), state, state in _PASSED or allowed


def _divergence(merge_request: Json) -> list[str]:
    target = read.text(merge_request, "target_branch")
    if merge_request.get("diverged_commits_count") is None:
        return [f"GitLab doesn't tell how far {target} is ahead of it"]
    behind = read.number(merge_request, "diverged_commits_count")
    return [f"{target} is {behind} commit{'s' if behind > 1 else ''} ahead of it"] if behind else []
