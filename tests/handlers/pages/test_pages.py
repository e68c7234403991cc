"""What people see: the home page, a workspace, a run."""

from datetime import timedelta

import pytest

from bot.events import HostUser, PullRequest
from bot.manifest import Category
from bot.permissions import Level, RunsAccess, WorkspaceAccess
from bot.run import RunKind, RunStatus, Stage, TriggerReason
from handlers.pages.home_view import WORKSPACES_PER_PAGE
from tests.fakes.door_world import SHA, TWO_CHANGES, World, value

STATE = b'{"version": 4, "serial": 7, "lineage": "l", "outputs": {}, "resources": []}'


def see(world: World, path: str) -> str:
    answer = world.browser().get(path, headers={"Authorization": f"Bearer {world.token}"})
    assert answer.status_code == 200
    return answer.text


def test_home_shows_what_waits_and_how_each_workspace_is(world: World) -> None:
    one = world.workspace("one")
    waiting = world.run(one, RunStatus.PLANNED, message="Bigger disks", summary=TWO_CHANGES)
    world.run(one, message="Later")
    world.run(world.workspace("two"), RunStatus.ERRORED, message="Broken")
    world.workspace("three")
    world.services.workspaces.lock(world.services.workspaces.by_name(world.organization.id, "three").id, "grace", "")  # type: ignore[union-attr]
    text = see(world, "/app")
    assert text.index("Waiting for approval") < text.index("Bigger disks")
    assert f"/app/acme/one/runs/{waiting.id}" in text
    assert "1 to add, 0 to change, 1 to destroy" in text
    assert "Later" not in text  # the head of the queue stands for the workspace
    assert "Plan failed" in text
    assert "no runs yet" in text
    assert "locked" in text


def test_home_in_pages(world: World) -> None:
    for number in range(WORKSPACES_PER_PAGE + 1):
        world.services.workspaces.add(world.organization.id, f"workspace-{number:03}")
    last = world.services.workspaces.by_name(world.organization.id, f"workspace-{WORKSPACES_PER_PAGE}")
    assert last is not None
    world.run(last, RunStatus.PLANNED, message="Waits on the second page")
    other = world.services.people.add_organization("beta", "ops@beta.test")
    world.services.people.make_owner(other.id, world.owner.id)
    world.services.workspaces.add(other.id, "theirs")
    first, second = see(world, "/app"), see(world, "/app?page=2")
    assert "page 1 of 2" in first
    assert 'href="/app?page=2"' in first
    assert "workspace-099" in first
    assert "Waits on the second page" in first  # what waits is told first, wherever it is
    assert "theirs" not in first
    assert "workspace-099" not in second
    assert second.index("workspace-100") < second.index("beta") < second.index("theirs")
    assert 'href="/app?page=1"' in second
    for page in ("0", "x", "-1", "99999999999", ""):
        assert see(world, f"/app?page={page}") == first
    assert "There is no such page" in see(world, "/app?page=9")


def test_home_of_somebody_without_organizations(world: World) -> None:
    answer = world.browser().get("/app", headers={"Authorization": f"Bearer {world.stranger()}"})
    assert "runlock init" in answer.text


def test_workspace_page(world: World) -> None:
    workspace = world.workspace(working_directory="envs/prod", engine_version="~> 1.11.0", apply_permission="maintain")
    applied = world.run(workspace, RunStatus.APPLIED, message="The first")
    world.services.states.store(workspace.id, STATE, run_id=applied.id, commit_sha=SHA)
    head = world.run(workspace, RunStatus.PLANNED, message="The second")
    world.run(workspace, message="The third")
    world.services.workspaces.lock(workspace.id, "grace", "moving house")
    world.services.workspaces.take_hold(workspace.id, workspace.repository_id or "", 41)  # type: ignore[arg-type]
    text = see(world, "/app/acme/prod")
    for said in (
        *("by grace", "moving house", "pull request #41", "acme/infra", "main", "envs/prod", "terraform ~&gt; 1.11.0"),
        *("maintain role", "Serial", f"/app/acme/prod/runs/{applied.id}", f"/app/acme/prod/runs/{head.id}"),
        *("The first", "The second", "The third", "changes in envs/prod", "https://github.test/acme/infra/pull/41"),
    ):
        assert said in text, said


def test_workspace_page_in_pages(world: World) -> None:
    workspace = world.workspace()
    for number in range(31):
        world.run(workspace, RunStatus.APPLIED, message=f"run number {number}.")
    first, second = see(world, "/app/acme/prod"), see(world, "/app/acme/prod?page=2")
    assert "run number 30." in first
    assert "run number 0." not in first
    assert "run number 0." in second
    for page in ("0", "x", "-1", "99999999999", ""):
        assert see(world, f"/app/acme/prod?page={page}") == first
    assert "There is no such page" in see(world, "/app/acme/prod?page=9")


def test_run_page(world: World) -> None:
    workspace = world.workspace()
    variables = (
        value("region", "eu-central-1"),
        value("AWS_SECRET_ACCESS_KEY", "hunter2", sensitive=True, category=Category.ENVIRONMENT),
    )
    run = world.run(
        workspace,
        RunStatus.PLANNED,
        summary=TWO_CHANGES,
        plan_digest="beef" * 16,
        variables=variables,
        confirmed_by="bob",
    )
    world.services.timeline.add(run.id, "made by the push of 3f2a9c4 to main", "octocat")
    world.services.comments.add(run.id, "ada", "I looked at it.")
    world.stage(run, Stage.PLAN, b"Terraform v1.11.4\nPlan: 1 to add, 0 to change, 1 to destroy.\n", finished=True)
    text = see(world, f"/app/acme/prod/runs/{run.id}")
    for said in (
        *("Waiting for approval", "push to main", "octocat", run.short_digest, "beefbeefbeef", SHA[:12], "bob"),
        *("region", "eu-central-1", "AWS_SECRET_ACCESS_KEY", "sensitive", "terraform 1.11.4"),
        *("made by the push of 3f2a9c4 to main", "I looked at it.", "Plan: 1 to add", "Plan log"),
        *(f"https://github.test/acme/infra/commit/{SHA}", f"runlock apply {run.id}", "/app/acme/prod"),
    ):
        assert said in text, said
    assert "hunter2" not in text
    # What is destroyed is named before what is added.
    assert text.index("terraform_data.old") < text.index("terraform_data.new")


def test_whoever_may_not_read_variables_sees_none_in_a_run(world: World) -> None:
    workspace, services = world.workspace(), world.services
    run = world.run(workspace, RunStatus.PLANNED, variables=(value("region", "eu-central-1"),))
    mia = services.people.add_user("mia", "mia@acme.test")
    services.people.join(world.organization.id, mia.id)
    team = services.teams.add(world.organization.id, "watchers")
    services.teams.join(team.id, [mia.id])
    access = WorkspaceAccess(Level.CUSTOM, runs=RunsAccess.READ)
    services.team_access.give(team.id, workspace.id, access)
    path, headers = f"/app/acme/prod/runs/{run.id}", {"Authorization": f"Bearer {world.token_of(mia)}"}
    answer = world.browser().get(path, headers=headers)
    assert answer.status_code == 200
    assert run.short_digest in answer.text
    assert "region" not in answer.text
    assert "eu-central-1" not in answer.text
    assert "To see the variables takes the right to read them in prod." in answer.text


def test_run_page_says_the_place_in_the_queue(world: World) -> None:
    workspace = world.workspace()
    head, second, third = world.run(workspace, RunStatus.PLANNING), world.run(workspace), world.run(workspace)
    world.clock.advance(minutes=2)
    text = see(world, f"/app/acme/prod/runs/{third.id}")
    assert "3rd in queue, behind" in text
    assert f"/app/acme/prod/runs/{head.id}" in text
    assert "(planning for 2 minutes)" in text
    assert "2nd in queue" in see(world, f"/app/acme/prod/runs/{second.id}")
    assert "in queue" not in see(world, f"/app/acme/prod/runs/{head.id}")


def test_run_page_of_a_pull_request_that_waits_for_another(world: World) -> None:
    workspace = world.workspace(vcs_workflow="apply-before-merge")
    assert workspace.repository_id is not None
    pull = PullRequest(42, "Bigger disks", HostUser("7", "octocat"), SHA, "feature", "main")
    world.services.pulls.know(workspace.repository_id, pull)
    world.services.workspaces.take_hold(workspace.id, workspace.repository_id, 41)
    run = world.run(
        workspace,
        RunStatus.PLANNED_AND_SAVED,
        kind=RunKind.SAVED_PLAN,
        trigger_reason=TriggerReason.PULL_REQUEST,
        pull_number=42,
        summary=TWO_CHANGES,
    )
    text = see(world, f"/app/acme/prod/runs/{run.id}")
    for said in (
        "pull request #42",
        "Bigger disks",
        "Waits for",
        "pull request #41",
        "saved plan",
        "acme/infra/pull/42",
    ):
        assert said in text, said


@pytest.mark.parametrize("kind", list(RunKind))
@pytest.mark.parametrize("status", list(RunStatus))
def test_every_status_has_a_page_with_words(world: World, status: RunStatus, kind: RunKind) -> None:
    run = world.run(world.workspace(), status, kind=kind)
    text = see(world, f"/app/acme/prod/runs/{run.id}")
    assert f'data-live="{"no" if run.is_final else "yes"}"' in text
    assert 'class="mark"' in text  # never by colour alone


def test_a_run_whose_connection_is_gone_is_still_shown(world: World) -> None:
    workspace = world.workspace()
    run = world.run(workspace, RunStatus.APPLIED)
    world.services.workspaces.listen_to(workspace.id, None)
    world.services.connections.remove(world.services.connections.all()[0].id)
    assert "Applied" in see(world, f"/app/acme/prod/runs/{run.id}")


def test_a_live_log_can_be_followed_from_where_the_page_ends(world: World) -> None:
    run = world.run(world.workspace(), RunStatus.PLANNING)
    job_id = world.stage(run, Stage.PLAN, b"one \xc3")  # half a character
    text = see(world, f"/app/acme/prod/runs/{run.id}")
    assert 'data-offset="5"' in text
    assert 'data-complete="no"' in text
    path = text.split('data-log="')[1].split('"')[0]
    world.services.logs.append(job_id, 5, b"\xa9\n")
    assert world.browser().get(f"{path}?offset=5&limit=100").data == b"\xc3\xa9\n"


def test_of_a_long_log_the_end_is_shown(world: World) -> None:
    run = world.run(world.workspace(), RunStatus.PLANNED)
    log = b"".join(b"line %d\n" % number for number in range(60_000))
    world.stage(run, Stage.PLAN, log, finished=True)
    text = see(world, f"/app/acme/prod/runs/{run.id}")
    assert "line 59999" in text
    assert "line 1\n" not in text
    assert "The end of it" in text
    assert len(text) < 400_000


def test_an_errored_apply_of_unknown_outcome(world: World) -> None:
    workspace = world.workspace()
    run = world.run(workspace, RunStatus.ERRORED, trouble="outcome unknown", error="its runner vanished")
    text = see(world, f"/app/acme/prod/runs/{run.id}")
    assert "Outcome unknown" in text
    assert "its runner vanished" in text


def test_times_are_told_both_ways(world: World) -> None:
    run = world.run(world.workspace(), created_at=world.clock() - timedelta(hours=3))
    assert "2026-03-04 09:00:00 UTC" in see(world, f"/app/acme/prod/runs/{run.id}")
    assert "3 hours ago" in see(world, "/app/acme/prod")


def test_commit_page_shows_every_run_of_the_commit(world: World) -> None:
    one, two = world.workspace("one"), world.workspace("two")
    first = world.run(one, RunStatus.PLANNED, message="Bigger disks", summary=TWO_CHANGES)
    second = world.run(two, RunStatus.ERRORED, message="Bigger disks")
    text = see(world, f"/app/commits/{one.repository_id}/{SHA}")
    assert f"/app/acme/one/runs/{first.id}" in text
    assert f"/app/acme/two/runs/{second.id}" in text
    assert SHA in text


def test_commit_page_where_nothing_ran_says_so_and_strangers_see_nothing(world: World) -> None:
    workspace = world.workspace("one")
    path = f"/app/commits/{workspace.repository_id}/{'a' * 40}"
    assert "No workspace ran at this commit" in see(world, path)
    for token, where in ((world.stranger(), path), (world.token, "/app/commits/repo-none/abc")):
        answer = world.browser().get(where, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 404
