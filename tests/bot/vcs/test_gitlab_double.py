"""Does the double of GitLab speak as GitLab does, so that what passes here passes there?"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from bot.errors import Ignored
from bot.events import Commented, PullAction, PullChanged, Pushed, RepositoryMoved, Tagged
from bot.vcs import gitlab_webhook
from tests.fakes import gitlab_description as description
from tests.fakes import gitlab_fixtures
from tests.fakes.gitlab import FakeGitLab
from tests.fakes.gitlab_model import FakeRepository, Hook, Person
from tests.fakes.reduce_gitlab_description import as_text, reduce

gitlab = gitlab_fixtures.gitlab

# GitLab's own descriptions, where they lie beside the checkout.
SPECS = Path(__file__).parents[4] / "shared" / "specs"
needs_specs = pytest.mark.skipif(not SPECS.is_dir(), reason="GitLab's descriptions are not beside this checkout")


@pytest.fixture
def infra(gitlab: FakeGitLab) -> FakeRepository:
    repo = gitlab.create_repository("acme/platform/infra", {"main.tf": ""})
    repo.add_hook("https://runlock.example.com/webhooks/oc-1", "s3cret")
    return repo


@pytest.fixture
def alice(gitlab: FakeGitLab, infra: FakeRepository) -> Person:
    return gitlab.person("alice", role="write", repo=infra)


def heard(host: FakeGitLab) -> list[Any]:
    """Deliver everything to our parser, as our door would."""
    events: list[Any] = []

    def door(headers: Mapping[str, str], body: bytes) -> int:
        assert gitlab_webhook.verify("s3cret", body, headers)
        events.append(gitlab_webhook.parse(gitlab_webhook.event_name(headers), json.loads(body)))
        return 202

    host.deliver(door)
    return events


def test_pushes_are_heard(gitlab: FakeGitLab, infra: FakeRepository, alice: Person) -> None:
    before = infra.head()
    sha = infra.push("main", {"prod/main.tf": "1"}, "Open the port", by=alice, delete=("main.tf",))
    (event,) = heard(gitlab)
    assert isinstance(event, Pushed)
    assert (event.repository.host_id, event.repository.path) == (infra.host_id, "acme/platform/infra")
    assert (event.branch, event.before_sha, event.after_sha, event.created) == ("main", before, sha, False)
    assert (event.changed_paths, event.message) == (("main.tf", "prod/main.tf"), "Open the port\n")
    assert event.sender.login == "alice"


def test_other_kinds_of_pushes_are_heard(gitlab: FakeGitLab, infra: FakeRepository, alice: Person) -> None:
    first = infra.head()
    infra.push("feature", {"a.tf": "1"}, by=alice)
    infra.push_commits("feature", [{"b.tf": str(number)} for number in range(21)], by=alice)
    infra.push("feature", {"c.tf": "1"}, by=alice, force=True)
    infra.move_branch("feature", first, by=alice)
    infra.delete_branch("feature", by=alice)
    *events, deleted = heard(gitlab)
    assert [event.created for event in events] == [True, False, False, False]
    assert [event.changed_paths for event in events] == [None, None, ("c.tf",), None]
    assert isinstance(deleted, Ignored)


@pytest.mark.parametrize("annotated", [True, False])
def test_tags_are_heard(gitlab: FakeGitLab, infra: FakeRepository, alice: Person, annotated: bool) -> None:
    infra.tag("v1", infra.head(), by=alice, annotated=annotated)
    (event,) = heard(gitlab)
    assert isinstance(event, Tagged)
    assert (event.tag, event.commit_sha, event.message) == ("v1", infra.head(), "v1" if annotated else "")


def test_the_life_of_a_merge_request_is_heard(gitlab: FakeGitLab, infra: FakeRepository, alice: Person) -> None:
    infra.push("next", by=alice)
    infra.push("feature", {"a.tf": "1"}, by=alice)
    heard(gitlab)
    pull = infra.open_pull("feature", by=alice, draft=True)
    pull.push({"a.tf": "2"})
    pull.ready()
    pull.edit("Another title")
    pull.approve(alice)
    pull.retarget("next")
    pull.close()
    pull.reopen()
    pull.merge("squash", alice)
    events = [event for event in heard(gitlab) if isinstance(event, PullChanged)]
    names = ("OPENED", "UPDATED", "READY", "RETARGETED", "CLOSED", "REOPENED", "MERGED")
    assert [event.action for event in events] == [PullAction[name] for name in names]
    assert [event.pull.is_draft for event in events[:3]] == [True, True, False]
    assert events[3].pull.base_branch == "next"
    assert (events[-1].pull.is_merged, events[-1].pull.merge_commit_sha) == (True, infra.head("next"))


def test_a_push_of_its_commits_merges_a_merge_request(gitlab: FakeGitLab, infra: FakeRepository, alice: Person) -> None:
    sha = infra.push("feature", {"a.tf": "1"}, by=alice)
    infra.open_pull("feature", by=alice)
    infra.move_branch("main", sha, by=alice)
    last = heard(gitlab)[-1]
    assert isinstance(last, PullChanged)
    assert (last.action, last.pull.merge_commit_sha) == (PullAction.MERGED, "")


def test_a_merge_request_of_a_fork_is_heard(gitlab: FakeGitLab, infra: FakeRepository) -> None:
    mallory = gitlab.person("mallory")
    fork = infra.fork(mallory)
    fork.push("evil", {"a.tf": "1"}, by=mallory)
    pull = infra.open_pull("evil", head=fork, by=mallory)
    fork.delete()
    pull.close()
    opened, closed = heard(gitlab)
    assert opened.pull.from_fork
    assert closed.pull.from_fork
    assert opened.repository.host_id == infra.host_id


def test_comments_are_heard(gitlab: FakeGitLab, infra: FakeRepository, alice: Person) -> None:
    sha = infra.push("feature", {"a.tf": "1"}, by=alice)
    pull = infra.open_pull("feature", by=alice)
    heard(gitlab)
    first = pull.comment("apply", alice)
    first.edit("discard")
    second = infra.comment_on(sha, "apply", alice)
    written, edited, on_commit = heard(gitlab)
    assert isinstance(written, Commented)
    assert (written.comment_id, written.pull_number, written.commit_sha) == (str(first.id), 1, None)
    assert isinstance(edited, Ignored)
    assert (on_commit.comment_id, on_commit.pull_number, on_commit.commit_sha) == (str(second.id), None, sha)


@pytest.mark.parametrize("deed", ["rename", "transfer"])
def test_a_move_is_heard_from_the_instance_only(gitlab: FakeGitLab, infra: FakeRepository, deed: str) -> None:
    getattr(infra, deed)("elsewhere")
    assert heard(gitlab) == []
    gitlab.system_hooks.append(Hook(1, "https://runlock.example.com/webhooks/oc-1", "s3cret"))
    getattr(infra, deed)("estate")
    (event,) = heard(gitlab)
    assert isinstance(event, RepositoryMoved)
    assert (event.repository.host_id, event.repository.path) == (infra.host_id, infra.path)


def test_a_retry_keeps_its_delivery_id(gitlab: FakeGitLab, infra: FakeRepository, alice: Person) -> None:
    infra.push("main", {"a.tf": "1"}, by=alice)
    seen: list[tuple[str, str]] = []

    def door(headers: Mapping[str, str], body: bytes) -> int:
        seen.append((gitlab_webhook.delivery_id(headers, body), headers["X-Gitlab-Webhook-UUID"]))
        return 500

    (delivery,) = gitlab.deliver(door)
    gitlab.send(delivery, door)
    assert seen[0][0] == seen[1][0]
    assert seen[0][1] != seen[1][1]


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "wrong"),
    [
        ("GET", "/projects/7", "", None, ""),
        ("GET", "/projects/7", "licence=true", None, "knows no parameter 'licence'"),
        ("GET", "/projects/7", "license=yes", None, "parameter license"),
        ("GET", "/projects/7/merge_requests", "state=open", None, "parameter state"),
        ("GET", "/projects/7/merge_requests/1/notes", "per_page=101", None, "parameter per_page"),
        ("GET", "/projects/7/repository/branches/a%2Fb", "", None, ""),
        ("GET", "/projects/7/repository/branches/a/b", "", None, "no such operation"),
        ("DELETE", "/projects/7", "", None, "no such operation"),
        ("POST", "/projects/7/statuses/abc", "", {"state": "pending", "name": "x"}, ""),
        ("POST", "/projects/7/statuses/abc", "", {"state": "error", "name": "x"}, "'error' is not one of"),
        ("POST", "/projects/7/statuses/abc", "", {"state": "pending"}, "'name' is a required property"),
        ("POST", "/projects/7/statuses/abc", "", {"state": "failed", "name": "x", "sha": "y"}, "'sha' was unexpected"),
        ("POST", "/projects/7/statuses/abc", "", None, "required property"),
        ("POST", "/projects/7/repository/commits/abc/discussions", "", {"body": ""}, "body"),
        ("PUT", "/projects/7/merge_requests/1/notes/2", "", {}, "'body' is a required property"),
    ],
)
def test_requests_are_held_against_the_description(method: str, path: str, query: str, body: Any, wrong: str) -> None:
    found = description.check_request(method, path, query, body)
    assert wrong in found[0] if wrong else found == []


def test_inventions_of_the_double_are_found() -> None:
    assert description.check_answer("GET", "/projects/7", 200, {"id": 7, "color": "red"}) == [
        "get /projects/{id}: GitLab answers no field 'color'"
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/merge", ["/merge"]),
        ("done\n/close now\n", ["/close now"]),
        ("```\n/close\n```\n", []),
        ("````\n```\n/close\n````\n/merge", ["/merge"]),
        ("/etc/passwd and /x.y", []),
        ("see `/merge`", []),
    ],
)
def test_quick_actions_are_found(text: str, found: list[str]) -> None:
    assert description.quick_actions(text) == found


@needs_specs
def test_the_small_description_is_what_gitlab_publishes() -> None:
    published = json.loads((SPECS / "gitlab-openapi-v3-repaired.json").read_text())
    assert as_text(reduce(published)) == description.FILE.read_text()


@needs_specs
def test_payloads_have_what_gitlabs_schema_asks_for(gitlab: FakeGitLab, infra: FakeRepository, alice: Person) -> None:
    """The schema closes its objects over a few fields; every real payload has more, so only what it asks for counts."""
    schema = _opened(json.loads((SPECS / "gitlab-webhooks-schema.json").read_text()))
    infra.push("feature", {"a.tf": "1"}, by=alice)
    pull = infra.open_pull("feature", by=alice)
    pull.push({"a.tf": "2"})
    pull.comment("apply", alice)
    pull.merge()
    kinds = set()
    for delivery in gitlab.pending:
        kinds.add(delivery.event)
        complaints = [error.message for error in Draft7Validator(schema).iter_errors(delivery.payload)]
        assert complaints == [], delivery.event
    assert kinds == {"Push Hook", "Merge Request Hook", "Note Hook"}


def _opened(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_opened(part) for part in schema]
    if isinstance(schema, dict):
        return {key: _opened(part) for key, part in schema.items() if key != "additionalProperties"}
    return schema
