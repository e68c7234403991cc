"""How does GitHub answer what we ask of a code host? With a token, or as a GitHub App.

Source of every call: https://docs.github.com/en/rest
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from github import Auth

from bot.connection import Connection, Provider, Repository
from bot.errors import NotFound, Refused
from bot.events import HostRepository, HostUser, PullRequest
from bot.host_roles import HostRole, role_from_github
from bot.vcs import github_merge
from bot.vcs.code_host import CheckRun, CommitStatus, GitCredential, HostComment, MergeFacts, Thread
from bot.vcs.deliveries import host_id, mappings, optional_text, text
from bot.vcs.github_app import GitHubApp
from bot.vcs.github_client import GitHubClient, GitHubTrouble, as_described
from bot.vcs.github_identity import Identities, look_up
from bot.vcs.github_reading import is_in, read_comment, read_pull, read_repository, read_user

COMMENT_LIMIT = 65536
HOOK_EVENTS = ("push", "pull_request", "issue_comment", "commit_comment", "check_run", "repository")

_PATH = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")


class GitHubHost:
    """A `CodeHost`. Safe to share between threads; `close` ends its idle sessions."""

    comment_limit = COMMENT_LIMIT

    def __init__(self, connection: Connection, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self._identities = Identities(now)
        self._app: GitHubApp | None = None
        self._token_client: GitHubClient | None = None
        if connection.provider is Provider.GITHUB_APP:
            self._app = GitHubApp(connection, now)
        elif connection.token:
            self._token_client = GitHubClient(connection.api_url, Auth.Token(connection.token), now)

    def close(self) -> None:
        """End idle sessions; the next call opens new ones."""
        if self._app is not None:
            self._app.close()
        if self._token_client is not None:
            self._token_client.close()

    def git_credential(self, repository: Repository) -> GitCredential | None:
        """What Git is given for a fetch. GitHub takes any user name beside a token, and names this one."""
        if self._app is not None:
            return GitCredential("x-access-token", self._app.token_for(repository))
        return GitCredential("x-access-token", self._connection.token) if self._connection.token else None

    def find_repository(self, path: str) -> HostRepository:
        deed = f"looking for {path}"
        checked = _checked(path)
        client = self._token() if self._app is None else self._app.client_at(checked)
        found = None if client is None else client.find(deed, f"/repos/{checked}")
        if found is None:
            raise Refused(f"GitHub shows no repository {path} to this connection; check the name and its access")
        with as_described(deed):
            return read_repository(found)

    def look_up(self, repository: Repository) -> HostRepository:
        """See `CodeHost`."""
        return look_up(repository, self._client(repository))

    def check_identity(self, repository: Repository) -> None:
        """See `CodeHost`; asked once a minute."""
        self._identities.check(repository, lambda: self._client(repository))

    def ensure_webhook(self, repository: Repository, url: str, secret: str) -> bool:
        """See `CodeHost`. An App hears through its own one webhook, so there is nothing to register for it.

        A webhook that is there is set anew: its secret can't be read back, and the one we verify with must be in it.
        """
        if self._app is not None:
            return True
        deed = f"registering the webhook of {repository.path}"
        config = {"url": url, "content_type": "json", "secret": secret, "insecure_ssl": "0"}
        body = {"active": True, "events": list(HOOK_EVENTS), "config": config}
        client, hooks = self._token(), f"/repos/{_checked(repository.path)}/hooks"
        try:
            with as_described(deed):
                for hook in client.pages(deed, hooks):
                    if optional_text(hook, "config", "url") == url:
                        client.send(deed, "PATCH", f"{hooks}/{host_id(hook, 'id')}", body)
                        return True
            client.send(deed, "POST", hooks, {"name": "web", **body})
        except GitHubTrouble as trouble:
            if trouble.permanent and trouble.status in (403, 404):
                return False
            raise
        return True

    def post_status(
        self,
        repository: Repository,
        commit_sha: str,
        status: CommitStatus,
        *,
        pull: PullRequest | None,  # noqa: ARG002 - GitLab's statuses go to a pipeline of the merge request
    ) -> None:
        deed = f"posting a status to {repository.path} at {commit_sha[:7]}"
        body = {"state": status.state.value, "context": status.context, "description": status.description}
        if status.target_url:
            body["target_url"] = status.target_url
        self._send(repository, deed, "POST", f"statuses/{quote(commit_sha, safe='')}", body)

    def post_check_run(self, repository: Repository, check: CheckRun, known_id: str) -> str:
        """See `CodeHost`. One whose creation was answered to nobody is found by its name and `external_id`."""
        deed = f"posting the check run “{check.name}” to {repository.path} at {check.head_sha[:7]}"
        with as_described(deed):
            known_id = known_id or self._own_check_run(repository, deed, check)
            if known_id:
                answer = self._send(repository, deed, "PATCH", f"check-runs/{_number(known_id)}", _check_body(check))
            else:
                body = {**_check_body(check), "head_sha": check.head_sha}
                answer = self._send(repository, deed, "POST", "check-runs", body)
            return host_id({"check_run": answer}, "check_run", "id")

    def create_comment(self, repository: Repository, thread: Thread, body: str) -> HostComment:
        deed = f"commenting on {_place(repository, thread)}"
        where = f"{_home(thread)}/comments"
        with as_described(deed):
            return read_comment(self._send(repository, deed, "POST", where, {"body": body}))

    def edit_comment(self, repository: Repository, thread: Thread, comment_id: str, body: str) -> HostComment:
        deed = f"editing comment {comment_id} on {_place(repository, thread)}"
        try:
            answer = self._send(repository, deed, "PATCH", _comment(thread, comment_id), {"body": body})
        except GitHubTrouble as trouble:
            if trouble.status in (404, 410):
                raise NotFound(f"comment {comment_id} on {_place(repository, thread)} was deleted") from trouble
            raise
        with as_described(deed):
            return read_comment(answer)

    def read_comment(self, repository: Repository, thread: Thread, comment_id: str) -> HostComment | None:
        """See `CodeHost`. A comment that stands in another thread is none of this one."""
        deed = f"reading comment {comment_id} on {_place(repository, thread)}"
        found = self._client(repository).find(deed, _url(repository, _comment(thread, comment_id)))
        with as_described(deed):
            return read_comment(found) if found is not None and is_in(found, thread) else None

    def comments(self, repository: Repository, thread: Thread, since: datetime | None = None) -> Iterable[HostComment]:
        """See `CodeHost`: those written or edited since then, oldest first."""
        deed = f"reading the comments on {_place(repository, thread)}"
        asked = {"since": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")} if since and thread.pull_number else {}
        listed = self._client(repository).pages(deed, _url(repository, f"{_home(thread)}/comments"), asked)
        with as_described(deed):
            found = [read_comment(comment) for comment in listed]
        # Commit comments have no `since`, and a redirect after a rename loses it.
        return [comment for comment in found if since is None or comment.updated_at >= since.replace(microsecond=0)]

    def react(self, repository: Repository, thread: Thread, comment_id: str, reaction: str) -> None:
        deed = f"reacting to comment {comment_id} on {_place(repository, thread)}"
        self._send(repository, deed, "POST", f"{_comment(thread, comment_id)}/reactions", {"content": reaction})

    def read_pull(self, repository: Repository, number: int) -> PullRequest | None:
        deed = f"reading {repository.path}#{number}"
        found = self._client(repository).find(deed, _url(repository, f"pulls/{number:d}"))
        with as_described(deed):
            return None if found is None else read_pull(found)

    def open_pulls(self, repository: Repository) -> Iterable[PullRequest]:
        deed = f"listing the open pull requests of {repository.path}"
        listed = self._client(repository).pages(deed, _url(repository, "pulls"), {"state": "open"})
        with as_described(deed):
            return [read_pull(pull) for pull in listed]

    def merged_pulls_of(self, repository: Repository, commit_sha: str) -> list[PullRequest]:
        """See `CodeHost`. Where one's merge made this very commit, the others only carried it along."""
        deed = f"finding the pull requests of {repository.path} at {commit_sha[:7]}"
        where = _url(repository, f"commits/{quote(commit_sha, safe='')}/pulls")
        try:
            with as_described(deed):
                found = [read_pull(pull) for pull in self._client(repository).pages(deed, where)]
        except GitHubTrouble as trouble:
            if trouble.status in (404, 422):  # GitHub doesn't know the commit (yet)
                return []
            raise
        merged = [pull for pull in found if pull.is_merged]
        return [pull for pull in merged if commit_sha in (pull.merge_commit_sha, pull.head_sha)] or merged

    def merge_facts(self, repository: Repository, pull: PullRequest, own_prefix: str) -> MergeFacts:
        return github_merge.merge_facts(self._client(repository), _checked(repository.path), pull, own_prefix)

    def merge(self, repository: Repository, pull: PullRequest) -> None:
        github_merge.merge(self._client(repository), _checked(repository.path), pull)

    def role_of(self, repository: Repository, user: HostUser) -> HostRole:
        """See `CodeHost`. By the id: a login may have been renamed, and taken by somebody else since."""
        deed = f"asking for the role of {user.login} in {repository.path}"
        if not user.host_id:
            return HostRole.NONE
        client = self._client(repository)
        with as_described(deed):
            person = client.find(deed, f"/user/{_number(user.host_id)}")
            if person is None:
                return HostRole.NONE
            login = text(person, "login")
            told = client.find(deed, _url(repository, f"collaborators/{quote(login, safe='')}/permission"))
            # The login may change hands between the two questions, so the answer must name the same person.
            if told is None or read_user(told, "user").host_id != user.host_id:
                return HostRole.NONE
            name = text(told, "role_name")
            role = role_from_github(name)
            # A custom role: GitHub says on which of its own roles it is built.
            return role_from_github(text(told, "permission")) if role is HostRole.READ and name != "read" else role

    def branch_head(self, repository: Repository, branch: str) -> str | None:
        """See `CodeHost`. The ref and not the branch is asked for: GitHub redirects a renamed branch's name."""
        deed = f"reading the head of {repository.path} {branch}"
        try:
            found = self._client(repository).find(deed, _url(repository, f"git/ref/heads/{quote(branch)}"))
        except GitHubTrouble as trouble:
            if trouble.status == 409:  # the repository is empty
                return None
            raise
        with as_described(deed):
            return None if found is None else text(found, "object", "sha")

    def _token(self) -> GitHubClient:
        if self._token_client is None:
            raise Refused(f"the connection {self._connection.name} has no token")
        return self._token_client

    def _client(self, repository: Repository) -> GitHubClient:
        return self._token() if self._app is None else self._app.client_for(repository)

    def _send(self, repository: Repository, deed: str, verb: str, where: str, body: Mapping[str, Any]) -> Any:
        return self._client(repository).send(deed, verb, _url(repository, where), body)

    def _own_check_run(self, repository: Repository, deed: str, check: CheckRun) -> str:
        where = _url(repository, f"commits/{quote(check.head_sha, safe='')}/check-runs")
        answer = self._client(repository).get(deed, where, {"check_name": check.name, "per_page": 100})
        for found in mappings(answer, "check_runs"):
            if optional_text(found, "external_id") == check.external_id and found.get("name") == check.name:
                return host_id(found, "id")
        return ""


def _check_body(check: CheckRun) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": check.name,
        "external_id": check.external_id,
        "status": "completed" if check.is_completed else "in_progress",
        "output": {"title": check.title, "summary": check.summary},
        "actions": [{"label": label, "identifier": name, "description": told} for label, name, told in check.buttons],
    }
    if check.is_completed:
        body["conclusion"] = check.conclusion
    if check.details_url:
        body["details_url"] = check.details_url
    return body


def _checked(path: str) -> str:
    """A path that is safe inside a URL. Raises Refused."""
    if not _PATH.fullmatch(path) or any(part in (".", "..") for part in path.split("/")):
        raise Refused(f"“{path}” is no path of a GitHub repository; it looks like OWNER/NAME")
    return path


def _number(host_id: str) -> str:
    """An id that is safe inside a URL. Raises Refused."""
    if not host_id.isascii() or not host_id.isdigit():
        raise Refused(f"“{host_id}” is no id of GitHub's")
    return host_id


def _url(repository: Repository, where: str) -> str:
    return f"/repos/{_checked(repository.path)}/{where}"


def _home(thread: Thread) -> str:
    if thread.pull_number is not None:
        return f"issues/{thread.pull_number:d}"
    return f"commits/{quote(thread.commit_sha, safe='')}"


def _comment(thread: Thread, comment_id: str) -> str:
    kind = "issues/comments" if thread.pull_number is not None else "comments"
    return f"{kind}/{_number(comment_id)}"


def _place(repository: Repository, thread: Thread) -> str:
    if thread.pull_number is not None:
        return f"{repository.path}#{thread.pull_number}"
    return f"{repository.path} at {thread.commit_sha[:7]}"
