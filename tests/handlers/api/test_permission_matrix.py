"""Does every route let through exactly those who may, whatever kind of token they have, and in whatever organization?

Generated from the table of routes. A new route fails here until `permission_table.py` says what it takes, and
`permission_world.py` has something for each parameter of its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from bot.needs import Needs
from handlers.api.operations import operation_of
from handlers.api.rules import ROOMS
from handlers.bearers import bearer_asker
from tests.fakes.door_world import open_world
from tests.handlers.api.permission_table import ROLES, ROUTES, TAKES, expected
from tests.handlers.api.permission_world import PermissionWorld, related

RULES = [rule for room in ROOMS for rule in room.RULES]
REFUSALS = (401, 403, 404)
OF_ITS_STATE = "/runs/<run_id>/actions/force-execute"  # there a 403 may also speak of the run, as TFE's does
_WANTED = re.compile(r"([a-z-]+(?:/vars)?)/<(\w+)>")


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PermissionWorld]:
    with open_world(tmp_path_factory.mktemp("matrix")) as world:
        yield PermissionWorld(world)


def test_every_route_says_what_it_takes() -> None:
    routes = [f"{method} {path}" for method, path, _, _ in RULES]
    assert sorted(routes) == sorted(TAKES), "say in permission_table.py what the route takes"
    assert len(TAKES) == sum(len(routes) for routes in ROUTES.values()), "a route is there twice"
    assert all(isinstance(needs, Needs) for *_, needs in RULES)


@pytest.mark.parametrize("role", [None, *ROLES])
def test_each_role_gets_exactly_what_it_may(matrix: PermissionWorld, role: str | None) -> None:
    wrong = []
    for method, path, _, _ in RULES:
        answer = matrix.send(
            method,
            f"/api/v2{filled(matrix, path)}",
            body_of(matrix, method, path),
            query_of(matrix, path),
            matrix.tokens[role] if role else None,
        )
        assert answer.status_code < 500, (method, path, answer.text)
        kind = answer.status_code if answer.status_code in REFUSALS else 200
        if path == OF_ITS_STATE and "does not wait behind another run" in answer.text:
            kind = 200
        if kind != expected(role, TAKES[f"{method} {path}"]):
            wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, f"{role}:\n" + "\n".join(wrong)


STATE_DOORS = [
    *((method, "/api/http-state/acme/prod", takes) for method, takes in (("GET", "state: read"), ("LOCK", "lock"))),
    *(("UNLOCK", "/api/http-state/acme/prod", "lock"), ("POST", "/api/http-state/acme/prod", "state: write")),
    ("DELETE", "/api/http-state/acme/prod", "state: write"),
    ("GET", "/api/v1/terraform/state/acme/prod", "state: read"),
    *((method, "/api/v1/terraform/state/acme/prod", "state: write") for method in ("PUT", "DELETE")),
]


@pytest.mark.parametrize("role", [None, *ROLES])
def test_the_engines_doors_to_state_decide_likewise(matrix: PermissionWorld, role: str | None) -> None:
    wrong = []
    for method, path, takes in STATE_DOORS:
        if role and "run" in role and takes == "lock":
            continue  # not offered to runs, whatever they may: the queue is their lock
        answer = matrix.send(method, path, {"ID": "a lock"}, {}, matrix.tokens[role] if role else None)
        kind = answer.status_code if answer.status_code in REFUSALS else 200
        if kind != expected(role, takes):
            wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, f"{role}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("role", ROLES)
def test_a_page_of_workspaces_is_decided_as_each_of_them(matrix: PermissionWorld, role: str) -> None:
    asker = bearer_asker(matrix.services, f"Bearer {matrix.tokens[role]}")
    assert asker is not None
    elsewhere = matrix.services.workspaces.by_name(matrix.umbrella.id, "prod")
    assert elsewhere is not None
    workspaces = [matrix.prod, matrix.neighbour, elsewhere]
    assert asker.allowed_in_each(workspaces) == {each.id: asker.allowed_in(each) for each in workspaces}


@pytest.mark.parametrize("role", ["member", "owner elsewhere", "applying run elsewhere"])
def test_what_is_not_for_the_asker_is_answered_like_what_is_not_there(matrix: PermissionWorld, role: str) -> None:
    """Neither that it is there, nor where: its words name what was asked for and nothing else."""
    different, compared = [], 0
    for method, path, _, _ in RULES:
        if "<" not in path or expected(role, TAKES[f"{method} {path}"]) != 404:
            continue
        real = filled(matrix, path)
        for there in {real, real.replace(matrix.configuration_id, matrix.upload_id)}:
            names = {ident: f"nothing{n:09}" for n, ident in enumerate(re.findall(r"[a-z]-([A-Za-z0-9]{16})", there))}
            names |= {"prod": "none"} | ({"acme": "nowhere"} if "elsewhere" in role else {})
            answers = [
                matrix.send(method, f"/api/v2{asked}", {}, query_of(matrix, path), matrix.tokens[role])
                for asked in (there, _replaced(there, names))
            ]
            compared += 1
            if _replaced(answers[0].text, names) != answers[1].text:
                different.append(f"{method} {path}:\n  {answers[0].text}\n  {answers[1].text}")
    assert not different, "\n".join(different)
    assert compared > 50


def _replaced(text: str, names: dict[str, str]) -> str:
    for before, after in names.items():
        text = text.replace(before, after)
    return text


@pytest.mark.parametrize("role", ROLES)
def test_what_comes_along_is_asked_like_its_own_door(matrix: PermissionWorld, role: str) -> None:
    came: dict[str, str] = {}  # what came along → with what
    for method, path, view, _ in RULES:
        words = next((query.words for query in operation_of(view).queries if query.name == "include"), ())
        if method == "GET" and words:
            asked = {**query_of(matrix, path), "include": ",".join(words)}
            answer = matrix.send("GET", f"/api/v2{filled(matrix, path)}", None, asked, matrix.tokens[role])
            included = (answer.json or {}).get("included", ())
            came |= {each["links"]["self"]: path for each in included if "links" in each}
    doors = {link: matrix.send("GET", link, None, {}, matrix.tokens[role]) for link in came}
    closed = [f"{came[link]}: {link} {door.text[:150]}" for link, door in doors.items() if door.status_code != 200]
    assert not closed, "\n".join(closed)


def test_there_is_somebody_for_each_role(matrix: PermissionWorld) -> None:
    assert set(matrix.tokens) == set(ROLES)


def test_a_refusal_names_what_is_needed(matrix: PermissionWorld) -> None:
    run = filled(matrix, "/runs/<run_id>/actions/apply")
    answer = matrix.send("POST", f"/api/v2{run}", None, {}, matrix.tokens["read"])
    assert answer.json["errors"][0]["title"] == "forbidden"
    assert "applying runs in prod" in answer.json["errors"][0]["detail"]


def filled(matrix: PermissionWorld, path: str) -> str:
    """The path with something that is there for each of its parameters."""

    def name(found: re.Match[str]) -> str:
        before = found[1].rsplit("/", 1)[-1] if not found[1].endswith("relationships/vars") else found[1]
        if found[1] == "vars" and "/varsets/" in path:
            before = "relationships/vars"
        key = (before, found[2])
        assert key in matrix.names, f"{path}: permission_world.py has nothing for {key}"
        return f"{found[1]}/{matrix.names[key]}"

    return _WANTED.sub(name, path)


def query_of(matrix: PermissionWorld, path: str) -> dict[str, str]:
    by_name = {"filter[organization][name]": "acme", "filter[workspace][name]": "prod"}
    return {
        "/team-workspaces": {"filter[workspace][id]": matrix.prod.id},
        "/state-versions": by_name,
        "/vars": by_name,
        "/workspaces/<workspace_id>/run-triggers": {"filter[run-trigger][type]": "inbound"},
    }.get(path, {})


def body_of(matrix: PermissionWorld, method: str, path: str) -> Any:
    """What a request must say so that it is understood who and what it is about; else an empty one."""
    if method == "GET":
        return None
    prod = matrix.prod.id
    return {
        "/runs": related(workspace=prod, **{"configuration-version": matrix.configuration_id}),
        "/vars": related(workspace=prod),
        "/team-workspaces": related(workspace=prod, team=matrix.ops.id),
        "/teams/<team_id>/relationships/users": {"data": [{"type": "users", "id": "mia"}]},
    }.get(path, {})
