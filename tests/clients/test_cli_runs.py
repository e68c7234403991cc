"""Somebody plans and applies with the real `terraform`: the run is the server's, the terminal theirs."""

import json
import re

import pytest

from bot.run import RunStatus
from tests.clients.conftest import Desk, wait_for

SLOW = """
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "sleep 30"
  }
}
"""


def test_a_plan_says_what_would_be_done(ready_desk: Desk) -> None:
    said = ready_desk.terminal.run("plan", "-no-color").ok()

    assert "Plan: 2 to add, 0 to change, 0 to destroy." in said.text
    assert f"/app/{ready_desk.organization.name}/prod/runs/run-" in said.text
    assert "Do you want to perform these actions" not in said.text


def test_an_apply_asks_and_takes_yes(ready_desk: Desk) -> None:
    said = ready_desk.terminal.run("apply", "-no-color", answer="yes\n").ok()

    assert 'Do you want to perform these actions in workspace "prod"?' in said.text
    assert "Apply complete! Resources: 2 added, 0 changed, 0 destroyed." in said.text


def test_what_was_approved_beforehand_is_confirmed_in_their_name(ready_desk: Desk) -> None:
    ready_desk.terminal.run("apply", "-no-color", "-auto-approve").ok()

    services, owner = ready_desk.server.services, f"{ready_desk.organization.name}-owner"
    workspace = services.workspaces.by_name(ready_desk.organization.id, "prod")
    assert workspace is not None
    (run,) = services.runs.of_workspace(workspace.id)
    assert (run.status.value, run.confirmed_by) == ("applied", owner)
    assert f"confirmed, since {owner} asked for it with the run" in [m.text for m in services.timeline.of(run.id)]


def test_anything_but_yes_discards_the_run(ready_desk: Desk) -> None:
    said = ready_desk.terminal.run("apply", "-no-color", answer="no\n")

    assert said.code == 1
    assert "Apply discarded" in said.text
    runs = ready_desk.server.services.runs
    workspace = ready_desk.server.services.workspaces.by_name(ready_desk.organization.id, "prod")
    assert workspace is not None
    assert [run.status.value for run in runs.of_workspace(workspace.id)] == ["discarded"]


def test_the_exit_code_tells_changes_from_none(ready_desk: Desk) -> None:
    terminal = ready_desk.terminal
    assert terminal.run("plan", "-no-color", "-detailed-exitcode").code == 2
    terminal.run("apply", "-no-color", "-auto-approve").ok()
    said = terminal.run("plan", "-no-color", "-detailed-exitcode")
    assert (said.code, "No changes." in said.text) == (0, True), said.text

    (terminal.work / "main.tf").write_text((terminal.work / "main.tf").read_text() + "\nresource {\n")
    assert terminal.run("plan", "-no-color", "-detailed-exitcode").code == 1


def test_variables_from_the_command_line_are_this_runs_alone(ready_desk: Desk) -> None:
    terminal = ready_desk.terminal
    awkward = 'a"b$${c} %%{d} ${e}\\f'  # the CLI writes it as an HCL text, where only `$${` isn't a template
    terminal.run("apply", "-no-color", "-auto-approve", "-var", f"greeting={awkward}").ok()
    assert terminal.run("output", "-no-color", "-raw", "greeting").ok().text == awkward

    terminal.run("apply", "-no-color", "-auto-approve").ok()
    assert terminal.run("output", "-no-color", "-raw", "greeting").ok().text == "hello"


def test_a_workspaces_variable_is_what_the_run_gets(ready_desk: Desk) -> None:
    services = ready_desk.server.services
    workspace = services.workspaces.by_name(ready_desk.organization.id, "prod")
    assert workspace is not None
    services.variables.set(workspace.id, "greeting", "servus")
    ready_desk.terminal.run("apply", "-no-color", "-auto-approve").ok()
    assert ready_desk.terminal.run("output", "-no-color", "-raw", "greeting").ok().text == "servus"


def test_only_what_is_targeted_is_planned(ready_desk: Desk) -> None:
    said = ready_desk.terminal.run("plan", "-no-color", "-target=terraform_data.two").ok()
    assert "Plan: 1 to add, 0 to change, 0 to destroy." in said.text
    assert "terraform_data.one" not in said.text


def test_what_is_to_be_replaced_is_replaced(ready_desk: Desk) -> None:
    terminal = ready_desk.terminal
    terminal.run("apply", "-no-color", "-auto-approve").ok()
    said = terminal.run("plan", "-no-color", "-replace=terraform_data.two").ok()
    assert "Plan: 1 to add, 0 to change, 1 to destroy." in said.text


def test_a_refresh_only_run_changes_no_resource(ready_desk: Desk) -> None:
    terminal = ready_desk.terminal
    terminal.run("apply", "-no-color", "-auto-approve").ok()
    terminal.write(terminal.cloud(ready_desk.organization.name, 'name = "prod"'), "")

    # Outputs alone are nothing that Terraform would apply ("Cannot apply non-applyable plan"), and it says so.
    said = terminal.run("plan", "-no-color", "-refresh-only", "-detailed-exitcode")
    assert said.code == 0, said.text
    assert "Changes to Outputs:" in said.text
    assert "will be destroyed" not in said.text

    said = terminal.run("apply", "-no-color", "-refresh-only", "-auto-approve").ok()
    assert "Error" not in said.text
    assert terminal.run("state", "list").ok().text.split() == ["terraform_data.one", "terraform_data.two"]
    workspace = ready_desk.server.services.workspaces.by_name(ready_desk.organization.id, "prod")
    assert workspace is not None
    newest = ready_desk.server.services.runs.of_workspace(workspace.id)[0]
    assert (newest.status.value, newest.has_changes) == ("planned_and_finished", False)


def test_a_saved_plan_is_applied_once(ready_desk: Desk) -> None:
    terminal = ready_desk.terminal
    terminal.run("plan", "-no-color", "-out=plan.file").ok()
    bookmark = json.loads((terminal.work / "plan.file").read_text())
    assert set(bookmark) == {"remote_plan_format", "run_id", "hostname"}

    assert "Plan: 2 to add" in terminal.run("show", "-no-color", "plan.file").ok().text
    said = terminal.run("apply", "-no-color", "plan.file").ok()
    assert "Apply complete! Resources: 2 added" in said.text

    again = terminal.run("apply", "-no-color", "plan.file")
    assert again.code == 1, again.text


def test_a_saved_plan_that_was_overtaken_is_refused(ready_desk: Desk) -> None:
    terminal = ready_desk.terminal
    terminal.run("plan", "-no-color", "-out=plan.file").ok()
    terminal.run("apply", "-no-color", "-auto-approve").ok()
    said = terminal.run("apply", "-no-color", "plan.file")
    assert said.code == 1, said.text


def test_a_saved_plan_that_is_overtaken_while_it_waits_ends_at_once(
    ready_desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two others are before it. The first one's apply changes the state; the second one then waits for an answer."""
    others = [ready_desk.colleague(tmp_path_factory.mktemp("other")) for _ in range(2)]
    for number, other in enumerate(others):
        with open(other.work / "main.tf", "a") as file:
            file.write(f'resource "terraform_data" "other_{number}" {{}}\n')
        other.run("init", "-no-color").ok()
    ready_desk.terminal.run("plan", "-no-color", "-out=plan.file").ok()
    first = others[0].start("apply", "-no-color")
    first.wait_for("Enter a value:")
    second = others[1].start("apply", "-no-color")
    second.wait_for("Waiting for 1 run(s)")
    saved = ready_desk.terminal.start("apply", "-no-color", "plan.file")
    services = ready_desk.server.services
    workspace = services.workspaces.by_name(ready_desk.organization.id, "prod")
    assert workspace is not None
    wait_for(lambda: any(run.status is RunStatus.CONFIRMED for run in services.runs.unfinished(workspace.id)))

    first.type("yes")
    first.end().ok()
    said = saved.end(seconds=20)

    assert said.code == 1, said.text
    assert re.search(r"the state of prod has changed since run-\w+ was planned; plan again", said.text), said.text
    second.wait_for("Enter a value:")
    second.type("no")
    second.end()


def test_a_saved_plan_is_not_approved_under_somebodys_lock(ready_desk: Desk) -> None:
    services, terminal = ready_desk.server.services, ready_desk.terminal
    workspace = services.workspaces.by_name(ready_desk.organization.id, "prod")
    assert workspace is not None
    terminal.run("plan", "-no-color", "-out=plan.file").ok()
    services.workspaces.lock(workspace.id, "ada", "hands off")

    said = terminal.run("apply", "-no-color", "plan.file", seconds=20)
    assert said.code == 1, said.text
    assert "prod is locked by User ada (hands off): apply it once that is unlocked" in said.text

    services.workspaces.unlock(workspace.id)
    assert "Apply complete!" in terminal.run("apply", "-no-color", "plan.file").ok().text


def test_destroy_takes_everything_away(ready_desk: Desk) -> None:
    terminal = ready_desk.terminal
    terminal.run("apply", "-no-color", "-auto-approve").ok()
    said = terminal.run("destroy", "-no-color", "-auto-approve").ok()
    assert "Apply complete! Resources: 0 added, 0 changed, 2 destroyed." in said.text
    assert terminal.state()["resources"] == []


def test_ctrl_c_in_a_plan_lets_the_run_go_on(ready_desk: Desk) -> None:
    running = ready_desk.terminal.start("plan", "-no-color")
    running.wait_for("Running plan in")
    running.press_ctrl_c()
    assert running.end().code == 1


def test_ctrl_c_in_an_apply_asks_and_cancels(ready_desk: Desk) -> None:
    terminal = ready_desk.terminal
    terminal.write(terminal.cloud(ready_desk.organization.name, 'name = "prod"'), SLOW)
    running = terminal.start("apply", "-no-color")
    running.wait_for("Enter a value:")
    running.type("yes")
    running.wait_for("terraform_data.slow: Creating...")
    running.press_ctrl_c()
    running.wait_for("Do you want to cancel the remote operation?")
    running.type("yes")
    said = running.end()
    assert "The remote operation was successfully cancelled." in said.text
    assert said.code == 0


def test_a_second_person_waits_and_is_told_for_whom(ready_desk: Desk, tmp_path_factory) -> None:  # type: ignore[no-untyped-def]
    colleague = ready_desk.colleague(tmp_path_factory.mktemp("colleague"))
    colleague.run("init", "-no-color").ok()
    first = ready_desk.terminal.start("apply", "-no-color")
    first.wait_for("Enter a value:")
    second = colleague.start("apply", "-no-color")
    second.wait_for("Waiting for 1 run(s) to finish before being queued...")
    first.type("yes")
    assert "Apply complete!" in first.end().ok().text

    second.wait_for("No changes.")
    assert second.end().code == 0


def test_a_lock_holds_applies_back_and_lets_plans_through(ready_desk: Desk) -> None:
    services, terminal = ready_desk.server.services, ready_desk.terminal
    workspace = services.workspaces.by_name(ready_desk.organization.id, "prod")
    assert workspace is not None
    services.workspaces.lock(workspace.id, "ada", "hands off")

    assert "Plan: 2 to add" in terminal.run("plan", "-no-color").ok().text
    said = terminal.run("apply", "-no-color", "-lock-timeout=4s", "-auto-approve").ok()
    assert "Waiting for the manually locked workspace to be unlocked..." in said.text
    assert "Lock timeout exceeded" in said.text
    assert "The remote operation was successfully cancelled." in said.text


def test_without_a_prompt_the_run_waits_for_somebody(ready_desk: Desk) -> None:
    said = ready_desk.terminal.run("apply", "-no-color", "-input=false")
    assert said.code == 1
    assert "confirm" in said.text.lower()
    workspace = ready_desk.server.services.workspaces.by_name(ready_desk.organization.id, "prod")
    assert workspace is not None
    assert [run.status.value for run in ready_desk.server.services.runs.of_workspace(workspace.id)] == ["planned"]
