"""The versions of Terraform that a site has registered: for its admins only, and with consequences for workspaces."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from bot.run import RunStatus, Stage
from storage.configuration_versions import Upload
from storage.engine_versions import MOST_VERSIONS
from tests.fakes.door_world import World

ALL = "admin/terraform-versions"
URL, SHA = "https://mirror.test/terraform_1.9.8_linux_amd64.zip", "ab" * 32
ARM = {"url": "https://mirror.test/arm.zip", "sha": "cd" * 32, "os": "linux", "arch": "arm64"}
AMD = {"url": URL, "sha": SHA, "os": "linux", "arch": "amd64"}


@pytest.fixture
def site(world: World) -> World:
    """The world's owner is a site admin too."""
    world.services.people.make_site_admin(world.owner.id, is_one=True)
    return world


def sent(attributes: dict[str, Any]) -> dict[str, Any]:
    return {"data": {"type": "terraform-versions", "attributes": attributes}}


def register(world: World, version: str = "1.9.8", **attributes: Any) -> str:
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    answer = world.ask("POST", ALL, sent({"version": version, **named}))
    assert answer.status_code == 201, answer.text
    ident: str = answer.json["data"]["id"]
    return ident


def detail(answer: TestResponse, status: int = 422) -> str:
    assert answer.status_code == status, answer.text
    found: str = answer.json["errors"][0]["detail"]
    return found


def versions(world: World, query: str = "") -> list[str]:
    answer = world.ask("GET", f"{ALL}{query}")
    assert answer.status_code == 200, answer.text
    return [each["attributes"]["version"] for each in answer.json["data"]]


def test_a_version_from_its_registration_to_its_end(site: World) -> None:
    answer = site.ask("POST", ALL, sent({"version": "1.9.8", "url": URL, "sha": SHA.upper()}))
    assert answer.status_code == 201
    made = answer.json["data"]
    assert made["id"].startswith("tool-")
    assert made["type"] == "terraform-versions"
    assert made["attributes"] == {
        "version": "1.9.8",
        "url": URL,
        "sha": SHA,
        "official": False,
        "enabled": True,
        "beta": False,
        "deprecated": False,
        "deprecated-reason": None,
        "usage": 0,
        "created-at": "2026-03-04T12:00:00.000000Z",
        "archs": [AMD],
    }
    path = made["links"]["self"].removeprefix("/api/v2/")
    assert site.ask("GET", path).json["data"] == made
    changes = {"beta": True, "deprecated": True, "deprecated-reason": "it leaks\n  memory"}
    changed = site.ask("PATCH", path, sent(changes)).json["data"]["attributes"]
    assert changed == {**made["attributes"], **changes, "deprecated-reason": "it leaks memory"}
    again = site.ask("PATCH", path, sent({"deprecated": False})).json["data"]["attributes"]
    assert (again["deprecated-reason"], again["beta"], again["url"]) == (None, True, URL)
    assert site.ask("DELETE", path).status_code == 204
    assert site.ask("GET", path).status_code == 404
    assert versions(site) == []


def test_archives_for_each_platform(site: World) -> None:
    ident = register(site, archs=[ARM, AMD])
    path = f"{ALL}/{ident}"
    shown = site.ask("GET", path).json["data"]["attributes"]
    assert (shown["archs"], shown["url"], shown["sha"]) == ([AMD, ARM], URL, SHA)
    moved = site.ask("PATCH", path, sent({"url": f"{URL}?2"})).json["data"]["attributes"]
    assert moved["archs"] == [{**AMD, "url": f"{URL}?2"}, ARM]
    only = site.ask("PATCH", path, sent({"archs": [ARM]})).json["data"]["attributes"]
    assert (only["archs"], only["url"], only["sha"]) == ([ARM], None, None)
    both = site.ask("PATCH", path, sent({"archs": [ARM, AMD], "url": URL, "sha": SHA})).json["data"]["attributes"]
    assert both["archs"] == [AMD, ARM]
    assert site.ask("PATCH", path, sent({"archs": []})).json["data"]["attributes"]["archs"] == []


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({}, "three numbers"),
        ({"version": "1.9"}, "three numbers"),
        ({"version": "../../bin"}, "three numbers"),
        ({"version": "1.9.8-ours"}, "three numbers"),
        ({"version": "١.٩.٨"}, "three numbers"),
        ({"version": 1.9}, "three numbers"),
        ({"url": URL}, "SHA-256"),
        ({"sha": SHA}, "url begins with"),
        ({"url": URL, "sha": "ab"}, "64 hex digits"),
        ({"url": "file:///etc/passwd", "sha": SHA}, "url begins with"),
        ({"url": "https://", "sha": SHA}, "url begins with"),
        ({"url": "https://a b/", "sha": SHA}, "url begins with"),
        ({"url": "http://[::1", "sha": SHA}, "url begins with"),
        ({"url": "https://me:secret@mirror.test/", "sha": SHA}, "no user and no password"),
        ({"url": f"https://mirror.test/{'a' * 2000}", "sha": SHA}, "2000 characters"),
        ({"archs": [{**ARM, "arch": "mips"}]}, "linux/amd64 and linux/arm64"),
        ({"archs": [{**ARM, "os": "windows"}]}, "linux/amd64 and linux/arm64"),
        ({"archs": [{"os": "linux", "arch": "arm64", "url": URL}]}, "the texts os, arch, url, sha"),
        ({"archs": [{**ARM, "sha": None}]}, "the texts os, arch, url, sha"),
        ({"archs": [ARM, ARM]}, "one archive for each"),
        ({"archs": [ARM] * 21}, "the texts"),
        ({"archs": [AMD], "url": URL, "sha": "00" * 32}, "not those of linux/amd64"),
        ({"deprecated-reason": "old"}, "a version that is deprecated"),
        ({"deprecated": True, "deprecated-reason": "a" * 1001}, "at most 1000"),
        ({"deprecated": True, "deprecated-reason": "\x1b[31m"}, "deprecated-reason is"),
    ],
)
def test_what_can_not_be_is_refused(site: World, attributes: dict[str, Any], reason: str) -> None:
    version = {} if "version" in attributes or not attributes else {"version": "1.9.8"}
    assert reason in detail(site.ask("POST", ALL, sent({**version, **attributes})))
    assert versions(site) == []


@pytest.mark.parametrize("attributes", [{"enabled": "no"}, {"archs": {}}, {"archs": ["a"]}, {"url": 1}, {"sha": []}])
def test_what_is_of_another_kind_can_not_be_read(site: World, attributes: dict[str, Any]) -> None:
    assert site.ask("POST", ALL, sent({"version": "1.9.8", **attributes})).status_code == 422


def test_a_version_is_registered_once_however_it_is_written(site: World) -> None:
    first = register(site, "1.9.0-rc1")
    for written in ("1.9.0-rc1", "v1.9.0-rc1", "1.9.0-rc.1"):
        assert "registered already" in detail(site.ask("POST", ALL, sent({"version": written})))
    second = register(site, "1.9.0")
    assert "registered already" in detail(site.ask("PATCH", f"{ALL}/{second}", sent({"version": "1.9.0-rc1"})))
    assert site.ask("PATCH", f"{ALL}/{first}", sent({"version": "1.9.0-rc1", "beta": True})).status_code == 200


def test_the_list_is_of_versions_and_comes_in_pages(site: World) -> None:
    for version in ("1.9.8", "1.10.0", "1.9.10", "1.10.0-rc2", "0.11.14", "1.10.0-beta1"):
        register(site, version)
    ordered = ["1.10.0", "1.10.0-rc2", "1.10.0-beta1", "1.9.10", "1.9.8", "0.11.14"]
    assert versions(site) == ordered
    assert versions(site, "?page[size]=2&page[number]=2") == ordered[2:4]
    assert versions(site, "?filter[version]=1.10.0") == ["1.10.0"]
    assert versions(site, "?filter[version]=1.1") == []
    assert versions(site, "?search[version]=1.9.") == ["1.9.10", "1.9.8"]
    assert versions(site, "?search[version]=1.9.&filter[version]=0.11.14") == [
        "0.11.14"
    ]  # TFE's: the filter goes first
    assert versions(site, "?search[version]=&filter[version]=") == ordered
    meta = site.ask("GET", f"{ALL}?search[version]=1.10&page[size]=2").json["meta"]["pagination"]
    assert (meta["total-count"], meta["total-pages"]) == (3, 2)


def test_there_are_only_so_many(site: World) -> None:
    with site.services.records.write() as database:
        database.execute(
            """WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
               INSERT INTO engine_versions SELECT 'tool-' || n, '1.0.' || n, n, '[]', 0, 1, 0, 0, '', '2026-01-01Z'
               FROM numbers""",
            (MOST_VERSIONS,),
        )
    assert "at most 1000" in detail(site.ask("POST", ALL, sent({"version": "1.9.8"})))


def test_usage_counts_the_workspaces_that_are_set_to_exactly_it(site: World) -> None:
    ident = register(site)
    wishes = ("1.9.8", "v1.9.8", "= 1.9.8", "~> 1.9.0", ">= 1.9.8", "1.9.7", "")
    for number, wanted in enumerate(wishes):
        site.workspace(f"ws-{number}", engine_version=wanted)
    site.workspace("tofu", engine="tofu", engine_version="1.9.8")
    shown = site.ask("GET", f"{ALL}/{ident}").json["data"]["attributes"]
    assert shown["usage"] == 3
    assert site.ask("GET", ALL).json["data"][0]["attributes"]["usage"] == 3


def test_what_is_used_is_not_removed(site: World) -> None:
    path = f"{ALL}/{register(site)}"
    workspace = site.workspace("prod", engine_version="1.9.8")
    assert "1 workspace is set to Terraform 1.9.8" in detail(site.ask("DELETE", path))
    assert "1 workspace is set" in detail(site.ask("PATCH", path, sent({"version": "1.9.9"})))
    site.services.workspaces.change(workspace.id, {"engine_version": "~> 1.9.0"})
    run = site.run(workspace, RunStatus.PLANNED)
    job = site.services.jobs.get(site.stage(run, Stage.PLAN))
    assert site.services.jobs.keep_engine(job, "terraform", "1.9.8")
    assert f"{run.id} was begun with Terraform 1.9.8" in detail(site.ask("DELETE", path))
    site.run(workspace, RunStatus.APPLIED)
    with site.services.records.write() as database:
        database.execute("UPDATE runs SET status = 'applied' WHERE id = ?", (run.id,))
    assert site.ask("DELETE", path).status_code == 204


def test_an_official_version_is_disabled_not_removed(site: World) -> None:
    path = f"{ALL}/{register(site, official=True)}"
    assert "disable it instead" in detail(site.ask("DELETE", path))
    assert site.ask("PATCH", path, sent({"enabled": False})).json["data"]["attributes"]["enabled"] is False


@pytest.mark.parametrize("written", ["1.9.8", "v1.9.8", "= 1.9.8"])
def test_a_disabled_version_can_not_be_chosen(site: World, written: str) -> None:
    register(site, enabled=False, deprecated=True, deprecated_reason="CVE-2026-1")
    made = sent({"name": "new", "terraform-version": written})
    reason = "Terraform 1.9.8 is disabled on this site (CVE-2026-1); choose another version"
    assert detail(site.ask("POST", "organizations/acme/workspaces", made)) == reason
    assert site.services.workspaces.by_name(site.organization.id, "new") is None
    prod = f"workspaces/{site.workspace('prod').id}"
    assert detail(site.ask("PATCH", prod, sent({"terraform-version": written}))) == reason
    for fine in ("1.9.7", "~> 1.9.0", "latest"):
        assert site.ask("PATCH", prod, sent({"terraform-version": fine})).status_code == 200


def test_a_workspace_that_had_it_before_can_be_changed_in_other_ways(site: World) -> None:
    workspace = site.workspace("prod", engine_version="1.9.8")
    register(site, enabled=False)
    path = f"workspaces/{workspace.id}"
    assert site.ask("PATCH", path, sent({"auto-apply": True})).status_code == 200
    assert "disabled" in detail(site.ask("PATCH", path, sent({"terraform-version": "1.9.8"})))


def test_only_terraforms_versions_are_meant(site: World) -> None:
    register(site, enabled=False)
    workspace = site.workspace("prod", engine="tofu", engine_version="1.9.8")
    path = f"workspaces/{workspace.id}"
    assert site.ask("PATCH", path, sent({"terraform-version": "1.9.8"})).status_code == 200
    assert site.services.workspaces.get(workspace.id).engine_version == "1.9.8"


def test_a_run_that_somebody_asks_for_is_refused(site: World) -> None:
    workspace = site.workspace("prod", engine_version="1.9.8")
    site.services.workspaces.listen_to(workspace.id, None)
    version = site.services.configurations.expect(workspace.id, Upload("tfe-api", "ada"))
    site.services.configurations.uploaded(version.id, site.services.blobs.put(b"an archive"))
    asked = {"data": {"relationships": {"workspace": {"data": {"type": "workspaces", "id": workspace.id}}}}}
    ident = register(site, enabled=False)
    assert "Terraform 1.9.8 is disabled on this site" in detail(site.ask("POST", "runs", asked))
    assert site.services.runs.of_workspace(workspace.id) == []
    site.ask("PATCH", f"{ALL}/{ident}", sent({"enabled": True}))
    assert site.ask("POST", "runs", asked).status_code == 201


def test_nobody_else_learns_that_it_is_there(world: World) -> None:
    assert world.ask("GET", ALL).status_code == 404  # the owner of an organization is nothing on the site
    assert world.app.test_client().get(f"/api/v2/{ALL}").status_code == 401
    world.services.people.make_site_admin(world.owner.id, is_one=True)
    assert world.ask("GET", ALL).status_code == 200
    world.services.people.make_site_admin(world.owner.id, is_one=False)
    assert world.ask("GET", ALL).status_code == 404  # at once: no token remembers it


def test_ones_own_account_says_so(site: World) -> None:
    assert site.ask("GET", "account/details").json["data"]["attributes"]["is-site-admin"] is True
    stranger = site.stranger()
    shown = site.ask("GET", "account/details", token=stranger).json["data"]["attributes"]
    assert shown["is-site-admin"] is False
    assert "is-site-admin" not in site.ask("GET", f"users/{site.owner.id}").json["data"]["attributes"]
