"""Deliveries from GitHub, in our words."""

import copy
import hashlib
import hmac
from typing import Any

import pytest

from bot.errors import Ignored
from bot.events import (
    NOBODY,
    ButtonPressed,
    Commented,
    HostUser,
    InstallationChanged,
    PullAction,
    PullChanged,
    Pushed,
    RepositoryMoved,
    Tagged,
)
from bot.vcs import github_webhook
from bot.vcs.deliveries import MalformedDelivery
from tests.fakes import github_description
from tests.fakes.github_payloads import EVENTS, PAYLOADS, payload

SHA, OTHER_SHA, NO_COMMIT = "a" * 40, "b" * 40, "0" * 40


def parsed(name: str, **changes: Any) -> Any:
    return github_webhook.parse(EVENTS[name], payload(name, **changes))


def a_commit(commit_sha: str, *modified: str) -> dict[str, Any]:
    return {**payload("push")["commits"][0], "id": commit_sha, "added": [], "removed": [], "modified": list(modified)}


def test_every_recorded_payload_is_named_here_and_fits_githubs_description():
    assert {path.stem for path in PAYLOADS.glob("*.json")} == set(EVENTS)
    assert [c for name, event in EVENTS.items() for c in github_description.check_webhook(event, payload(name))] == []


def test_push():
    event = parsed("push")
    assert isinstance(event, Pushed)
    assert (event.branch, event.forced, event.created) == ("feature", False, False)
    assert event.after_sha == payload("push")["after"]
    assert event.changed_paths == ("network/main.tf", "old.tf")
    assert event.message == "Move the network\n\nAnd say why."
    assert event.sender.login == "alice"
    assert event.sender.html_url == "https://github.example.com/alice"
    assert event.sender.avatar_url == "https://github.example.com/avatars/1008"
    assert event.repository.path == "acme/infra"
    assert event.repository.clone_url == "https://github.example.com/acme/infra.git"
    assert event.repository.default_branch == "main"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"forced": True}, "a forced push drops commits that no list names"),
        ({"created": True, "before": NO_COMMIT}, "a new branch has no before"),
        ({"commits": []}, "an empty list of a branch that moved"),
        ({"commits": [a_commit(SHA, "a.tf")] * 20}, "old servers list the first 20"),
        ({"commits": [a_commit(SHA, "a.tf")] * 2048}, "GitHub lists 2048 at most"),
        ({"commits": [a_commit(SHA, "a.tf"), a_commit(OTHER_SHA, "b.tf")]}, "the head is not in the list"),
        ({"commits": [a_commit(SHA, "a.tf")], "size": 2}, "the count says that more were pushed"),
        ({"commits": [a_commit(SHA, *(f"{n}.tf" for n in range(300)))]}, "a commit's files may be cut off"),
    ],
)
def test_push_whose_list_of_files_may_be_cut_off(changes, why):
    event = parsed("push", **{"after": SHA, **changes})
    assert isinstance(event, Pushed)
    assert event.changed_paths is None, why


def test_push_of_several_commits_names_each_path_once():
    commits = [a_commit(OTHER_SHA, "b.tf", "a.tf"), a_commit(SHA, "b.tf", "Zürich/ü 'x'.tf")]
    assert parsed("push", after=SHA, commits=commits).changed_paths == ("Zürich/ü 'x'.tf", "a.tf", "b.tf")


def test_push_by_a_deploy_key_has_no_sender():
    assert parsed("push", sender=None).sender == NOBODY


def test_branch_with_slashes_and_odd_letters():
    assert parsed("push", ref="refs/heads/käse/🧀/$(id);x").branch == "käse/🧀/$(id);x"


@pytest.mark.parametrize("ref", ["refs/heads/old", "refs/tags/v1"])
def test_deletion_is_ignored(ref):
    event = parsed("push", ref=ref, after=NO_COMMIT, deleted=True, head_commit=None, commits=[])
    assert isinstance(event, Ignored)
    assert "was deleted" in event.reason


def test_ref_of_another_kind_is_ignored():
    assert isinstance(parsed("push", ref="refs/notes/commits"), Ignored)


def test_annotated_tag_names_the_commit_behind_it():
    event = parsed("push_tag")
    assert isinstance(event, Tagged)
    assert event.tag == "v1.2.0"
    assert event.commit_sha == payload("push_tag")["head_commit"]["id"] != payload("push_tag")["after"]


def test_tag_on_something_that_is_no_commit_is_ignored():
    assert isinstance(parsed("push_tag", head_commit=None), Ignored)


@pytest.mark.parametrize(
    ("action", "action_of_ours"),
    [
        ("opened", PullAction.OPENED),
        ("synchronize", PullAction.UPDATED),
        ("reopened", PullAction.REOPENED),
        ("ready_for_review", PullAction.READY),
        ("closed", PullAction.CLOSED),
    ],
)
def test_pull_request(action, action_of_ours):
    event = parsed("pull_request_opened", action=action)
    assert isinstance(event, PullChanged)
    assert event.action is action_of_ours
    pull = event.pull
    assert (pull.number, pull.title, pull.body) == (1, "Move the network", "Please look")
    assert (pull.head_branch, pull.base_branch) == ("feature", "main")
    assert (pull.is_open, pull.is_merged, pull.is_draft, pull.from_fork) == (True, False, False, False)
    assert pull.author.login == "alice"
    assert pull.updated_at is not None


def test_merged_pull_request():
    pull = payload("pull_request_opened")["pull_request"]
    pull |= {"state": "closed", "merged": True, "merged_at": "2026-03-02T10:00:00Z", "merge_commit_sha": SHA}
    event = parsed("pull_request_opened", action="closed", pull_request=pull)
    assert event.action is PullAction.MERGED
    assert (event.pull.is_open, event.pull.is_merged, event.pull.merge_commit_sha) == (False, True, SHA)


def test_trial_merge_of_an_open_pull_request_is_no_merge_commit():
    pull = {**payload("pull_request_opened")["pull_request"], "merge_commit_sha": SHA}
    assert parsed("pull_request_opened", pull_request=pull).pull.merge_commit_sha == ""


def test_new_base_branch_is_told_from_a_new_title():
    base = {"base": {"ref": {"from": "old"}, "sha": {"from": SHA}}}
    assert parsed("pull_request_opened", action="edited", changes=base).action is PullAction.RETARGETED
    title = {"title": {"from": "old"}}
    assert isinstance(parsed("pull_request_opened", action="edited", changes=title), Ignored)


@pytest.mark.parametrize("action", ["labeled", "converted_to_draft", "auto_merge_enabled", "a_new_thing"])
def test_other_pull_request_actions_are_ignored(action):
    assert isinstance(parsed("pull_request_opened", action=action), Ignored)


def test_pull_request_of_a_deleted_fork_is_still_from_a_fork():
    assert payload("pull_request_deleted_fork")["pull_request"]["head"]["repo"] is None
    assert parsed("pull_request_deleted_fork").pull.from_fork


def test_fork_is_told_by_the_repositorys_id():
    recorded = payload("pull_request_opened")
    recorded["pull_request"]["head"]["repo"]["id"] += 1  # same name, another repository
    assert github_webhook.parse("pull_request", recorded).pull.from_fork


def test_comment_on_a_pull_request():
    event = parsed("issue_comment_created")
    assert isinstance(event, Commented)
    assert (event.pull_number, event.commit_sha, event.body) == (1, None, "runlock apply")
    assert event.comment_id == str(payload("issue_comment_created")["comment"]["id"])
    assert event.author == HostUser(str(payload("issue_comment_created")["comment"]["user"]["id"]), "alice")


def test_comment_on_an_issue_is_ignored():
    issue = payload("issue_comment_created")["issue"]
    del issue["pull_request"]
    assert isinstance(parsed("issue_comment_created", issue=issue), Ignored)


@pytest.mark.parametrize("action", ["edited", "deleted"])
def test_comment_that_was_not_created_now_is_ignored(action):
    assert isinstance(parsed("issue_comment_created", action=action), Ignored)
    assert isinstance(parsed("commit_comment_created", action=action), Ignored)


def test_comment_on_a_commit():
    event = parsed("commit_comment_created")
    assert isinstance(event, Commented)
    assert (event.pull_number, event.body) == (None, "apply")
    assert event.commit_sha == payload("commit_comment_created")["comment"]["commit_id"]


def test_button():
    event = parsed("check_run_requested_action")
    assert isinstance(event, ButtonPressed)
    assert (event.button, event.external_id, event.sender.login) == ("apply", "run-8fk2", "alice")
    assert isinstance(parsed("check_run_requested_action", action="completed"), Ignored)


def test_button_of_somebody_elses_check_run_is_ignored():
    check_run = {**payload("check_run_requested_action")["check_run"], "external_id": ""}
    assert isinstance(parsed("check_run_requested_action", check_run=check_run), Ignored)


def test_installation():
    event = parsed("installation_created")
    assert isinstance(event, InstallationChanged)
    assert event.action == "created"
    assert [path for _, path in event.repositories] == ["acme/infra"]
    assert isinstance(parsed("installation_created", action="new_permissions_accepted"), Ignored)
    assert parsed("installation_created", action="suspend", repositories=None).repositories == ()


def test_installation_gains_and_loses_repositories():
    event = parsed("installation_repositories_added")
    assert (event.action, [path for _, path in event.repositories]) == ("added", ["acme/second"])
    gone = parsed("installation_repositories_added", action="removed")
    assert (gone.action, gone.repositories) == ("removed", ())


def test_renamed_and_transferred():
    renamed, transferred = parsed("repository_renamed"), parsed("repository_transferred")
    assert isinstance(renamed, RepositoryMoved)
    assert (renamed.old_path, renamed.repository.path) == ("acme/infra", "acme/platform")
    assert (transferred.old_path, transferred.repository.path) == ("acme/platform", "globex/platform")
    assert renamed.repository.host_id == transferred.repository.host_id
    assert isinstance(parsed("repository_renamed", action="archived"), Ignored)


@pytest.mark.parametrize("event", ["ping", "pull_request_review_comment", "star", "not_invented_yet"])
def test_what_is_not_for_us_is_ignored_with_a_sentence(event):
    ignored = github_webhook.parse(event, {})
    assert isinstance(ignored, Ignored)
    assert len(ignored.reason) > 10


def test_signature_is_over_the_raw_bytes():
    body = b'{"a":  "\xc3\xbc"}'
    good = {"X-Hub-Signature-256": "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()}
    assert github_webhook.verify("s3cret", body, good)
    assert github_webhook.verify("s3cret", body, {name.lower(): value for name, value in good.items()})
    assert not github_webhook.verify("s3cret", body + b" ", good)
    assert not github_webhook.verify("other", body, good)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": "sha256=ü\ud800"},
        {"X-Hub-Signature": "sha1=" + hmac.new(b"s", b"body", hashlib.sha1).hexdigest()},
        {"X-Hub-Signature-256": hmac.new(b"s", b"body", hashlib.sha256).hexdigest()},
    ],
)
def test_signature_that_is_none(headers):
    assert not github_webhook.verify("s", b"body", headers)


def test_empty_secret_verifies_nothing():
    signed_with_nothing = {"X-Hub-Signature-256": "sha256=" + hmac.new(b"", b"body", hashlib.sha256).hexdigest()}
    assert not github_webhook.verify("", b"body", signed_with_nothing)


def test_ids_of_a_delivery():
    headers = {"X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "x-github-event": "push"}
    assert github_webhook.delivery_id(headers) == "72d3162e-cc78-11e3-81ab-4c9367dc0958"
    assert github_webhook.event_name(headers) == "push"
    for broken in ({}, {"X-GitHub-Delivery": "a\nb"}, {"X-GitHub-Delivery": "x" * 500}):
        with pytest.raises(MalformedDelivery):
            github_webhook.delivery_id(broken)


def test_repository_and_installation_of_a_delivery():
    assert github_webhook.repository_host_id(payload("push")) == str(payload("push")["repository"]["id"])
    assert github_webhook.installation_id(payload("push")) is None
    assert github_webhook.repository_host_id(payload("installation_created")) is None
    assert github_webhook.installation_id(payload("installation_created")) is not None
    for wrong in ({"repository": "acme/infra"}, {"repository": {"id": True}}, {"repository": {}}, {"repository": []}):
        with pytest.raises(MalformedDelivery):
            github_webhook.repository_host_id(wrong)


def test_parsing_leaves_the_payload_alone():
    recorded = payload("push")
    before = copy.deepcopy(recorded)
    github_webhook.parse("push", recorded)
    assert recorded == before
