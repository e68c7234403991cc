"""Where a configuration came from: everything that is known of its commit and its event, in TFE's words."""

from typing import Any

import pytest

from bot.connection import Provider
from bot.events import HostRepository, HostUser, PullRequest
from bot.ids import BlobId
from bot.run import TriggerReason
from bot.workspace import Workspace
from storage.run_origins import RunOrigin
from tests.fakes.door_world import SHA, World

BASE = "b" * 40
HTML = "https://github.test/acme/infra"
TITLE = "Bigger disks"
BODY = "Because they are full.\r\n\r\n<script>alert(1)</script>"


def fetched(world: World, workspace: Workspace) -> str:
    assert workspace.repository_id is not None
    found = world.services.configurations.add(
        workspace.repository_id, SHA, submodules=False, blob_id=BlobId("b"), message="Grow\n\nmore", author="Ada L."
    )
    return found.id


def ingress(world: World, version_id: str) -> dict[str, Any]:
    """Its attributes, the same alone, included in the configuration version, in the list and in a run."""
    alone = world.ask("GET", f"configuration-versions/{version_id}/ingress-attributes").json["data"]
    shown = world.ask("GET", f"configuration-versions/{version_id}?include=ingress_attributes").json
    assert shown["included"] == [alone]
    related = shown["data"]["relationships"]["ingress-attributes"]
    assert related["data"] == {"type": alone["type"], "id": alone["id"]}
    assert related["links"]["related"].endswith(f"/{version_id}/ingress-attributes")
    run = world.services.runs.origins_of_each([version_id]).get(version_id)
    assert run is not None
    listed = f"workspaces/{run.workspace_id}/configuration-versions?include=ingress-attributes"
    assert world.ask("GET", listed).json["included"] == [alone]
    of_run = world.ask("GET", f"runs/{run.id}?include=configuration_version.ingress_attributes").json["included"]
    assert of_run == [shown["data"], alone]
    attributes: dict[str, Any] = alone["attributes"]
    return attributes


def test_of_a_push(world: World) -> None:
    workspace = world.workspace()
    version = fetched(world, workspace)
    run = world.run(workspace, configuration_version_id=version, created_by="octocat")
    world.services.origins.add(run.id, RunOrigin(BASE, "https://github.test/octocat", "https://avatars.test/u/7?v=4"))
    assert ingress(world, version) == {
        "identifier": "acme/infra",
        "clone-url": f"{HTML}.git",
        "commit-sha": SHA,
        "commit-message": "Grow\n\nmore",
        "commit-url": f"{HTML}/commit/{SHA}",
        "compare-url": f"{HTML}/compare/{BASE}...{SHA}",
        "branch": "main",
        "tag": None,
        "on-default-branch": True,
        "is-pull-request": False,
        "pull-request-number": None,
        "pull-request-url": None,
        "pull-request-title": None,
        "pull-request-body": None,
        "sender-username": "octocat",
        "sender-html-url": "https://github.test/octocat",
        "sender-avatar-url": "https://avatars.test/u/7?v=4",
    }


NOTHING_TO_SHOW = [
    RunOrigin(),
    RunOrigin("0" * 40, "javascript:alert(1)", "file:///etc/passwd"),  # a new branch; no addresses to be opened
    RunOrigin("0" * 64, "//github.test/octocat", "/uploads/avatar.png"),
]


@pytest.mark.parametrize("origin", NOTHING_TO_SHOW)
def test_what_the_event_did_not_say_is_null(world: World, origin: RunOrigin) -> None:
    workspace = world.workspace()
    version = fetched(world, workspace)
    run = world.run(workspace, configuration_version_id=version)
    world.services.origins.add(run.id, origin)
    found = ingress(world, version)
    assert [found[name] for name in ("compare-url", "sender-html-url", "sender-avatar-url")] == [None] * 3


def test_of_a_pull_request(world: World) -> None:
    workspace = world.workspace()
    assert workspace.repository_id is not None
    version = fetched(world, workspace)
    facts: dict[str, Any] = {"trigger_reason": TriggerReason.PULL_REQUEST, "branch": "feature", "base_sha": BASE}
    world.run(workspace, configuration_version_id=version, pull_number=41, created_by="grace", **facts)
    expected = {
        "is-pull-request": True,
        "pull-request-number": 41,
        "pull-request-url": f"{HTML}/pull/41",
        "pull-request-title": None,
        "compare-url": f"{HTML}/compare/{BASE}...{SHA}",
        "branch": "feature",
        "on-default-branch": False,
    }
    assert expected.items() <= ingress(world, version).items()
    pull = PullRequest(
        41, TITLE, HostUser("7", "grace"), SHA, "feature", "main", html_url=f"{HTML}/pull/41#x", body=BODY
    )
    world.services.pulls.know(workspace.repository_id, pull)
    told = {"pull-request-title": TITLE, "pull-request-body": BODY, "pull-request-url": f"{HTML}/pull/41#x"}
    # Asked for again by hand: where the commit came from stays what its event said.
    by_hand = {"trigger_reason": TriggerReason.MANUAL, "source": "tfe-api", "created_by": "ada", "branch": ""}
    world.run(workspace, configuration_version_id=version, **by_hand)
    assert {**expected, **told, "sender-username": "grace"}.items() <= ingress(world, version).items()


def test_of_a_tag(world: World) -> None:
    workspace = world.workspace()
    version = fetched(world, workspace)
    world.run(workspace, configuration_version_id=version, trigger_reason=TriggerReason.TAG, tag="v1", branch="")
    found = ingress(world, version)
    assert (found["tag"], found["branch"], found["on-default-branch"]) == ("v1", "", False)


@pytest.mark.parametrize(
    ("clone_url", "shown"),
    [
        ("https://gitlab.test/acme/infra.git", "https://gitlab.test/acme/infra.git"),
        ("https://me:secret@gitlab.test/acme/infra.git", None),
        ("/srv/git/infra.git", None),
    ],
)
def test_of_gitlab_and_without_anybodys_credentials(world: World, clone_url: str, shown: str | None) -> None:
    services, html = world.services, "https://gitlab.test/acme/infra"
    connection = services.connections.add(
        world.organization.id, Provider.GITLAB, name="GitLab", http_url="https://gitlab.test", api_url="", token="t"
    )
    repository = services.repositories.know(connection.id, HostRepository("1", "acme/infra", clone_url, "main", html))
    workspace = services.workspaces.add(world.organization.id, "prod", repository.id)
    version = fetched(world, workspace)
    world.run(workspace, configuration_version_id=version, pull_number=7, base_sha=BASE)
    found = ingress(world, version)
    assert found["clone-url"] == shown
    assert found["commit-url"] == f"{html}/-/commit/{SHA}"
    assert found["compare-url"] == f"{html}/-/compare/{BASE}...{SHA}"
    assert found["pull-request-url"] == f"{html}/-/merge_requests/7"


def test_an_upload_came_from_nowhere(world: World) -> None:
    workspace = world.services.workspaces.add(world.organization.id, "alone")
    made = world.ask("POST", f"workspaces/{workspace.id}/configuration-versions").json["data"]
    assert made["relationships"]["ingress-attributes"] == {"data": None}
    shown = world.ask("GET", f"configuration-versions/{made['id']}?include=ingress-attributes").json
    assert "included" not in shown
    assert world.ask("GET", f"configuration-versions/{made['id']}/ingress-attributes").status_code == 404
