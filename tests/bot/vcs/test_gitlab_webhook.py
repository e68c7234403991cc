"""Are GitLab's deliveries understood, and nothing but them?"""

import copy
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Ignored
from bot.events import Commented, HostRepository, HostUser, PullAction, PullChanged, Pushed, RepositoryMoved, Tagged
from bot.vcs import gitlab_webhook as gitlab

BEFORE = "1f0c5b8ad4a8c2e1f3b4d5a697887766554433aa"
AFTER = "2e1d6c9be5b9d3f2a4c5e6b7a8998877665544bb"
NONE = "0" * 40
INFRA = HostRepository(
    "4711",
    "acme/platform/infra",
    "https://gitlab.example.com/acme/platform/infra.git",
    "main",
    "https://gitlab.example.com/acme/platform/infra",
)
ALICE = HostUser("31", "alice")
FOLDER = Path(__file__).parents[2] / "payloads" / "gitlab"
PAYLOADS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
EVENT_NAMES = {
    "push": "Push Hook",
    "tag_push": "Tag Push Hook",
    "merge_request": "Merge Request Hook",
    "note_on_merge_request": "Note Hook",
    "note_on_commit": "Note Hook",
    "project_rename": "System Hook",
}


def told(kind: str, **changes: Any) -> Any:
    """Parse a payload in which some values (by dotted path, `__` for the dot) are others; `...` removes one."""
    payload = copy.deepcopy(PAYLOADS[kind])
    for path, value in changes.items():
        *way, last = path.split("__")
        inner = payload
        for step in way:
            inner = inner[step]
        if value is ...:
            inner.pop(last)
        else:
            inner[last] = value
    return gitlab.parse(EVENT_NAMES[kind], payload)


def test_every_recorded_payload_has_an_event_name() -> None:
    assert set(PAYLOADS) == set(EVENT_NAMES)


@pytest.mark.parametrize(
    ("secret", "headers", "right"),
    [
        ("s3cret", {"X-Gitlab-Token": "s3cret"}, True),
        ("s3cret", {"x-gitlab-token": "s3cret"}, True),
        ("s3cret", {"X-Gitlab-Token": "S3cret"}, False),
        ("s3cret", {"X-Gitlab-Token": "s3cret "}, False),
        ("s3cret", {"X-Gitlab-Token": ""}, False),
        ("s3cret", {}, False),
        ("", {"X-Gitlab-Token": ""}, False),
        ("", {}, False),
        ("s3cret", {"X-Gitlab-Token": "s\xe4cret\ud800"}, False),
    ],
)
def test_only_the_right_token_verifies(secret: str, headers: dict[str, str], right: bool) -> None:
    assert gitlab.verify(secret, b"{}", headers) is right


def test_a_retry_has_the_same_delivery_id() -> None:
    first = gitlab.delivery_id({"Idempotency-Key": "abc", "X-Gitlab-Webhook-UUID": "1"}, b"{}")
    again = gitlab.delivery_id({"idempotency-key": "abc", "X-Gitlab-Webhook-UUID": "2"}, b"{}")
    assert first == again == "abc"


@pytest.mark.parametrize("key", [None, "", "  ", "x" * 256, "a\nb"])
def test_without_a_usable_key_the_body_tells_deliveries_apart(key: str | None) -> None:
    headers = {"X-Gitlab-Webhook-UUID": "1"} | ({} if key is None else {"Idempotency-Key": key})
    assert gitlab.delivery_id(headers, b"{}") == "sha256:" + hashlib.sha256(b"{}").hexdigest()


def test_event_name_is_found_whatever_its_case() -> None:
    assert gitlab.event_name({"x-GITLAB-event": "Push Hook"}) == "Push Hook"
    assert gitlab.event_name({"X-GitHub-Event": "push"}) == ""


@pytest.mark.parametrize("kind", sorted(PAYLOADS))
def test_every_delivery_names_its_project(kind: str) -> None:
    assert gitlab.repository_host_id(PAYLOADS[kind]) == "4711"


def test_a_push() -> None:
    assert told("push") == Pushed(
        repository=INFRA,
        branch="main",
        before_sha=BEFORE,
        after_sha=AFTER,
        forced=False,
        changed_paths=("modules/net/main.tf", "prod/main.tf", "prod/new.tf", "prod/old.tf"),
        sender=ALICE,
        message="Open the port\n\nFor the new site.\n",
    )


def test_a_new_branch_has_no_list_of_paths() -> None:
    event = told("push", before=NONE, ref="refs/heads/feature/ä b")
    assert (event.created, event.changed_paths, event.branch) == (True, None, "feature/ä b")


@pytest.mark.parametrize(
    "changes",
    [
        {"total_commits_count": 3},
        {"commits": [], "total_commits_count": 0},  # set back
        {"commits": ..., "total_commits_count": 7},  # a system hook
        {"commits": None},
    ],
)
def test_an_incomplete_list_of_paths_is_no_list(changes: dict[str, Any]) -> None:
    assert told("push", **changes).changed_paths is None


def test_a_push_by_nobody_in_particular() -> None:
    assert told("push", user_id=None).sender == HostUser("", "")


@pytest.mark.parametrize("kind", ["push", "tag_push", "merge_request"])
def test_where_the_sender_is_to_be_seen(kind: str) -> None:
    sender = told(kind).sender
    assert sender.html_url == "https://gitlab.example.com/alice"
    assert sender.avatar_url == "https://gitlab.example.com/uploads/-/system/user/avatar/31/avatar.png"
    under_a_path = "https://example.com/gitlab/acme/platform/infra"
    assert told(kind, project__web_url=under_a_path).sender.html_url == "https://example.com/gitlab/alice"


@pytest.mark.parametrize(
    "changes",
    [
        {"user_username": None},
        {"project__web_url": "https://gitlab.example.com/moved/infra"},
        {"project__web_url": "https://" + "a" * 2000 + "/acme/platform/infra"},
    ],
)
def test_a_sender_whose_page_is_not_known(changes: dict[str, Any]) -> None:
    assert told("push", **changes).sender.html_url == ""


@pytest.mark.parametrize("address", [None, "https://a.test/" + "a" * 2000])
def test_an_avatar_may_be_missing_or_far_too_long(address: str | None) -> None:
    assert told("push", user_avatar=address).sender.avatar_url == ""


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        ("push", {"after": NONE, "checkout_sha": None, "commits": []}, "branch main was deleted"),
        ("push", {"ref": "refs/notes/x"}, "refs/notes/x is not a branch"),
        ("tag_push", {"after": NONE, "checkout_sha": None}, "tag v1.2.0 was deleted"),
        ("tag_push", {"checkout_sha": None}, "tag v1.2.0 was deleted"),
        ("tag_push", {"ref": "refs/heads/v1.2.0"}, "refs/heads/v1.2.0 is not a tag"),
        ("merge_request", {"object_attributes__action": "approved"}, "when a merge request is 'approved'"),
        ("merge_request", {"object_attributes__action": "unapproval"}, "when a merge request is 'unapproval'"),
        ("merge_request", {"object_attributes__action": ...}, "when a merge request is ''"),
        ("merge_request", {"object_attributes__action": "update"}, "neither the commits nor the target branch"),
        ("merge_request", {"object_attributes__last_commit": None}, "!41 has no commits"),
        ("note_on_merge_request", {"object_attributes__action": "update"}, "this one was changed"),
        ("note_on_merge_request", {"object_attributes__system": True}, "by itself"),
        ("note_on_merge_request", {"object_attributes__noteable_type": "Issue"}, "comments on GitLab's 'Issue'"),
        ("note_on_commit", {"object_attributes__noteable_type": "Snippet"}, "comments on GitLab's 'Snippet'"),
        ("project_rename", {"event_name": "project_destroy"}, "system event 'project_destroy'"),
        ("project_rename", {"event_name": ...}, "system event ''"),
    ],
)
def test_what_is_not_for_us_says_why(kind: str, changes: dict[str, Any], reason: str) -> None:
    event = told(kind, **changes)
    assert isinstance(event, Ignored)
    assert reason in event.reason


@pytest.mark.parametrize("name", ["", "Pipeline Hook", "Emoji Hook", "push", "x" * 10_000])
def test_unknown_events_are_ignored(name: str) -> None:
    event = gitlab.parse(name, {})
    assert isinstance(event, Ignored)
    assert len(event.reason) < 150


def test_a_tag_is_its_commit() -> None:
    assert told("tag_push") == Tagged(INFRA, "v1.2.0", AFTER, ALICE, "The March release")


def test_a_merge_request_opened() -> None:
    event = told("merge_request")
    assert isinstance(event, PullChanged)
    assert (event.action, event.repository, event.sender) == (PullAction.OPENED, INFRA, ALICE)
    pull = event.pull
    assert (pull.number, pull.title, pull.author, pull.body) == (41, "Open the port", ALICE, "For the new site.")
    assert (pull.head_sha, pull.head_branch, pull.base_branch, pull.base_sha) == (AFTER, "open-port", "main", "")
    assert (pull.is_open, pull.is_merged, pull.is_draft, pull.from_fork) == (True, False, False, False)
    assert pull.updated_at == datetime(2026, 3, 4, 9, 12, tzinfo=UTC)
    assert pull.html_url.endswith("/-/merge_requests/41")


DRAFT = {"draft": {"previous": True, "current": False}}


@pytest.mark.parametrize(
    ("attributes", "changes", "action"),
    [
        ({"action": "open"}, {}, PullAction.OPENED),
        ({"action": "reopen"}, {}, PullAction.REOPENED),
        ({"action": "close", "state": "closed"}, {}, PullAction.CLOSED),
        ({"action": "merge", "state": "merged"}, {}, PullAction.MERGED),
        ({"action": "update", "oldrev": BEFORE}, {}, PullAction.UPDATED),
        ({"action": "update", "oldrev": BEFORE}, {"target_branch": {"previous": "main"}}, PullAction.UPDATED),
        ({"action": "update"}, {"target_branch": {"previous": "main", "current": "next"}}, PullAction.RETARGETED),
        ({"action": "update"}, DRAFT, PullAction.READY),
        ({"action": "update"}, {"work_in_progress": DRAFT["draft"]}, PullAction.READY),
        ({"action": "update"}, {"title": {"previous": "Draft: x", "current": "x"}}, PullAction.READY),
        ({"action": "update"}, {"title": {"previous": "[WIP] x", "current": "x"}}, PullAction.READY),
        ({"action": "update"}, {"title": {"previous": "x", "current": "y"}}, None),
        ({"action": "update"}, {"title": {"previous": "x", "current": "Draft: x"}}, None),
        ({"action": "update"}, {"draft": {"previous": False, "current": True}}, None),
        ({"action": "update"}, {"draft": {"previous": True, "current": True}}, None),
        ({"action": "update"}, {"labels": {"previous": [], "current": [{"id": 1}]}}, None),
        ({"action": "update"}, {"updated_at": {"previous": "x", "current": "y"}}, None),
    ],
)
def test_what_happened_to_a_merge_request(
    attributes: dict[str, Any], changes: dict[str, Any], action: PullAction | None
) -> None:
    event = told("merge_request", changes=changes, **{f"object_attributes__{key}": v for key, v in attributes.items()})
    if action is None:
        assert isinstance(event, Ignored)
    else:
        assert event.action is action


def test_a_merged_merge_request_knows_its_merge_commit() -> None:
    event = told(
        "merge_request",
        object_attributes__action="merge",
        object_attributes__state="merged",
        object_attributes__merge_commit_sha=BEFORE,
    )
    assert (event.pull.is_open, event.pull.is_merged, event.pull.merge_commit_sha) == (False, True, BEFORE)


@pytest.mark.parametrize(("source", "forked"), [(9001, True), (None, True), (4711, False)])
def test_a_fork_is_another_project_or_a_deleted_one(source: int | None, forked: bool) -> None:
    assert told("merge_request", object_attributes__source_project_id=source).pull.from_fork is forked


def test_closing_is_heard_even_without_commits() -> None:
    event = told(
        "merge_request",
        object_attributes__action="close",
        object_attributes__source_project_id=None,
        object_attributes__source=None,
        object_attributes__last_commit=None,
    )
    assert (event.action, event.pull.head_sha, event.pull.from_fork) == (PullAction.CLOSED, "", True)


@pytest.mark.parametrize("name", ["draft", "work_in_progress"])
def test_a_draft_in_both_spellings(name: str) -> None:
    assert told("merge_request", **{f"object_attributes__{name}": True}).pull.is_draft


def test_an_author_who_is_not_the_sender_has_no_login_here() -> None:
    assert told("merge_request", object_attributes__author_id=77).pull.author == HostUser("77", "")


def test_a_comment_on_a_merge_request() -> None:
    assert told("note_on_merge_request") == Commented(INFRA, "70001", ALICE, "runlock apply", pull_number=41)


def test_a_comment_on_a_commit() -> None:
    assert told("note_on_commit") == Commented(INFRA, "70002", ALICE, "runlock apply", commit_sha=AFTER)


def test_a_comment_before_gitlab_told_actions() -> None:
    assert isinstance(told("note_on_merge_request", object_attributes__action=...), Commented)


@pytest.mark.parametrize("name", ["project_rename", "project_transfer"])
def test_a_project_moves(name: str) -> None:
    event = told("project_rename", event_name=name)
    assert event == RepositoryMoved(HostRepository("4711", "acme/platform/estate", "", ""), "acme/platform/infra")


@pytest.mark.parametrize("kind", ["push", "tag_push", "merge_request"])
def test_a_system_hook_tells_the_same_as_a_project_hook(kind: str) -> None:
    assert gitlab.parse("System Hook", PAYLOADS[kind]) == gitlab.parse(EVENT_NAMES[kind], PAYLOADS[kind])
