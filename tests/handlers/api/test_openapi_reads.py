"""What each rule reads of a query and of a body is what its description says, no less and no more.

Each rule is asked twice: with all that it takes, and with as little as it can do with. What the views look up meanwhile
is written down. What is inside of an attribute or of a listed resource is not followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Request
from werkzeug.datastructures import ImmutableMultiDict

from bot.run import RunStatus, Stage
from handlers.api import logs, requests, run_lists
from handlers.api.openapi_components import body_name
from handlers.api.operations import ENTRIES, Operation, Query, operation_of
from handlers.api.requests import Body
from handlers.api.rules import RULES
from handlers.api.schemas.bodies import BODIES, Taken
from handlers.api.workspace_search import NOT_HERE
from tests.fakes.described import validator
from tests.fakes.door_world import World, open_world
from tests.handlers.api.full_requests import REFUSED, FullRequests
from tests.handlers.api.permission_world import PermissionWorld
from tests.handlers.api.test_permission_matrix import body_of, filled, query_of

READ_TO_BE_REFUSED = {
    "GET /organizations/<organization>/workspaces": {NOT_HERE},
    "GET /organizations/<organization>/runs": set(run_lists.NOT_HERE),
    "GET /workspaces/<workspace_id>/runs": set(run_lists.NOT_HERE),
}
ROUTES = {f"{method} {path}": operation_of(view) for method, path, view, _ in RULES}


@dataclass
class Reads:
    """What was looked up since the beginning."""

    query: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    relationships: set[str] = field(default_factory=set)

    def args(self) -> type[ImmutableMultiDict[str, str]]:
        noted = self.query

        class Noting(ImmutableMultiDict[str, str]):
            def __getitem__(self, key: str) -> str:
                noted.add(key)
                return super().__getitem__(key)

            def __contains__(self, key: object) -> bool:
                noted.add(str(key))
                return super().__contains__(key)

            def getlist(self, key: str, *more: Any, **named: Any) -> list[Any]:
                noted.add(key)
                return super().getlist(key, *more, **named)

        return Noting

    def body(self, attributes: Any = None, relationships: Any = None) -> Body:
        return Body(noting(attributes or {}, self.attributes), noting(relationships or {}, self.relationships))


def noting(found: dict[str, Any], noted: set[str]) -> dict[str, Any]:
    class Noting(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            noted.add(key)
            return super().__getitem__(key)

        def get(self, key: str, default: Any = None) -> Any:
            noted.add(key)
            return super().get(key, default)

        def __contains__(self, key: object) -> bool:
            noted.add(str(key))
            return super().__contains__(key)

    return Noting(found)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullRequests]:
    with open_world(tmp_path_factory.mktemp("reads")) as world:
        yield FullRequests(PermissionWorld(world))


@pytest.fixture
def reads(full: FullRequests, monkeypatch: pytest.MonkeyPatch) -> Reads:
    found = Reads()

    class Noted(Request):
        parameter_storage_class = found.args()

    monkeypatch.setattr(full.matrix.world.app, "request_class", Noted)
    monkeypatch.setattr(requests, "Body", found.body)
    return found


@pytest.mark.parametrize("route", ROUTES)
def test_a_rule_reads_what_it_is_described_to_read(full: FullRequests, reads: Reads, route: str) -> None:
    operation, (method, _, path) = ROUTES[route], route.partition(" ")
    address = f"/api/v2{filled(full.matrix, path)}".replace(full.matrix.prod.id, full.workspace_of(route))
    needed, least = query_of(full.matrix, path), body_of(full.matrix, method, path)
    body = all_of(full, operation, path) if operation.takes else least
    answer = full.matrix.send(method, address, body, {**filled_query(operation), **needed}, full.token(route))
    full.matrix.send(method, address, least, needed, full.token(route))
    if operation.takes or operation.queries:
        assert answer.status_code == REFUSED.get(route, operation.status), answer.text
    assert reads.query - READ_TO_BE_REFUSED.get(route, set()) == {query.name for query in operation.queries}
    taken = BODIES.get(operation.takes, Taken(""))
    assert reads.attributes == set(taken.attributes)
    assert reads.relationships == {*taken.relations, *taken.lists}


@pytest.mark.parametrize("takes", BODIES)
def test_a_full_request_is_described(full: FullRequests, takes: str) -> None:
    validator(body_name(takes)).validate(full.body(takes))


def test_every_body_is_taken_by_a_rule() -> None:
    assert {operation.takes for operation in ROUTES.values()} == {"", ENTRIES, *BODIES}


def test_a_log_reads_from_where_and_how_much(world: World) -> None:
    """The one address without a token that has a query."""
    run = world.run(world.workspace(), RunStatus.PLANNING)
    world.stage(run, Stage.PLAN, b"0123456789")
    reads = Reads()

    class Noted(Request):
        parameter_storage_class = reads.args()

    world.app.request_class = Noted
    address = world.ask("GET", f"runs/{run.id}/plan").json["data"]["attributes"]["log-read-url"]
    assert world.browser().get(urlsplit(address).path, query_string={"offset": 1, "limit": 3}).status_code == 200
    assert reads.query == {query.name for query in operation_of(logs.read).queries}


def all_of(full: FullRequests, operation: Operation, path: str) -> dict[str, Any]:
    return full.entries(path) if operation.takes == ENTRIES else full.body(operation.takes)


def filled_query(operation: Operation) -> dict[str, str]:
    return {query.name: value_of(query) for query in operation.queries}


def value_of(query: Query) -> str:
    """All that there is to include; else the first word that makes sense, or any."""
    if query.name == "include":
        return ",".join(query.words)
    return query.words[0] if query.words else "1"
