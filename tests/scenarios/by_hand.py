"""Who writes a state by hand, and how? Somebody with a token, by every door that a state comes in by."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

from werkzeug.test import TestResponse

from bot.run import Run, RunStatus
from handlers.jobs import Job, Verb
from storage.tokens import TokenKind
from tests.fakes.states import a_state
from tests.scenarios.talk import ANY_BASE, Team
from tests.scenarios.world import World

QUIET = 6  # seconds after which nobody is expected to write once more


class Hand(Team):
    """olga has a token and moves things about in the state of prod, which has serial 4."""

    def __init__(self, world: World, **settings: Any) -> None:
        super().__init__(world, **{**ANY_BASE, **settings})
        people = world.services.people
        olga = people.add_user("olga", "olga@acme.test")
        people.make_owner(world.organization().id, olga.id)
        self.token = world.services.tokens.give(TokenKind.USER, olga.id, "for the story")
        first = world.services.states.store(self.prod.id, a_state(4), run_id=None)
        assert first is not None
        self.first_id = first.id
        self.serial = 4

    def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None, **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {token or self.token}", **more.pop("headers", {})}
        data = json.dumps(body).encode() if body is not None else more.pop("data", None)
        answer = self.world._app.test_client().open(path, method=method, headers=headers, data=data, **more)
        assert answer.status_code < 300, answer.text
        return answer

    def next_state(self) -> bytes:
        self.serial += 1
        return a_state(self.serial)

    def lock(self) -> None:
        self.ask("POST", f"/api/v2/workspaces/{self.prod.id}/actions/lock")

    def unlock(self) -> None:
        self.ask("POST", f"/api/v2/workspaces/{self.prod.id}/actions/unlock")

    def create(self, raw: bytes, *, announced_only: bool = False) -> TestResponse:
        """A version through the API, as the `cloud` block makes it, under a lock."""
        facts = {
            "serial": json.loads(raw)["serial"],
            "md5": hashlib.md5(raw, usedforsecurity=False).hexdigest(),
            "lineage": "lineage-1",
        }
        if not announced_only:
            facts["state"] = base64.b64encode(raw).decode()
        document = {"data": {"type": "state-versions", "attributes": facts}}
        return self.ask("POST", f"/api/v2/workspaces/{self.prod.id}/state-versions", document)

    def upload(self, raw: bytes) -> None:
        made = self.create(raw, announced_only=True)
        address = made.get_json()["data"]["attributes"]["hosted-state-upload-url"]
        self.ask("PUT", urlsplit(address).path, data=raw)

    @property
    def http(self) -> str:
        return f"/api/http-state/acme/{self.prod.name}"

    def over_http(self, raw: bytes, token: str | None = None) -> None:
        """Without a lock, as `-lock=false` has it."""
        self.ask("POST", self.http, data=raw, token=token)

    def jobs(self) -> list[Job]:
        """Those that were there to plan again, done or waiting."""
        waiting = [job for _, job in self.world.later]
        return [job for job in [*self.world.done, *self.world.jobs, *waiting] if job.verb is Verb.PLAN_AGAIN]

    def of(self, pull: Any) -> list[Run]:
        return [run for run in self.world.runs() if run.pull_number == pull.number]

    def statuses(self, pull: Any) -> list[RunStatus]:
        return [run.status for run in self.of(pull)]

    def is_current(self, run: Run) -> bool:
        return run.planned_on == self.world.services.workspaces.get(self.prod.id).current_state_version_id


def through_the_api(hand: Hand) -> None:
    hand.lock()
    hand.create(hand.next_state())
    hand.unlock()


def by_an_announced_upload(hand: Hand) -> None:
    hand.lock()
    hand.upload(hand.next_state())
    hand.unlock()


def by_a_rollback(hand: Hand) -> None:
    hand.lock()
    version = {"type": "state-versions", "id": hand.first_id}
    document = {"data": {"type": "state-versions", "relationships": {"rollback-state-version": {"data": version}}}}
    hand.ask("PATCH", f"/api/v2/workspaces/{hand.prod.id}/state-versions", document)
    hand.unlock()


def over_the_http_backend(hand: Hand) -> None:
    held = {"ID": "lock-1", "Operation": "OperationTypeInvalid", "Who": "olga@laptop"}
    hand.ask("LOCK", hand.http, held)
    hand.ask("POST", f"{hand.http}?ID=lock-1", data=hand.next_state())
    hand.ask("UNLOCK", hand.http, held)


def without_a_lock(hand: Hand) -> None:
    hand.over_http(hand.next_state())


def over_the_atlas_backend(hand: Hand) -> None:
    hand.ask("PUT", f"/api/v1/terraform/state/acme/{hand.prod.name}", data=hand.next_state())


def by_taking_it_away(hand: Hand) -> None:
    hand.ask("DELETE", hand.http)


def by_taking_it_away_over_atlas(hand: Hand) -> None:
    hand.ask("DELETE", f"/api/v1/terraform/state/acme/{hand.prod.name}")


WAYS = (
    through_the_api,
    by_an_announced_upload,
    by_a_rollback,
    over_the_http_backend,
    without_a_lock,
    over_the_atlas_backend,
    by_taking_it_away,
    by_taking_it_away_over_atlas,
)
