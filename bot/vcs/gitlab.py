"""What does a code host do, where it is GitLab? The Protocol's verbs through python-gitlab.

Projects are addressed by their id, which a rename or a transfer doesn't change.
Source: https://docs.gitlab.com/api/rest/
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from bot.connection import Connection, Repository
from bot.errors import NotFound, Refused
from bot.events import HostRepository, HostUser, PullRequest
from bot.host_roles import HostRole, role_from_gitlab
from bot.vcs import deliveries as read
from bot.vcs import gitlab_comments, gitlab_merge, gitlab_statuses
from bot.vcs.code_host import CheckRun, CommitStatus, GitCredential, HostComment, MergeFacts, Thread
from bot.vcs.gitlab_client import GitLabClient, GitLabTrouble, Json, segment
from bot.vcs.gitlab_reading import read_pull, read_repository

COMMENT_LIMIT = 1_000_000  # characters; https://docs.gitlab.com/administration/instance_limits/

_HOOK_EVENTS = {
    "push_events": True,
    "tag_push_events": True,
    "merge_requests_events": True,
    "note_events": True,
    "enable_ssl_verification": True,
}


class GitLabHost:
    """A `CodeHost`. Safe to share between threads; `close` ends its connections."""

    comment_limit = COMMENT_LIMIT

    def __init__(self, connection: Connection, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self._client = GitLabClient(connection, now)

    def close(self) -> None:
        """End the open connections; the next call opens new ones."""
        self._client.close()

    def git_credential(self, repository: Repository) -> GitCredential | None:  # noqa: ARG002 - the Protocol's shape
        """GitLab takes any access token as password, with any user name.

        Source: https://docs.gitlab.com/user/profile/personal_access_tokens/#clone-repository-using-personal-access-token
        """
        return GitCredential("oauth2", self._connection.token) if self._connection.token else None

    def find_repository(self, path: str) -> HostRepository:
        """The project at a path, subgroups included (`acme/platform/infra`). Raises NotFound, or OutsideTrouble."""
        path = path.strip("/").removesuffix(".git")
        # Without a slash it would be taken for an id.
        found = self._find_repository(path) if "/" in path else None
        if found is None:
            raise NotFound(f"GitLab has no project {path!r} that Runlock's token may see")
        return found

    def _find_repository(self, path: str) -> HostRepository | None:
        return self._client.find(f"looking for {path}", f"/projects/{segment(path)}", read_repository)

    def look_up(self, repository: Repository) -> HostRepository:
        """See `CodeHost`."""
        found = self._client.find(f"looking up {repository.path} by its id", _project(repository, ""), read_repository)
        if found is None:
            raise NotFound(f"GitLab shows {repository.path} to Runlock's token no more; check its access")
        return found

    def check_identity(self, repository: Repository) -> None:
        """See `CodeHost`. A project is asked for by its id, so there is nothing to mistake it for."""

    def ensure_webhook(self, repository: Repository, url: str, secret: str) -> bool:
        """Register our webhook, or set right what is there: GitLab never shows a hook's token, so it is set again.

        False if the token isn't allowed to (Maintainer is needed). Source: https://docs.gitlab.com/api/project_webhooks/
        """
        deed = f"registering the webhook of {repository.path}"
        path = _project(repository, "/hooks")
        body = {"url": url, "token": secret, **_HOOK_EVENTS}
        try:
            hooks = list(self._client.each(deed, path, lambda hook: (read.host_id(hook, "id"), read.text(hook, "url"))))
            known = [hook_id for hook_id, hook_url in hooks if hook_url == url]
            verb, where = ("put", f"{path}/{known[0]}") if known else ("post", path)
            self._client.send(deed, verb, where, dict, body)
        except GitLabTrouble as trouble:
            if trouble.status in (403, 404):
                return False
            raise
        return True

    def post_status(
        self, repository: Repository, commit_sha: str, status: CommitStatus, *, pull: PullRequest | None
    ) -> None:
        """Make the commit's status say this. Raises OutsideTrouble."""
        gitlab_statuses.post_status(self._client, repository, commit_sha, status, pull)

    def post_check_run(self, repository: Repository, check: CheckRun, known_id: str) -> str:  # noqa: ARG002 - likewise
        """Raises Refused: there is no such thing here."""
        raise Refused(f"GitLab has no check runs, so {check.name!r} can't be shown on {repository.path}")

    def create_comment(self, repository: Repository, thread: Thread, body: str) -> HostComment:
        """Write a new comment. Raises OutsideTrouble."""
        return gitlab_comments.create(self._client, repository, thread, body)

    def edit_comment(self, repository: Repository, thread: Thread, comment_id: str, body: str) -> HostComment:
        """Give a comment another body. Raises NotFound if it was deleted, or OutsideTrouble."""
        return gitlab_comments.edit(self._client, repository, thread, comment_id, body)

    def read_comment(self, repository: Repository, thread: Thread, comment_id: str) -> HostComment | None:
        """The comment as it is now; None if it is gone or GitLab's own. Raises OutsideTrouble."""
        return gitlab_comments.find(self._client, repository, thread, comment_id)

    def comments(self, repository: Repository, thread: Thread, since: datetime | None = None) -> Iterable[HostComment]:
        """People's comments, oldest first; with `since`, those written or edited since. Raises OutsideTrouble."""
        return gitlab_comments.each(self._client, repository, thread, since)

    def react(self, repository: Repository, thread: Thread, comment_id: str, reaction: str) -> None:
        """Put an emoji on a merge request's note; commit notes have none. Raises OutsideTrouble."""
        gitlab_comments.react(self._client, repository, thread, comment_id, reaction)

    def read_pull(self, repository: Repository, number: int) -> PullRequest | None:
        """The merge request `!number`, or None. Raises OutsideTrouble."""
        deed = f"reading {repository.path}!{number}"
        return self._client.find(deed, _project(repository, f"/merge_requests/{number}"), read_pull)

    def open_pulls(self, repository: Repository) -> Iterable[PullRequest]:
        """The open merge requests, oldest first, asked for page by page as they are taken. Raises OutsideTrouble."""
        deed = f"listing the open merge requests of {repository.path}"
        path = _project(repository, "/merge_requests")
        order = {"state": "opened", "scope": "all", "order_by": "created_at", "sort": "asc"}
        return self._client.each(deed, path, read_pull, **order)

    def merged_pulls_of(self, repository: Repository, commit_sha: str) -> list[PullRequest]:
        """Merged merge requests that brought this commit, whether as merge, squash or as one of their own commits.

        None if GitLab doesn't know the commit. Raises OutsideTrouble.
        Source: https://docs.gitlab.com/api/commits/#list-merge-requests-associated-with-a-commit
        """
        deed = f"asking which merge request brought {commit_sha[:10]} to {repository.path}"
        path = _project(repository, f"/repository/commits/{segment(commit_sha)}/merge_requests")
        try:
            return [pull for pull in self._client.each(deed, path, read_pull) if pull.is_merged]
        except GitLabTrouble as trouble:
            if trouble.status == 404:
                return []
            raise

    def merge_facts(self, repository: Repository, pull: PullRequest, own_prefix: str) -> MergeFacts:
        """What the apply requirements need to know. Raises OutsideTrouble, also while GitLab is still checking."""
        return gitlab_merge.merge_facts(self._client, repository, pull, own_prefix)

    def merge(self, repository: Repository, pull: PullRequest) -> None:
        """Merge if the head is still `pull.head_sha`. Raises Refused with GitLab's reason, or OutsideTrouble."""
        gitlab_merge.merge(self._client, repository, pull)

    def role_of(self, repository: Repository, user: HostUser) -> HostRole:
        """A person's role, through the project or any group above it; NONE for strangers and blocked users.

        Source: https://docs.gitlab.com/api/project_members/#get-a-member-of-a-project-including-inherited-and-invited-members
        """
        if not user.host_id.isdecimal():
            return HostRole.NONE
        deed = f"asking for {user.login or user.host_id}'s role in {repository.path}"
        path = _project(repository, f"/members/all/{segment(user.host_id)}")
        return self._client.find(deed, path, _role) or HostRole.NONE

    def branch_head(self, repository: Repository, branch: str) -> str | None:
        """The commit that a branch is at, or None if there is no such branch. Raises OutsideTrouble."""
        deed = f"reading branch {branch!r} of {repository.path}"
        path = _project(repository, f"/repository/branches/{segment(branch)}")
        return self._client.find(deed, path, lambda answer: read.sha(answer, "commit", "id"))


def _project(repository: Repository, rest: str) -> str:
    return f"/projects/{segment(repository.host_id)}{rest}"


def _role(member: Json) -> HostRole:
    """`state` is the user's (`blocked`), `membership_state` the membership's (`awaiting` a seat, in paid editions)."""
    active = (read.optional_text(member, name) in ("", "active") for name in ("state", "membership_state"))
    return role_from_gitlab(read.number(member, "access_level")) if all(active) else HostRole.NONE
