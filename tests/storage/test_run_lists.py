"""Lists of runs, held against all of the runs looked at one by one: whichever index leads to them, and their counts."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.run import FINAL, Run, RunKind, RunStatus, TriggerReason
from bot.run_words import Operation, operation_of, source_of
from storage.run_filter import RunFilter
from tests.fakes.door_world import World, open_world

PEOPLE = ("ada", "Octocat", "mia_1")
SHAS = ("3f2a9c41b7d0e5f6a8b9c0d1e2f3a4b5c6d7e8f9", "3f2b" + "0" * 36, "a" * 40)
MESSAGES = ("Change the network", "100% of it", "Zürich")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as found:
        yield found


def happen(world: World, chance: random.Random) -> list[Run]:
    """Runs of some workspaces, one of which is removed, at some point of their way; newest first."""
    workspaces = [world.workspace(f"w-{number}") for number in range(5)]
    runs = []
    for _ in range(60):
        run = world.run(
            chance.choice(workspaces),
            chance.choice([*RunStatus]),
            kind=chance.choice([*RunKind]),
            trigger_reason=chance.choice([*TriggerReason]),
            source=chance.choice(["", "tfe-ui"]),
            is_destroy=chance.random() < 0.2,
            created_by=chance.choice(PEOPLE),
            commit_sha=chance.choice(SHAS),
            message=chance.choice(MESSAGES),
        )
        if chance.random() < 0.3:
            moved = replace(run, status=chance.choice([*RunStatus]))
            world.services.runs.move(run, moved)
            run = moved
        runs.append(run)
    world.services.workspaces.remove(workspaces[4].id)
    return [run for run in reversed(runs) if run.workspace_id != workspaces[4].id]


def some_filter(world: World, chance: random.Random) -> RunFilter:
    workspaces = world.services.workspaces.of_organization(world.organization.id)
    facts: dict[str, Any] = {
        "visible_in": [workspace.id for workspace in chance.sample(workspaces, chance.randint(0, 3))],
        "workspace_names": [workspace.name for workspace in chance.sample(workspaces, 2)],
        "statuses": chance.choice([sorted(FINAL), [RunStatus.PLANNING], chance.sample([*RunStatus], 3), []]),
        "operations": chance.sample([*Operation], 3),
        "sources": chance.sample(["tfe-ui", "tfe-api", "tfe-configuration-version"], 2),
        "commit": chance.choice(["3f2", "3F2A9", "b"]),
        "user": chance.choice(["octo", "_", "a"]),
        "text": chance.choice(["network", "0%", "zü", "3f2a", "ADA"]),
    }
    chosen = {name: value for name, value in facts.items() if chance.random() < 0.3}
    if chance.random() < 0.3:
        return RunFilter(workspace_id=chance.choice(workspaces).id, **chosen | {"workspace_names": None})
    return RunFilter(organization_id=world.organization.id, **chosen)


def matches(world: World, wanted: RunFilter, run: Run) -> bool:
    options = world.services.runs.manifest(run.id).options
    texts = (run.id, run.message, run.commit_sha, run.created_by)
    name = world.services.workspaces.get(run.workspace_id).name
    return all(
        (
            wanted.workspace_id in (None, run.workspace_id),
            wanted.visible_in is None or run.workspace_id in wanted.visible_in,
            wanted.workspace_names is None or name in wanted.workspace_names,
            wanted.statuses is None or run.status in wanted.statuses,
            wanted.operations is None or operation_of(run, options) in wanted.operations,
            wanted.sources is None or source_of(run) in wanted.sources,
            run.commit_sha.startswith(wanted.commit.lower()),
            wanted.user.lower() in run.created_by.lower(),
            any(wanted.text.lower() in text.lower() for text in texts),
        )
    )


@pytest.mark.parametrize("few", [0, 5_000])
@pytest.mark.parametrize("several", [0, 20_000])
@pytest.mark.parametrize("few_places", [0, 100])
def test_a_page_and_its_total_are_those_of_all_runs(
    world: World, few: int, several: int, few_places: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.run_search.FEW", few)
    monkeypatch.setattr("storage.run_search.SEVERAL", several)
    monkeypatch.setattr("storage.run_search.FEW_PLACES", few_places)
    chance = random.Random(7)
    runs = happen(world, chance)
    lengths = set()
    for _ in range(150):
        wanted, offset = some_filter(world, chance), chance.choice([0, 1, 3, 12, 25])
        right = [run for run in runs if matches(world, wanted, run)]
        found, total = world.services.runs.search(wanted, limit=5, offset=offset)
        assert (found, total) == (right[offset : offset + 5], len(right)), wanted
        lengths.add(total)
    assert len(lengths) > 10  # the filters did choose


def test_what_is_counted_is_there(world: World) -> None:
    runs = happen(world, random.Random(11))
    right = Counter[tuple[str, ...]]()
    for run in runs:
        operation = operation_of(run, world.services.runs.manifest(run.id).options)
        for place in (run.workspace_id, world.organization.id):
            right[place, operation, run.status, source_of(run)] += 1
    counted = world.services.records.rows("SELECT * FROM run_counts")
    assert {tuple(row.values())[:4]: row["number"] for row in counted} == right
