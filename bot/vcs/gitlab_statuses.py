"""How does a commit status reach GitLab, which has jobs of an external pipeline instead?

A status can't be overwritten there. While the newest one of that name is pending or running, a post moves *that* one
along (pending → running → success, failed), and any other move is refused: "Cannot transition status via :run from
:running". Once it has ended, a post makes a new one, so success → pending is fine, and so is a new description.
Between pending and its end a description can therefore change only once, with the move from pending to running. Where
the words will stand for long, the old status is ended as canceled and a new one begins; else the end is waited for.
Sources: https://docs.gitlab.com/api/commits/#set-commit-pipeline-status and
https://gitlab.com/gitlab-org/gitlab/-/blob/master/app/services/ci/create_commit_status_service.rb
"""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from bot.connection import Repository
from bot.events import PullRequest
from bot.vcs import deliveries as read
from bot.vcs.code_host import CommitStatus, StatusState
from bot.vcs.gitlab_client import PAGE_SIZE, GitLabClient, GitLabTrouble, Json, segment

_FINAL_WORDS = {
    StatusState.SUCCESS: "success",
    StatusState.FAILURE: "failed",
    StatusState.ERROR: "failed",  # GitLab has no word for our trouble; the description tells.
}
_UNFINISHED = ("pending", "running")


@dataclass(frozen=True)
class _Posted:
    """A status as GitLab has it."""

    id: int
    name: str
    state: str
    description: str
    target_url: str
    pipeline_id: int
    ref: str

    def says(self, status: CommitStatus) -> bool:
        wanted = _UNFINISHED if status.state is StatusState.PENDING else (_FINAL_WORDS[status.state],)
        told = (self.description, self.target_url)
        return self.state in wanted and told == (status.description, status.target_url)


@dataclass(frozen=True)
class _Place:
    """Which pipeline a status goes to. Left open, GitLab takes the commit's newest pipeline, or any branch's."""

    pipeline_id: int = 0
    ref: str = ""

    def as_parameters(self) -> dict[str, Any]:
        if self.pipeline_id:
            return {"pipeline_id": self.pipeline_id}
        return {"ref": self.ref} if self.ref else {}

    def holds(self, posted: _Posted) -> bool:
        if self.pipeline_id:
            return posted.pipeline_id == self.pipeline_id
        return not self.ref or posted.ref == self.ref


def post_status(
    client: GitLabClient, repository: Repository, commit_sha: str, status: CommitStatus, pull: PullRequest | None
) -> None:
    """Make the commit's status say this. Raises OutsideTrouble.

    What is there already is read first: the same isn't posted again, and what GitLab would refuse isn't tried.
    """
    deed = f"posting status {status.context!r} on {repository.path} at {commit_sha[:10]}"
    place = _place(client, deed, repository, commit_sha, pull)
    latest = _latest(client, deed, repository, commit_sha, status.context, place)
    path = f"/projects/{segment(repository.host_id)}/statuses/{segment(commit_sha)}"
    for word in _next_words(latest, status):
        body = {
            "state": word,
            "name": status.context,
            "description": status.description,
            **({"target_url": status.target_url} if status.target_url else {}),
            **place.as_parameters(),
        }
        try:
            client.send(deed, "post", path, lambda answer: read.number(answer, "id"), body)
        except GitLabTrouble as trouble:
            if trouble.status != 400 or "Cannot transition status" not in trouble.said:
                raise
            # Somebody (an earlier try of ours whose answer was lost) moved it in between.
            _accept_if_reached(_latest(client, deed, repository, commit_sha, status.context, place), word, trouble)


def _next_words(latest: _Posted | None, status: CommitStatus) -> tuple[str, ...]:
    """What to post, one after the other, so that GitLab shows `status`, in its words."""
    if latest is not None and latest.says(status):
        return ()
    if status.state is not StatusState.PENDING:
        return (_FINAL_WORDS[status.state],)
    if latest is None or latest.state not in _UNFINISHED:
        return ("pending",)
    if latest.state == "pending":
        return ("running",)
    return ("canceled", "pending") if status.lasts else ()


def _accept_if_reached(latest: _Posted | None, word: str, trouble: GitLabTrouble) -> None:
    """The refusal is no trouble if the status is where it should go, and worth another try if not."""
    reached = latest is not None and (latest.state == word or (word == "pending" and latest.state == "running"))
    if not reached:
        raise GitLabTrouble(trouble.reason, status=trouble.status, said=trouble.said, retry_after=1.0) from trouble


def _place(
    client: GitLabClient, deed: str, repository: Repository, commit_sha: str, pull: PullRequest | None
) -> _Place:
    """The merge request's own pipeline, where it has one for this very commit; else its branch's.

    A pipeline for merged results has another commit, and GitLab finds it by `pipeline_id` only together with that. A
    fork's commit is on no branch here; GitLab wants some ref, and this is the one under which the commit is known.
    """
    if pull is None:
        return _Place()
    path = f"/projects/{segment(repository.host_id)}/merge_requests/{pull.number}/pipelines"
    pipelines = islice(client.each(deed, path, _pipeline), PAGE_SIZE)  # newest first
    own = [number for number, source, sha in pipelines if source == "merge_request_event" and sha == commit_sha]
    if own:
        return _Place(pipeline_id=max(own))
    return _Place(ref=f"refs/merge-requests/{pull.number}/head" if pull.from_fork else pull.head_branch)


def _pipeline(pipeline: Json) -> tuple[int, str, str]:
    return read.number(pipeline, "id"), read.optional_text(pipeline, "source"), read.text(pipeline, "sha")


def _latest(
    client: GitLabClient, deed: str, repository: Repository, commit_sha: str, name: str, place: _Place
) -> _Posted | None:
    """The newest status of this name in this place. Older versions don't filter by pipeline: we do it again."""
    path = f"/projects/{segment(repository.host_id)}/repository/commits/{segment(commit_sha)}/statuses"
    found = client.each(deed, path, _read_posted, name=name, **place.as_parameters())
    matching = [posted for posted in found if posted.name == name and place.holds(posted)]
    return max(matching, key=lambda posted: posted.id, default=None)


def _read_posted(status: Json) -> _Posted:
    return _Posted(
        id=read.number(status, "id"),
        name=read.text(status, "name"),
        state=read.text(status, "status"),
        description=read.optional_text(status, "description"),
        target_url=read.optional_text(status, "target_url"),
        pipeline_id=0 if status.get("pipeline_id") is None else read.number(status, "pipeline_id"),
        ref=read.optional_text(status, "ref"),
    )
