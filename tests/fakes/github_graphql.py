"""How does the double answer GraphQL? A small executor over the part of GitHub's schema that we use.

The part is written down here from https://docs.github.com/en/graphql/reference; a query that asks for a field or passes
an argument that isn't in it is a violation, as a typing mistake would be at GitHub.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakes.github_pull import FakePull

Json = dict[str, Any]

SCHEMA: dict[str, dict[str, str]] = {
    "Query": {"repository": "Repository"},
    "Repository": {"pullRequest": "PullRequest"},
    "PullRequest": {
        "headRefOid": "",
        "isDraft": "",
        "mergeable": "",
        "mergeStateStatus": "",
        "reviewDecision": "",
        "baseRef": "Ref",
        "reviewThreads": "PullRequestReviewThreadConnection",
        "latestOpinionatedReviews": "PullRequestReviewConnection",
        "commits": "PullRequestCommitConnection",
    },
    "Ref": {"refUpdateRule": "RefUpdateRule"},
    "RefUpdateRule": {"requiredStatusCheckContexts": "", "requiresConversationResolution": ""},
    "PullRequestReviewThreadConnection": {"nodes": "PullRequestReviewThread"},
    "PullRequestReviewThread": {"isResolved": ""},
    "PullRequestReviewConnection": {"nodes": "PullRequestReview"},
    "PullRequestReview": {"state": ""},
    "PullRequestCommitConnection": {"nodes": "PullRequestCommit"},
    "PullRequestCommit": {"commit": "Commit"},
    "Commit": {"statusCheckRollup": "StatusCheckRollup"},
    "StatusCheckRollup": {"contexts": "StatusCheckRollupContextConnection"},
    "StatusCheckRollupContextConnection": {"pageInfo": "PageInfo", "nodes": "StatusCheckRollupContext"},
    "PageInfo": {"hasNextPage": "", "endCursor": ""},
    "StatusCheckRollupContext": {},
    "StatusContext": {"context": "", "state": "", "isRequired": ""},
    "CheckRun": {"name": "", "status": "", "conclusion": "", "isRequired": ""},
}
ARGUMENTS = {
    "repository": {"owner", "name"},
    "pullRequest": {"number"},
    "reviewThreads": {"first"},
    "latestOpinionatedReviews": {"first", "writersOnly"},
    "commits": {"last"},
    "contexts": {"first", "after"},
    "isRequired": {"pullRequestNumber"},
}
UNIONS = {"StatusCheckRollupContext": ("StatusContext", "CheckRun")}
PAGE = 100

_TOKEN = re.compile(r"\.\.\.|[{}():,!$]|\"[^\"]*\"|[A-Za-z_][A-Za-z0-9_]*|-?\d+")


class WrongQuery(Exception):
    """What GitHub's parser would complain about."""


def execute(query: str, pull: FakePull, after: str | None) -> Json:
    """The `data` for a query about one pull request. Raises WrongQuery."""
    tokens = iter(_TOKEN.findall(query))
    for token in tokens:  # the operation's name and variables end at the first brace
        if token == "{":
            break
    return _select(_Tokens(tokens), "Query", {"repository": {"pullRequest": facts(pull, after)}})


class _Tokens:
    def __init__(self, tokens: Iterator[str]) -> None:
        self._tokens = tokens
        self.now = next(tokens, "")

    def take(self) -> str:
        taken, self.now = self.now, next(self._tokens, "")
        return taken


def _select(tokens: _Tokens, kind: str, value: Any) -> Any:
    """Read one `{ … }` and answer it; the opening brace is read already."""
    answer: Json = {}
    while tokens.now not in ("}", ""):
        name = tokens.take()
        if name == "...":
            _fragment(tokens, kind, value, answer)
            continue
        if name == "__typename":
            answer[name] = _get(value, "__typename")
            continue
        if name not in SCHEMA[kind]:
            raise WrongQuery(f"Field '{name}' doesn't exist on type '{kind}'")
        _arguments(tokens, name)
        inner = _get(value, name)
        if tokens.now == "{":
            tokens.take()
            inner = _each(tokens, SCHEMA[kind][name], inner)
        elif SCHEMA[kind][name]:
            raise WrongQuery(f"Field '{name}' must have selections")
        answer[name] = inner
    tokens.take()
    return None if value is None else answer


def _each(tokens: _Tokens, kind: str, inner: Any) -> Any:
    """Select from one thing or from each of a list: the same text is read again for each."""
    if not isinstance(inner, list):
        return _select(tokens, kind, inner)
    text = _block(tokens)
    return [_select(_Tokens(iter([*text, "}"])), kind, item) for item in inner] or _checked(text, kind)


def _checked(text: list[str], kind: str) -> list[Any]:
    """An empty list, its selection looked at all the same."""
    _select(_Tokens(iter([*text, "}"])), kind, None)
    return []


def _block(tokens: _Tokens) -> list[str]:
    depth, text = 1, []
    while True:
        token = tokens.take()
        depth += {"{": 1, "}": -1}.get(token, 0)
        if depth == 0 or not token:
            return text
        text.append(token)


def _fragment(tokens: _Tokens, kind: str, value: Any, answer: Json) -> None:
    if tokens.take() != "on":
        raise WrongQuery("only inline fragments are spoken here")
    part = tokens.take()
    if part not in UNIONS.get(kind, ()):
        raise WrongQuery(f"Fragment on {part} can't be spread inside {kind}")
    tokens.take()
    matches = isinstance(value, dict) and value.get("__typename") == part
    chosen = _select(tokens, part, value if matches else None)
    if matches:
        answer.update(chosen)


def _arguments(tokens: _Tokens, name: str) -> None:
    if tokens.now != "(":
        return
    tokens.take()
    before = ""
    while (token := tokens.take()) != ")":
        if token == ":" and before not in ARGUMENTS.get(name, ()):
            raise WrongQuery(f"Field '{name}' doesn't accept argument '{before}'")
        if not token:
            raise WrongQuery("the query ends too early")
        before = token


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def facts(pull: FakePull, after: str | None) -> Json:
    """Everything that the schema part can tell of a pull request."""
    rules, unknown = pull.protection, pull.unknown_answers > 0
    if unknown:
        pull.unknown_answers -= 1
    by_branch = rules.through == "branch protection"
    mergeable = "UNKNOWN" if unknown else "MERGEABLE" if pull.is_mergeable else "CONFLICTING"
    return {
        "headRefOid": pull.head_sha,
        "isDraft": pull.draft,
        "mergeable": mergeable,
        "mergeStateStatus": "UNKNOWN" if unknown else pull.merge_state,
        "reviewDecision": pull.review_decision,
        "baseRef": {
            "refUpdateRule": {
                "requiredStatusCheckContexts": list(rules.contexts) if by_branch else [],
                "requiresConversationResolution": False,
            }
            if pull.base_branch in pull.repository.protections
            else None
        },
        "reviewThreads": {"nodes": []},
        "latestOpinionatedReviews": {"nodes": [{"state": said} for said in pull.opinions]},
        "commits": {"nodes": [{"commit": {"statusCheckRollup": _rollup(pull, after)}}]},
    }


def _rollup(pull: FakePull, after: str | None) -> Json | None:
    required = pull.protection.contexts
    contexts: list[Json] = [
        {"__typename": "StatusContext", "context": name, "state": status.state.upper(), "isRequired": name in required}
        for name, status in pull.repository.statuses(pull.head_sha).items()
    ]
    for run in pull.repository.check_runs:
        if run.body["head_sha"] == pull.head_sha:
            name, end = run.body["name"], run.body.get("conclusion")
            told = {"name": name, "status": run.body["status"].upper(), "conclusion": end.upper() if end else None}
            contexts.append({"__typename": "CheckRun", **told, "isRequired": name in required})
    if not contexts:
        return None
    start = int(after or 0)
    page = {"hasNextPage": len(contexts) > start + PAGE, "endCursor": str(start + PAGE)}
    return {"contexts": {"pageInfo": page, "nodes": contexts[start : start + PAGE]}}
