"""What does a delivery from GitHub say, and is it from GitHub? No network, no clock: only the bytes.

Source: https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

import hmac
from collections.abc import Mapping
from typing import Any

from bot.errors import Ignored
from bot.events import (
    ButtonPressed,
    Commented,
    Event,
    InstallationChanged,
    PullAction,
    PullChanged,
    Pushed,
    RepositoryMoved,
    Tagged,
)
from bot.vcs.deliveries import (
    Headers,
    flag,
    header,
    header_word,
    host_id,
    is_no_commit,
    mapping,
    mappings,
    number,
    optional_mapping,
    optional_text,
    sha,
    text,
    texts,
    word,
)
from bot.vcs.github_reading import read_pull, read_repository, read_user

Json = Mapping[str, Any]

SIGNATURE_HEADER = "x-hub-signature-256"
# Where GitHub may stop listing. 2048 commits today; servers of old list the first 20 only.
FIRST_LIMIT_OF_COMMITS = 20
LIMIT_OF_COMMITS = 2048
LIMIT_OF_FILES = 300  # per commit: 3000 today, 300 where the list comes from a comparison


def verify(secret: str, body: bytes, headers: Headers) -> bool:
    """Whether the raw body was signed with our secret (SHA-256). An empty secret verifies nothing.

    Source: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """
    given = header(headers, SIGNATURE_HEADER)
    if not secret or not given:
        return False
    wanted = "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()
    return hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace"))


def delivery_id(headers: Headers) -> str:
    """GitHub's id of the delivery; the same when it is sent again. Raises MalformedDelivery."""
    return header_word(headers, "x-github-delivery")


def event_name(headers: Headers) -> str:
    """The name of the event, such as `push`. Raises MalformedDelivery."""
    return header_word(headers, "x-github-event")


def repository_host_id(payload: Json) -> str | None:
    """The id of the repository that the delivery is about, if it is about one. Raises MalformedDelivery."""
    return None if optional_mapping(payload, "repository") is None else host_id(payload, "repository", "id")


def installation_id(payload: Json) -> str | None:
    """The id of the App's installation that the delivery came through, if any. Raises MalformedDelivery."""
    return None if optional_mapping(payload, "installation") is None else host_id(payload, "installation", "id")


def parse(event_name: str, payload: Json) -> Event | Ignored:
    """What happened, in our words, or why it isn't for us. Raises MalformedDelivery and nothing else."""
    match event_name:
        case "push":
            return _push(payload)
        case "pull_request":
            return _pull_request(payload)
        case "issue_comment":
            return _issue_comment(payload)
        case "commit_comment":
            return _commit_comment(payload)
        case "check_run":
            return _check_run(payload)
        case "installation":
            return _installation(payload)
        case "installation_repositories":
            return _installation_repositories(payload)
        case "repository":
            return _repository(payload)
        case "ping":
            return Ignored("GitHub's ping: the webhook works")
        case "pull_request_review_comment":
            return Ignored("comments on lines of a diff are not read; comment on the pull request itself")
        case _:
            return Ignored(f"nothing here listens to GitHub's event “{event_name}”")


def _push(payload: Json) -> Pushed | Tagged | Ignored:
    ref = word(payload, "ref")
    kind, _, name = ref.removeprefix("refs/").partition("/")
    if not ref.startswith("refs/") or kind not in ("heads", "tags") or not name:
        return Ignored(f"“{ref}” is neither a branch nor a tag")
    before, after = sha(payload, "before"), sha(payload, "after")
    if flag(payload, "deleted") or is_no_commit(after):
        return Ignored(f"{'branch' if kind == 'heads' else 'tag'} {name} was deleted")
    head_commit = optional_mapping(payload, "head_commit")
    message = "" if head_commit is None else text(head_commit, "message")
    if kind == "tags":
        # `after` of an annotated tag is the tag object; the commit behind it is the head commit.
        if head_commit is None:
            return Ignored(f"tag {name} is not on a commit")
        return Tagged(
            repository=read_repository(mapping(payload, "repository")),
            tag=name,
            commit_sha=sha(head_commit, "id"),
            sender=read_user(payload, "sender"),
            message=message,
        )
    return Pushed(
        repository=read_repository(mapping(payload, "repository")),
        branch=name,
        before_sha=before,
        after_sha=after,
        forced=flag(payload, "forced"),
        changed_paths=_changed_paths(payload),
        sender=read_user(payload, "sender"),
        message=message,
        created=flag(payload, "created"),
    )


def _changed_paths(payload: Json) -> tuple[str, ...] | None:
    """Every path that the pushed commits touched, or None where GitHub's list may not be the whole truth."""
    commits = mappings(payload, "commits")
    touched = [[*_paths(c, "added"), *_paths(c, "removed"), *_paths(c, "modified")] for c in commits]
    # A forced push drops commits too, and what they touched is in no list; a created branch has no "before".
    if flag(payload, "forced") or flag(payload, "created") or is_no_commit(sha(payload, "before")):
        return None
    cut_off = len(commits) == FIRST_LIMIT_OF_COMMITS or len(commits) >= LIMIT_OF_COMMITS
    if not commits or cut_off or text(commits[-1], "id") != text(payload, "after"):
        return None
    for counted in ("size", "total_commits"):
        if counted in payload and payload[counted] != len(commits):
            return None
    if any(len(paths) >= LIMIT_OF_FILES for paths in touched):
        return None
    return tuple(sorted({path for paths in touched for path in paths}))


def _paths(commit: Json, kind: str) -> tuple[str, ...]:
    return () if commit.get(kind) is None else texts(commit, kind)


_PULL_ACTIONS = {
    "opened": PullAction.OPENED,
    "synchronize": PullAction.UPDATED,
    "reopened": PullAction.REOPENED,
    "ready_for_review": PullAction.READY,
}


def _pull_request(payload: Json) -> PullChanged | Ignored:
    said = word(payload, "action")
    pull = mapping(payload, "pull_request")
    if said == "edited":
        if optional_mapping(payload, "changes", "base") is None:
            return Ignored("the pull request's words were edited, not its base branch")
        action = PullAction.RETARGETED
    elif said == "closed":
        action = PullAction.MERGED if flag(pull, "merged") else PullAction.CLOSED
    elif said in _PULL_ACTIONS:
        action = _PULL_ACTIONS[said]
    else:
        return Ignored(f"a pull request that was {said.replace('_', ' ')} changes nothing here")
    return PullChanged(
        repository=read_repository(mapping(payload, "repository")),
        action=action,
        pull=read_pull(pull),
        sender=read_user(payload, "sender"),
    )


def _issue_comment(payload: Json) -> Commented | Ignored:
    if (action := word(payload, "action")) != "created":
        return Ignored(f"a comment that was {action} is not read again")
    issue = mapping(payload, "issue")
    if optional_mapping(issue, "pull_request") is None:
        return Ignored("the comment is on an issue, not on a pull request")
    return Commented(
        repository=read_repository(mapping(payload, "repository")),
        comment_id=host_id(payload, "comment", "id"),
        author=read_user(payload, "comment", "user"),
        body=optional_text(payload, "comment", "body"),
        pull_number=number(issue, "number"),
    )


def _commit_comment(payload: Json) -> Commented | Ignored:
    if (action := word(payload, "action")) != "created":
        return Ignored(f"a comment that was {action} is not read again")
    return Commented(
        repository=read_repository(mapping(payload, "repository")),
        comment_id=host_id(payload, "comment", "id"),
        author=read_user(payload, "comment", "user"),
        body=optional_text(payload, "comment", "body"),
        commit_sha=sha(payload, "comment", "commit_id"),
    )


def _check_run(payload: Json) -> ButtonPressed | Ignored:
    if (action := word(payload, "action")) != "requested_action":
        return Ignored(f"a check run that was {action} is no button pressed")
    external_id = optional_text(payload, "check_run", "external_id")
    if not external_id:
        return Ignored("the button belongs to a check run that is not ours")
    return ButtonPressed(
        repository=read_repository(mapping(payload, "repository")),
        button=word(payload, "requested_action", "identifier"),
        external_id=external_id,
        head_sha=sha(payload, "check_run", "head_sha"),
        sender=read_user(payload, "sender"),
    )


def _installation(payload: Json) -> InstallationChanged | Ignored:
    action = word(payload, "action")
    if action not in ("created", "deleted", "suspend", "unsuspend"):
        return Ignored(f"an installation's “{action}” changes nothing here")
    listed = () if payload.get("repositories") is None else mappings(payload, "repositories")
    return InstallationChanged(host_id(payload, "installation", "id"), action, _named(listed))


def _installation_repositories(payload: Json) -> InstallationChanged | Ignored:
    action = word(payload, "action")
    if action not in ("added", "removed"):
        return Ignored(f"an installation's “{action}” changes nothing here")
    listed = mappings(payload, f"repositories_{action}")
    return InstallationChanged(host_id(payload, "installation", "id"), action, _named(listed))


def _named(repositories: tuple[Json, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((host_id(repository, "id"), word(repository, "full_name")) for repository in repositories)


def _repository(payload: Json) -> RepositoryMoved | Ignored:
    action = word(payload, "action")
    repository = mapping(payload, "repository")
    moved = RepositoryMoved(read_repository(repository))
    owner, _, name = moved.repository.path.partition("/")
    if action == "renamed":
        return RepositoryMoved(moved.repository, f"{owner}/{word(payload, 'changes', 'repository', 'name', 'from')}")
    if action == "transferred":
        old = mapping(payload, "changes", "owner", "from")
        holder = "user" if optional_mapping(old, "user") is not None else "organization"
        return RepositoryMoved(moved.repository, f"{word(old, holder, 'login')}/{name}")
    return Ignored(f"a repository that was {action} changes nothing here")
