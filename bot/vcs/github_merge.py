"""May this pull request be merged, our own statuses left out? And: merge it.

Sources: https://docs.github.com/en/graphql/reference/objects#pullrequest, and for what stands in the way
https://docs.github.com/en/graphql/reference/enums#mergestatestatus
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from bot.errors import Refused
from bot.events import PullRequest
from bot.vcs.code_host import MergeFacts
from bot.vcs.deliveries import (
    flag,
    mapping,
    mappings,
    number,
    optional_flag,
    optional_mapping,
    optional_text,
    text,
    texts,
)
from bot.vcs.github_client import GitHubClient, GitHubTrouble, as_described

COMPUTING_SECONDS = 3.0  # GitHub works out a trial merge in the background, usually within seconds.
MOST_STATUS_PAGES = 20

# `isRequired` knows branch protection and rulesets alike, but only for what was reported; `refUpdateRule` is the
# part of branch protection that people who aren't admins may see.
QUERY = """
query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      headRefOid
      isDraft
      mergeable
      mergeStateStatus
      reviewDecision
      baseRef { refUpdateRule { requiredStatusCheckContexts requiresConversationResolution } }
      reviewThreads(first: 100) { nodes { isResolved } }
      latestOpinionatedReviews(first: 100, writersOnly: true) { nodes { state } }
      commits(last: 1) { nodes { commit { statusCheckRollup { contexts(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes {
          __typename
          ... on StatusContext { context state isRequired(pullRequestNumber: $number) }
          ... on CheckRun { name status conclusion isRequired(pullRequestNumber: $number) }
        }
      } } } } }
    }
  }
}
"""

_PASSING = frozenset({"SUCCESS", "NEUTRAL", "SKIPPED"})
_METHODS = (("merge", "allow_merge_commit"), ("squash", "allow_squash_merge"), ("rebase", "allow_rebase_merge"))


def merge_facts(client: GitHubClient, path: str, pull: PullRequest, own_prefix: str) -> MergeFacts:
    """What the apply requirements need to know. Raises OutsideTrouble, also while GitHub is still computing."""
    deed = f"asking whether {path}#{pull.number} may be merged"
    with as_described(deed):
        told, reported = _ask(client, deed, path, pull.number)
        if text(told, "mergeable") == "UNKNOWN":
            said = "GitHub is still working out whether it can be merged"
            raise GitHubTrouble(f"{deed}: {said}", status=200, retry_after=COMPUTING_SECONDS)
        required = _required(client, deed, path, pull.base_branch, told, reported)
        behind = _behind_by(client, deed, path, pull)
        approval = _approval(told)
        blocks = [*_blocks(told, pull), *_status_blocks(told, required, own_prefix)]
    commits = "commit" if behind == 1 else "commits"
    diverged = () if behind == 0 else (f"{pull.base_branch} is {behind} {commits} ahead of it",)
    return MergeFacts(tuple(approval), tuple(blocks), diverged)


def merge(client: GitHubClient, path: str, pull: PullRequest) -> None:
    """Merge, the head still being `pull.head_sha`. Raises Refused with GitHub's words, or OutsideTrouble."""
    deed = f"merging {path}#{pull.number}"
    with as_described(deed):
        method = _method(mapping({"repository": client.get(deed, f"/repos/{path}")}, "repository"))
    body = {"sha": pull.head_sha, "merge_method": method}
    try:
        client.send(deed, "PUT", f"/repos/{path}/pulls/{pull.number}/merge", body)
    except GitHubTrouble as trouble:
        # 405: it can't be merged; 409: the head moved; 422: the method or the commit isn't accepted.
        if trouble.status not in (405, 409, 422):
            raise
        if _is_merged_already(client, deed, path, pull):
            return
        raise Refused(f"GitHub refuses to merge #{pull.number}: {trouble.said or trouble.status}") from trouble


def _is_merged_already(client: GitHubClient, deed: str, path: str, pull: PullRequest) -> bool:
    """Whether an earlier try had worked although its answer was lost."""
    with as_described(deed):
        now = mapping({"pull": client.get(deed, f"/repos/{path}/pulls/{pull.number}")}, "pull")
        return flag(now, "merged") and text(now, "head", "sha") == pull.head_sha


def _method(repository: Mapping[str, Any]) -> str:
    """The first method that the repository allows. Where GitHub doesn't tell (too few rights) a merge commit."""
    for method, allowed in _METHODS:
        if optional_flag(repository, allowed):
            return method
    return "merge"


def _ask(
    client: GitHubClient, deed: str, path: str, pull_number: int
) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    """What GraphQL tells of the pull request, and every context reported at its head."""
    owner, _, name = path.partition("/")
    reported: list[Mapping[str, Any]] = []
    after: str | None = None
    for _ in range(MOST_STATUS_PAGES):
        variables = {"owner": owner, "name": name, "number": pull_number, "after": after}
        told = mapping(client.ask(deed, QUERY, variables), "repository", "pullRequest")
        heads = mappings(told, "commits", "nodes")
        rollup = optional_mapping(heads[0], "commit", "statusCheckRollup") if heads else None
        if rollup is None:  # nothing was ever reported
            return told, reported
        reported += mappings(rollup, "contexts", "nodes")
        if not flag(rollup, "contexts", "pageInfo", "hasNextPage"):
            return told, reported
        after = text(rollup, "contexts", "pageInfo", "endCursor")
    return told, reported


def _required(
    client: GitHubClient,
    deed: str,
    path: str,
    base_branch: str,
    told: Mapping[str, Any],
    reported: list[Mapping[str, Any]],
) -> dict[str, str]:
    """Every required context → its state in capitals; EXPECTED where nobody has reported it yet."""
    wanted: set[str] = set()
    rule = optional_mapping(told, "baseRef", "refUpdateRule")
    if rule is not None and rule.get("requiredStatusCheckContexts") is not None:
        wanted.update(texts(rule, "requiredStatusCheckContexts"))
    if text(told, "mergeStateStatus") == "BLOCKED":  # only then is a ruleset of interest
        wanted.update(_ruled(client, deed, path, base_branch))
    states = dict.fromkeys(wanted, "EXPECTED")
    for context in reported:
        name, state = _reported(context)
        if name in wanted or flag(context, "isRequired"):
            states[name] = state
    return states


def _ruled(client: GitHubClient, deed: str, path: str, base_branch: str) -> Iterator[str]:
    """Contexts that rulesets require of this branch."""
    for rule in client.pages(deed, f"/repos/{path}/rules/branches/{quote(base_branch, safe='')}"):
        if text(rule, "type") == "required_status_checks":
            for check in mappings(rule, "parameters", "required_status_checks"):
                yield text(check, "context")


def _reported(context: Mapping[str, Any]) -> tuple[str, str]:
    if text(context, "__typename") == "StatusContext":
        return text(context, "context"), text(context, "state")
    return text(context, "name"), optional_text(context, "conclusion") or text(context, "status")


def _approval(told: Mapping[str, Any]) -> list[str]:
    """What is missing for an approval. Without a rule that wants one, GitHub has no decision and we look ourselves."""
    match optional_text(told, "reviewDecision"):
        case "APPROVED":
            return []
        case "CHANGES_REQUESTED":
            return ["a review requests changes"]
        case "REVIEW_REQUIRED":
            return ["a required review is missing"]
    opinions = [text(review, "state") for review in mappings(told, "latestOpinionatedReviews", "nodes")]
    if "CHANGES_REQUESTED" in opinions:
        return ["a review requests changes"]
    return [] if "APPROVED" in opinions else ["nobody who may write has approved it"]


def _blocks(told: Mapping[str, Any], pull: PullRequest) -> list[str]:
    """What stands in the way of a merge, statuses apart."""
    blocks = []
    if text(told, "headRefOid") != pull.head_sha:
        blocks.append("a newer commit was pushed")
    if flag(told, "isDraft"):
        blocks.append("it is a draft")
    if text(told, "mergeable") == "CONFLICTING":
        blocks.append(f"it conflicts with {pull.base_branch}")
    if text(told, "mergeStateStatus") == "BEHIND":
        blocks.append(f"it must be brought up to date with {pull.base_branch} first")
    if optional_text(told, "reviewDecision") in ("CHANGES_REQUESTED", "REVIEW_REQUIRED"):
        blocks.append("the branch's rules want an approving review")
    if optional_flag(told, "baseRef", "refUpdateRule", "requiresConversationResolution"):
        threads = mappings(told, "reviewThreads", "nodes")
        if not all(flag(thread, "isResolved") for thread in threads):
            blocks.append("a conversation is not resolved")
    return blocks


def _status_blocks(told: Mapping[str, Any], required: Mapping[str, str], own_prefix: str) -> list[str]:
    """Required contexts that don't pass, ours left out: ours wait for the very apply that is asked about."""
    waiting = {name: state for name, state in required.items() if state not in _PASSING}
    foreign = sorted(name for name in waiting if not name.startswith(own_prefix))
    blocks = [f"the required check “{name}” is {waiting[name].lower().replace('_', ' ')}" for name in foreign]
    review = optional_text(told, "reviewDecision") in ("CHANGES_REQUESTED", "REVIEW_REQUIRED")
    if text(told, "mergeStateStatus") == "BLOCKED" and not waiting and not review:
        blocks.append("a rule of its base branch blocks the merge")
    return blocks


def _behind_by(client: GitHubClient, deed: str, path: str, pull: PullRequest) -> int:
    """How many commits of the base branch the head lacks."""
    base, head = quote(pull.base_branch, safe=""), quote(pull.head_sha, safe="")
    answer = client.get(deed, f"/repos/{path}/compare/{base}...{head}", {"per_page": 1})
    return number({"comparison": answer}, "comparison", "behind_by")
