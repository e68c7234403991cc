"""Runs: asked for by hand and read."""

from datetime import timedelta
from typing import Any

import pytest

from bot.permissions import Level, access_of
from bot.run import RunKind, RunStatus, Stage, TriggerReason
from bot.run_options import RunOptions
from bot.stage_words import Outcome
from bot.workspace import Workspace
from handlers.jobs import Job, Verb
from handlers.reactions.stages import StageResult, end_stage
from tests.fakes.door_world import START, TWO_CHANGES, World, git, value


def body(workspace: Workspace, version: str = "", **given: Any) -> dict[str, Any]:
    relationships: dict[str, Any] = {"workspace": {"data": {"type": "workspaces", "id": workspace.id}}}
    if version:
        relationships["configuration-version"] = {"data": {"type": "configuration-versions", "id": version}}
    attributes = {name.replace("_", "-"): v for name, v in given.items()}
    return {"data": {"type": "runs", "attributes": attributes, "relationships": relationships}}


@pytest.fixture
def joined(world: World) -> Workspace:
    """A workspace on a real repository of this machine."""
    connection, repository = world.git_connection(), world.git_repository()
    known = world.services.repositories.know(
        connection.id, world.services.host(connection).find_repository(str(repository))
    )
    return world.services.workspaces.add(world.organization.id, "prod", known.id, {"engine_version": "1.11.4"})


def head(world: World) -> str:
    return git("-C", str(world.folder / "infra.git"), "rev-parse", "main")


def test_a_run_by_hand_is_at_the_head_of_the_branch(world: World, joined: Workspace) -> None:
    world.services.variables.set(joined.id, "region", "eu")
    made = world.ask("POST", "runs", body(joined, message="Please", is_destroy=True))
    assert made.status_code == 201, made.text
    data = made.json["data"]
    assert data["type"] == "runs"
    facts = data["attributes"]
    assert (facts["status"], facts["message"], facts["is-destroy"]) == ("pending", "Please", True)
    assert (facts["source"], facts["trigger-reason"], facts["plan-only"]) == ("tfe-api", "manual", False)
    assert facts["commit-sha"] == head(world)
    assert facts["terraform-version"] == "1.11.4"
    assert facts["auto-apply"] is False
    assert data["relationships"]["workspace"]["data"]["id"] == joined.id
    assert data["relationships"]["plan"]["data"]["id"] == "plan-" + data["id"].removeprefix("run-")
    assert data["relationships"]["apply"]["data"]["id"] == "apply-" + data["id"].removeprefix("run-")
    assert Job(Verb.WORK_QUEUE, joined.id) in world.enqueued
    run = world.services.runs.get(data["id"])
    assert (run.created_by, run.trigger_reason) == ("ada", TriggerReason.MANUAL)
    assert [v.value for v in world.services.runs.manifest(run.id).variables] == ["eu"]


NAMED_IN_OTHER_WAYS: list[Any] = [
    *([{"data": [{"id": "cv-1"}]}, {"data": "cv-1"}, "cv-1", {"id": "cv-1"}, []]),
    *({"data": {"id": 5}}, {"data": {"id": ""}}, {"data": {"type": "configuration-versions"}}, {"data": {}}),
]


@pytest.mark.parametrize("relationship", NAMED_IN_OTHER_WAYS)
def test_a_configuration_that_is_named_in_another_way_is_not_taken_for_none(
    world: World, joined: Workspace, relationship: Any
) -> None:
    """Else another one would be run than the one that was asked for."""
    asked = body(joined)
    asked["data"]["relationships"]["configuration-version"] = relationship
    answer = world.ask("POST", "runs", asked)
    assert answer.status_code == 400
    assert "relationships.configuration-version" in answer.json["errors"][0]["detail"]
    assert world.services.runs.of_workspace(joined.id) == []


@pytest.mark.parametrize("relationship", [None, {"data": None}, {}, {"links": {"related": "/x"}}])
def test_a_relationship_that_names_nothing(world: World, joined: Workspace, relationship: Any) -> None:
    asked = body(joined)
    asked["data"]["relationships"]["configuration-version"] = relationship
    assert world.ask("POST", "runs", asked).status_code == 201


@pytest.mark.parametrize(
    ("given", "kind", "auto_apply"),
    [
        ({}, RunKind.NORMAL, True),
        ({"auto_apply": False}, RunKind.NORMAL, False),
        ({"auto_apply": None, "refresh": True, "target_addrs": [], "variables": []}, RunKind.NORMAL, True),
        ({"plan_only": True}, RunKind.PLAN_ONLY, False),
        ({"save_plan": True, "auto_apply": True}, RunKind.SAVED_PLAN, False),
    ],
)
def test_kinds_of_runs(world: World, joined: Workspace, given: dict[str, Any], kind: RunKind, auto_apply: bool) -> None:
    world.services.workspaces.change(joined.id, {"auto_apply": True})
    made = world.ask("POST", "runs", body(joined, **given))
    assert made.status_code == 201, made.text
    run = world.services.runs.get(made.json["data"]["id"])
    assert (run.kind, run.auto_apply) == (kind, auto_apply)


def test_auto_apply_may_be_asked_for(world: World, joined: Workspace) -> None:
    made = world.ask("POST", "runs", body(joined, auto_apply=True))
    assert made.json["data"]["attributes"]["auto-apply"] is True


def test_a_run_of_a_configuration_that_is_there(world: World, joined: Workspace) -> None:
    first = world.ask("POST", "runs", body(joined)).json["data"]
    old = head(world)
    work = world.folder / "infra-work"
    (work / "more.tf").write_text("")
    git("-C", str(work), "add", ".")
    git("-C", str(work), "commit", "--quiet", "-m", "Second")
    git("-C", str(work), "push", "--quiet", str(world.folder / "infra.git"), "main")
    assert head(world) != old
    version = first["relationships"]["configuration-version"]["data"]["id"]
    again = world.ask("POST", "runs", body(joined, version))
    assert again.json["data"]["attributes"]["commit-sha"] == old
    newest = world.ask("POST", "runs", body(joined))
    assert newest.json["data"]["attributes"]["commit-sha"] == head(world)
    shown = world.ask(
        "GET",
        f"runs/{again.json['data']['id']}",
        query_string={"include": "configuration-version.ingress-attributes,plan,apply"},
    )
    kinds = {found["type"]: found["attributes"] for found in shown.json["included"]}
    assert kinds["configuration-versions"]["status"] == "uploaded"
    assert kinds["configuration-versions"]["speculative"] is False
    assert kinds["ingress-attributes"]["commit-sha"] == old
    assert set(kinds) == {"plans", "applies", "configuration-versions", "ingress-attributes"}


def test_a_workspace_may_forbid_to_destroy_everything(world: World, joined: Workspace) -> None:
    forbid = {"data": {"type": "workspaces", "attributes": {"allow-destroy-plan": False}}}
    changed = world.ask("PATCH", f"workspaces/{joined.id}", forbid)
    assert changed.json["data"]["attributes"]["allow-destroy-plan"] is False
    answer = world.ask("POST", "runs", body(joined, is_destroy=True))
    assert answer.status_code == 422
    assert "allow-destroy-plan" in answer.json["errors"][0]["detail"]
    assert world.ask("POST", "runs", body(joined)).status_code == 201


def test_only_what_waits_behind_another_run_goes_before_it(world: World, joined: Workspace) -> None:
    alone = world.run(joined)
    assert world.ask("POST", f"runs/{alone.id}/actions/force-execute", {}).status_code == 403


@pytest.mark.parametrize("name", ["allow-empty-apply", "allow-config-generation"])
def test_an_option_is_kept_with_the_run_and_shown(world: World, joined: Workspace, name: str) -> None:
    made = world.ask("POST", "runs", body(joined, **{name: True}))
    assert made.status_code == 201, made.text
    assert made.json["data"]["attributes"][name] is True
    ordinary = world.ask("POST", "runs", body(joined))
    assert ordinary.json["data"]["attributes"][name] is False


def test_who_may_not_apply_may_not_have_an_empty_plan_applied(world: World, joined: Workspace) -> None:
    services = world.services
    user, team = services.people.add_user("pat", "pat@acme.test"), services.teams.add(world.organization.id, "planners")
    services.people.join(world.organization.id, user.id)
    services.teams.join(team.id, [user.id])
    services.team_access.give(team.id, joined.id, access_of(Level.PLAN))
    planner = world.token_of(user)
    answer = world.ask("POST", "runs", body(joined, allow_empty_apply=True), token=planner)
    assert answer.status_code == 422
    assert "takes permission to apply in prod" in answer.json["errors"][0]["detail"]
    assert services.runs.recent() == []
    assert world.ask("POST", "runs", body(joined), token=planner).status_code == 201


@pytest.mark.parametrize(("asked_for", "ends"), [(True, RunStatus.CONFIRMED), (False, RunStatus.PLANNED_AND_FINISHED)])
def test_a_plan_without_changes_is_applied_where_that_was_asked_for(
    world: World, joined: Workspace, asked_for: bool, ends: RunStatus
) -> None:
    asked = {"created_by": "ada", "created_by_id": world.owner.id}
    run = world.run(joined, RunStatus.PLANNING, options=RunOptions(allows_empty_apply=asked_for), **asked)
    job = world.services.jobs.get(world.stage(run, Stage.PLAN))
    end_stage(world.services, job, StageResult(Outcome.SUCCEEDED, exit_code=0, has_changes=False))
    assert world.services.runs.get(run.id).status is ends


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"refresh_only": True, "is_destroy": True}, "not both"),
        ({"refresh_only": True, "refresh": False}, "does nothing"),
        ({"refresh_only": True, "replace_addrs": ["a.b"]}, "replaces nothing"),
        ({"is_destroy": True, "allow_config_generation": True}, "imports nothing"),
        ({"target_addrs": ["a.b\n-destroy"]}, "one line"),
        ({"target_addrs": ["a"] * 1001}, "at most 1000"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    world: World, joined: Workspace, given: dict[str, Any], reason: str
) -> None:
    answer = world.ask("POST", "runs", body(joined, **given))
    assert answer.status_code == 422
    assert reason in answer.json["errors"][0]["detail"]
    assert world.services.runs.recent() == []


def test_a_run_is_locked_to_the_options_that_it_was_asked_with(world: World, joined: Workspace) -> None:
    given = {"refresh": False, "target_addrs": ["a.b"], "replace_addrs": ["a.c"]}
    variables = [{"key": "greeting", "value": '"moin"'}]
    answer = world.ask("POST", "runs", body(joined, **given, variables=variables))
    assert answer.status_code == 201
    attributes = answer.json["data"]["attributes"]
    assert (attributes["refresh"], attributes["target-addrs"], attributes["replace-addrs"]) == (False, ["a.b"], ["a.c"])
    manifest = world.services.runs.manifest(answer.json["data"]["id"])
    assert manifest.options.arguments() == ["-refresh=false", "-target=a.b", "-replace=a.c"]
    assert [(each.key, each.value, each.hcl) for each in manifest.variables] == [("greeting", '"moin"', True)]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("", "1", "a variable's key has letters"),
        ("a b", "1", "a variable's key has letters"),
        ("-x", "1", "a variable's key has letters"),
        ("x", "[1", "is not one complete value: a ] is missing"),
        ("x", "moin", ""),
    ],
)
def test_a_variable_that_a_run_would_fail_with(
    world: World, joined: Workspace, key: str, value: str, words: str
) -> None:
    answer = world.ask("POST", "runs", body(joined, variables=[{"key": key, "value": value}]))
    if not words:
        assert answer.status_code == 201  # whether that is a value is for the engine to say
        return
    assert answer.status_code == 422
    assert words in answer.json["errors"][0]["detail"]
    assert world.services.runs.recent() == []


def test_a_run_shows_its_own_variables_and_no_others(world: World, joined: Workspace) -> None:
    services = world.services
    services.variables.set(joined.id, "region", "eu")
    services.variables.set(joined.id, "size", "small")
    services.variables.set(joined.id, "password", "hunter2", sensitive=True)
    zone = {"type": "vars", "attributes": {"key": "zone", "value": "b", "category": "terraform"}}
    of_set = {"workspaces": {"data": [{"type": "workspaces", "id": joined.id}]}, "vars": {"data": [zone]}}
    priority = {"type": "varsets", "attributes": {"name": "rules", "priority": True}, "relationships": of_set}
    assert world.ask("POST", "organizations/acme/varsets", {"data": priority}).status_code == 201
    given = {"size": '"large"', "password": '"letmein"', "zone": '"a"', "more": "[1]"}
    asked = [{"key": key, "value": text} for key, text in given.items()]
    made = world.ask("POST", "runs", body(joined, variables=asked))
    expected = [{"key": "more", "value": "[1]"}, {"key": "password", "value": ""}, {"key": "size", "value": '"large"'}]
    run_id = made.json["data"]["id"]
    for answer in (made, world.ask("GET", f"runs/{run_id}")):
        assert answer.json["data"]["attributes"]["variables"] == expected
    frozen = {each.key: (each.value, each.sensitive) for each in services.runs.manifest(run_id).variables}
    assert frozen["password"] == ('"letmein"', True)  # so that the log doesn't show it either
    assert (frozen["size"], frozen["zone"]) == (('"large"', False), ("b", False))


def test_runs_that_cannot_be(world: World, joined: Workspace) -> None:
    alone = world.services.workspaces.add(world.organization.id, "alone")
    assert world.ask("POST", "runs", {}).status_code == 422
    assert world.ask("POST", "runs", body(alone)).status_code == 422
    assert world.ask("POST", "runs", body(joined, "cv-nothing")).status_code == 422
    world.services.workspaces.change(joined.id, {"branch": "nowhere"})
    answer = world.ask("POST", "runs", body(joined))
    assert answer.status_code == 422
    assert "nowhere" in answer.json["errors"][0]["detail"]
    assert world.ask("POST", "runs", body(joined), token=world.stranger()).status_code == 404
    assert world.services.runs.recent() == []


def test_a_runs_document_tells_its_state(world: World) -> None:
    workspace = world.workspace()
    times = {"plan_queued": START, "planning": START + timedelta(seconds=1)}
    run = world.run(workspace, RunStatus.PLANNED, times=times, summary=TWO_CHANGES, plan_digest="ab" * 32)
    data = world.ask("GET", f"runs/{run.id}").json["data"]
    facts = data["attributes"]
    assert facts["status"] == "planned"
    assert facts["has-changes"] is True
    assert facts["actions"] == {
        "is-cancelable": False,
        "is-confirmable": True,
        "is-discardable": True,
        "is-force-cancelable": False,
    }
    assert facts["permissions"]["can-apply"] is True
    assert facts["position-in-queue"] == 1
    assert facts["manifest-digest"] == run.manifest_digest
    assert facts["plan-digest"] == "ab" * 32
    assert facts["created-at"] == "2026-03-04T12:00:00.000000Z"
    stamps = facts["status-timestamps"]
    assert set(stamps) == {"plan-queueable-at", "plan-queued-at", "planning-at", "planned-at"}
    assert all(text.endswith("Z") for text in stamps.values())


def test_manifest_values_are_not_in_the_document(world: World) -> None:
    run = world.run(world.workspace(), variables=(value("password", "hunter2", sensitive=True),))
    assert "hunter2" not in world.ask("GET", f"runs/{run.id}").text


@pytest.mark.parametrize("status", list(RunStatus))
@pytest.mark.parametrize("kind", list(RunKind))
def test_every_status_has_a_document(world: World, status: RunStatus, kind: RunKind) -> None:
    run = world.run(world.workspace(), status, kind=kind, forced=status is RunStatus.CANCELED)
    answer = world.ask("GET", f"runs/{run.id}", query_string={"include": "plan,apply,workspace"})
    assert answer.json["data"]["attributes"]["status"] == status.value
    stages = {f["type"]: f["attributes"]["status"] for f in answer.json["included"] if f["type"] != "workspaces"}
    known = {"pending", "queued", "running", "finished", "errored", "canceled", "unreachable"}
    assert set(stages.values()) <= known
    if run.is_final:
        assert not set(stages.values()) & {"pending", "queued", "running"}


def test_the_timeline_is_the_run_events(world: World) -> None:
    run = world.run(world.workspace())
    world.services.timeline.add(run.id, "made by the push of 3f2a9c4 to main", "octocat")
    world.services.timeline.add(run.id, "planning on runner r1")
    found = world.ask("GET", f"runs/{run.id}/run-events").json["data"]
    assert [event["attributes"]["description"] for event in found] == [
        "made by the push of 3f2a9c4 to main by octocat",
        "planning on runner r1",
    ]
    assert len({event["id"] for event in found}) == 2


def test_a_local_workspace_is_refused_before_any_host_is_asked(world: World) -> None:
    """The host of this workspace does not exist: asking it would take its time and answer 503."""
    workspace = world.workspace("w", execution_mode="local")
    answer = world.ask("POST", "runs", body(workspace))
    assert answer.status_code == 422
    assert "execution-mode local" in answer.json["errors"][0]["detail"]
    assert world.services.hosts == {}
    assert world.services.runs.of_workspace(workspace.id) == []
