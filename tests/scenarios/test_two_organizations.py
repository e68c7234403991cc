"""Two organizations, each with a connection of its own, listen to one repository: its commits show both."""

from __future__ import annotations

from typing import Any

import pytest

from bot.connection import Connection
from bot.run import RunStatus
from bot.workspace import Workspace
from handlers.reactions.joining import VcsChoice, create_workspace
from tests.scenarios.talk import BROKEN, Team
from tests.scenarios.world import HELLO, World


class Both(Team):
    """acme runs the top folder, globex the folder `other`; both workspaces are called prod."""

    def __init__(self, world: World, **settings: Any) -> None:
        super().__init__(world, **settings)
        own: Connection = world.connection()
        self.globex = world.services.people.add_organization("globex", "ops@globex.test")
        connection = world.services.connections.add(
            self.globex.id, own.provider, name="theirs", http_url=own.http_url, api_url=own.api_url, token=own.token
        )
        choice = VcsChoice(connection, self.repo.full_name)
        settings = {"working_directory": "other", "trigger_prefixes": [], **settings}
        self.theirs: Workspace = create_workspace(world.services, self.globex, "prod", settings, choice)[0]

    def shown(self, commit_sha: str) -> dict[str, str]:
        self.world.wait(seconds=10)
        return {name: found.state for name, found in self.repo.statuses(commit_sha).items()}


@pytest.mark.parametrize("broken", ["main.tf", "other/main.tf"])
def test_one_red_and_one_green_are_red_together_and_each_has_its_own_status(world: World, broken: str) -> None:
    """Whoever of the two plans last: neither overwrites what the other has said."""
    both = Both(world)
    files = {"main.tf": HELLO, "other/main.tf": HELLO, broken: BROKEN}

    pull = both.open(files=files)

    red, green = ("acme", "globex") if broken == "main.tf" else ("globex", "acme")
    shown = both.shown(pull.head_sha)
    is_red = {name for name, state in shown.items() if state not in ("success", "pending")}
    assert is_red == {"runlock/plan", f"runlock/plan: {red}/prod"}
    assert shown[f"runlock/plan: {green}/prod"] == "success"
    assert "runlock/plan: prod" not in shown


def test_what_is_applied_by_one_leaves_the_other_waiting(world: World) -> None:
    """The aggregate is done only when both are; each organization is asked and answered apart."""
    both = Both(world)
    merged = both.repo.push("main", {"main.tf": HELLO, "other/main.tf": HELLO}, by=both.alice)
    world.settle()
    both.the_host_is_asked_for_two_minutes()
    ours, theirs = world.runs(both.prod)[-1], world.runs(both.theirs)[-1]
    assert {ours.status, theirs.status} == {RunStatus.PLANNED}
    assert both.shown(merged)["runlock/apply"] == "pending"

    both.say(merged, f"apply {ours.id}")

    assert world.run(ours).status is RunStatus.APPLIED
    assert world.run(theirs).status is RunStatus.PLANNED
    shown = both.shown(merged)
    assert shown["runlock/apply: acme/prod"] == "success"
    assert shown["runlock/apply: globex/prod"] == "pending"
    assert shown["runlock/apply"] == "pending"


def test_a_connection_that_nobody_uses_any_more_speaks_for_nobody(world: World) -> None:
    """The older connection's token may be gone with its organization's workspaces."""
    both = Both(world)
    world.services.workspaces.remove(both.prod.id)

    pull = both.open(files={"other/main.tf": HELLO})

    shown = both.shown(pull.head_sha)
    assert shown == {"runlock/plan": "success", "runlock/plan: prod": "success"}
    wanted = world.services.records.rows("SELECT DISTINCT connection_id FROM outbox WHERE channel = 'status'")
    theirs = world.services.repositories.get(both.theirs.repository_id or "")
    assert [row["connection_id"] for row in wanted] == [theirs.connection_id]
