"""An address for an upload is no right: whoever got it must still be allowed when the upload comes (invariant 13)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from bot.permissions import Level, access_of
from bot.team import Team
from storage.people import User
from storage.tokens import TokenKind
from tests.fakes.door_world import World
from tests.fakes.uploads import MAIN, archive, runs_of, shown, upload
from tests.handlers.api.state_world import Prod, a_state, said


@dataclass
class Site:
    """prod, where the team ops may write; bea is in it."""

    prod: Prod
    ops: Team
    bea: User
    grant_id: str
    tokens: dict[str, str]

    @property
    def world(self) -> World:
        return self.prod.world

    def expected(self, who: str, **attributes: Any) -> dict[str, Any]:
        document = {"data": {"type": "configuration-versions", "attributes": attributes}}
        path = f"{self.prod.path}/configuration-versions"
        found: dict[str, Any] = self.world.ask("POST", path, document, token=self.tokens[who]).json["data"]
        return found

    def put_state(self, told: dict[str, str], what: str, raw: bytes) -> TestResponse:
        return self.prod.put(told[f"hosted-{what}-upload-url"], raw)


@pytest.fixture
def site(world: World) -> Site:
    services, prod = world.services, Prod(world)
    bea = services.people.add_user("bea", "bea@acme.test")
    services.people.join(world.organization.id, bea.id)
    ops = services.teams.add(world.organization.id, "ops")
    services.teams.join(ops.id, [bea.id])
    grant = services.team_access.give(ops.id, prod.workspace.id, access_of(Level.WRITE))
    tokens = {"bea": world.token_of(bea), "team ops": services.tokens.give(TokenKind.TEAM, ops.id, "")}
    return Site(prod, ops, bea, grant.id, tokens)


def _leaves_the_organization(site: Site) -> None:
    people = site.world.services.people
    membership = people.membership_of(site.world.organization.id, site.bea.id)
    assert membership is not None
    people.leave(membership)


def _the_team_loses_its_access(site: Site) -> None:
    site.world.services.team_access.remove(site.grant_id)


def _the_team_may_only_read(site: Site) -> None:
    site.world.services.team_access.remove(site.grant_id)
    site.world.services.team_access.give(site.ops.id, site.prod.workspace.id, access_of(Level.READ))


def _the_team_is_removed(site: Site) -> None:
    site.world.services.teams.remove(site.ops.id)


def _the_tokens_are_removed(site: Site) -> None:
    tokens = site.world.services.tokens
    for kind, holder in ((TokenKind.USER, site.bea.id), (TokenKind.TEAM, site.ops.id)):
        for token in tokens.of(kind, holder, limit=9)[0]:
            tokens.remove(token.id)


LOSSES = [
    ("bea", _leaves_the_organization),
    ("bea", _the_team_loses_its_access),
    ("bea", _the_team_may_only_read),
    ("bea", _the_tokens_are_removed),
    ("team ops", _the_team_loses_its_access),
    ("team ops", _the_team_is_removed),
    ("team ops", _the_tokens_are_removed),
]
whoever = pytest.mark.parametrize("who", ["bea", "team ops"])
loses = pytest.mark.parametrize(("who", "happens"), LOSSES)


@whoever
def test_who_may_still_plan_gets_a_run(site: Site, who: str) -> None:
    assert upload(site.world, site.expected(who), archive(("main.tf", MAIN))).status_code == 200
    (run,) = runs_of(site.world, site.prod.workspace)
    assert run.created_by == who


@loses
@pytest.mark.parametrize("queued", [True, False])
def test_a_configuration_of_somebody_who_may_not_any_more(
    site: Site, who: str, happens: Callable[[Site], None], queued: bool
) -> None:
    version = site.expected(who, **{"auto-queue-runs": queued})
    blobs = site.prod.blobs()
    happens(site)
    answer = upload(site.world, version, archive(("main.tf", MAIN)))

    assert answer.status_code == 403
    assert said(answer) == f"{who}, who asked for this upload, may not make runs in prod any more"
    found = shown(site.world, version)
    assert (found["status"], found["error-message"]) == ("errored", said(answer))
    assert runs_of(site.world, site.prod.workspace) == []
    assert site.prod.blobs() == blobs


@whoever
def test_who_may_still_write_states_does(site: Site, who: str) -> None:
    site.prod.lock(site.tokens[who])
    told = site.prod.announce(a_state(1), token=site.tokens[who])
    assert site.put_state(told, "state", a_state(1)).status_code == 200
    assert site.put_state(told, "json-state", b"{}").status_code == 200
    assert site.prod.current() == a_state(1)


@loses
def test_a_state_of_somebody_who_may_not_any_more(site: Site, who: str, happens: Callable[[Site], None]) -> None:
    site.prod.lock(site.tokens[who])
    told = site.prod.announce(a_state(1), token=site.tokens[who])
    blobs = site.prod.blobs()
    happens(site)
    for what, raw in (("json-state", b"{}"), ("state", a_state(1))):
        answer = site.put_state(told, what, raw)
        assert answer.status_code == 403
        assert said(answer) == f"{who}, who announced {told['id']}, may not write states in prod now"
    assert site.prod.current() is None
    assert site.prod.blobs() == blobs


def test_it_is_asked_again_when_the_bytes_are_there(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is lost while they come is lost in time: it is asked in the transaction that keeps the state."""
    site.prod.lock(site.tokens["bea"])
    told = site.prod.announce(a_state(1), token=site.tokens["bea"])
    intake = site.world.services.states.intake
    receive = intake.receive

    def loses_meanwhile(*arguments: Any, **named: Any) -> Any:
        received = receive(*arguments, **named)
        _the_team_loses_its_access(site)
        return received

    monkeypatch.setattr(intake, "receive", loses_meanwhile)
    assert site.put_state(told, "state", a_state(1)).status_code == 403
    assert site.prod.current() is None
