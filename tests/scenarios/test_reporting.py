"""Saved first, then said: what a host must be told becomes true there, once, whatever its answers (invariant 8)."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from bot.connection import Provider
from bot.run import RunStatus
from handlers.jobs import Job, Verb
from handlers.reactions import sending
from handlers.reactions.decisions import discard
from handlers.services import Services
from storage.outbox import WRITES_OF_ONE_REPOSITORY, Channel, Wanted
from tests.scenarios.fates import PushToApply, minutes_pass
from tests.scenarios.world import HELLO, World


class Pushed:
    """A push to the branch of a workspace, of which nothing was told yet."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.host: Any = world.host
        self.repo = self.host.create_repository("acme/infra", files={"main.tf": HELLO})
        self.alice = self.host.person("alice", role="write", repo=self.repo)
        self.prod = world.workspace("prod", self.repo)
        world.settle()

    def push(self, text: str = "# more\n") -> str:
        return str(self.repo.push("main", {"more.tf": text}, by=self.alice))

    def is_told(self, sha: str, state: str = "success") -> bool:
        found = self.repo.statuses(sha).get("runlock/plan")
        return found is not None and found.state == state

    def our_comments(self, sha: str) -> list[str]:
        return [comment.body for comment in self.repo.comments_on(sha) if comment.author != self.alice]


def outbox_is_empty(services: Services) -> bool:
    return not services.records.value("SELECT count(*) FROM outbox WHERE sent_version < version")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_host_that_loses_a_fifth_of_its_answers(world: World, seed: int) -> None:
    """Invariant 8: no comment is doubled, none is missing, and the statuses end right."""
    story = PushToApply(world)
    host: Any = world.host
    host.drop_answers(0.2, seed)

    story.tell()
    minutes_pass(world, 12)

    assert host.trouble.dropped > 0
    story.check_its_end()
    assert outbox_is_empty(world.services)


def test_a_comment_whose_answer_was_lost_is_adopted(world: World) -> None:
    """Invariant 8: found by its marker, and edited from then on."""
    told = Pushed(world)
    sha = told.push()
    world.settle()
    told.host.trouble.lost.append(("POST", re.compile("comments|notes|discussions")))

    minutes_pass(world, 6)

    assert told.host.trouble.dropped == 1
    (comment,) = told.our_comments(sha)
    assert "waits for approval" in comment


def test_somebody_elses_copy_of_our_marker_is_not_adopted(github_world: World) -> None:
    """Invariant 8: a marker is signed over the place where it stands; one from elsewhere is no use."""
    told = Pushed(github_world)
    first = told.push("# one\n")
    minutes_pass(github_world, 4)
    github_world.enqueue(discard(github_world.services, github_world.only_run().id, "alice"))
    stolen = told.our_comments(first)[0]
    second = told.push("# two\n")
    github_world.settle()
    told.repo.comment_on(second, f"me too {stolen[stolen.rindex('<!--') :]}", told.alice)
    told.host.fail_next("comments", 502, method="POST")
    minutes_pass(github_world, 6)

    assert len(told.our_comments(second)) == 1
    assert all(c.body.startswith("me too") for c in told.repo.comments_on(second) if c.author is told.alice)


def test_a_deleted_comment_is_made_anew(world: World) -> None:
    """Invariant 8: the desired state is that it stands there."""
    told = Pushed(world)
    told.repo.push("feature", {"more.tf": "# more\n"}, by=told.alice)
    pull = told.repo.open_pull("feature", by=told.alice)
    minutes_pass(world, 1)
    (living,) = pull.comments
    living.delete()

    pull.push({"more.tf": "# and more\n"})
    minutes_pass(world, 1)

    (again,) = pull.comments
    assert again.id != living.id
    assert pull.head_sha[:7] in again.body


@pytest.mark.parametrize(
    "limit",
    [
        {"headers": {"Retry-After": "90"}, "message": "You have exceeded a secondary rate limit."},
        {"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "{in_90}"}, "message": "API rate limit"},
    ],
)
def test_a_rate_limit_is_honoured_by_everybody(github_world: World, limit: dict[str, Any]) -> None:
    """Invariant 8: nothing is written before the time that the host named, not even what is wanted later."""
    told = Pushed(github_world)
    other = told.host.create_repository("acme/other", files={"main.tf": HELLO})
    github_world.workspace("other", other)
    minutes_pass(github_world, 2)
    in_90 = str(int((told.host.now + timedelta(seconds=90)).timestamp()))
    headers = {name: value.format(in_90=in_90) for name, value in limit["headers"].items()}
    told.host.fail_next("/statuses/", 403, headers, method="POST", message=limit["message"])
    sha = told.push()
    github_world.settle()
    before = len(told.host.exchanges)

    second = other.push("main", {"more.tf": "# more\n"}, by=told.alice)
    github_world.wait(seconds=80)
    written = [e for e in told.host.exchanges[before:] if e.method != "GET"]
    assert written == []

    github_world.wait(seconds=15)
    assert told.is_told(sha)
    assert other.statuses(second)["runlock/plan"].state == "success"


@pytest.mark.parametrize("status", [401, 403, 404, 422])
def test_what_the_host_refuses_for_good_is_told_on_the_run(github_world: World, status: int) -> None:
    """Invariant 8: it is not lost; the run says it once, and when the host takes it again, it is true there."""
    told = Pushed(github_world)
    minutes_pass(github_world, 1)
    told.host.fail_next("/statuses/", status, method="POST", message="No.", times=10_000)
    sha = told.push()

    minutes_pass(github_world, 5)

    (run,) = github_world.runs()
    assert run.status is RunStatus.PLANNED
    said = [line for line in github_world.timeline(run).splitlines() if "could not be told" in line]
    assert said
    assert str(status) in said[0]
    assert max(Counter(said).values()) < 10
    attempts = len(told.host.requests_to("/statuses/", "POST"))
    minutes_pass(github_world, 5)
    assert len(told.host.requests_to("/statuses/", "POST")) == attempts  # an hour apart, not a minute

    told.host.trouble.failures.clear()
    github_world.wait(minutes=65)
    assert told.is_told(sha)


def test_news_that_comes_while_the_old_is_being_sent(github_world: World) -> None:
    """Invariant 8: only the newest counts, and it is not taken for sent."""
    told = Pushed(github_world)
    sha = told.push()
    github_world.settle()
    services = github_world.services
    lane = f"{github_world.repository().id}/commit/{sha}"
    (row,) = services.records.rows("SELECT * FROM outbox WHERE slot = 'runlock/plan'")
    content = {"commit_sha": sha, "description": "old", "target_url": "http://x.test/1", "pull_number": None}
    wishes = ("pending", "failure")

    def want(state: str) -> None:
        services.outbox.want(
            row["connection_id"],
            row["repository_id"],
            lane,
            Channel.STATUS,
            "runlock/plan",
            {**content, "state": state},
        )

    want(wishes[0])
    host = services.host(github_world.connection())
    really_post = host.post_status

    def post_status(*arguments: Any, **more: Any) -> None:
        really_post(*arguments, **more)
        host.post_status = really_post  # type: ignore[method-assign]
        want(wishes[1])

    host.post_status = post_status  # type: ignore[method-assign]
    github_world.do(Job(Verb.SEND, lane))

    assert told.repo.statuses(sha)["runlock/plan"].state == "failure"


def test_a_wish_that_ends_every_sender_does_not_hold_back_the_others(
    github_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 8: its try is noted before it is made, and the next one is put off."""
    told = Pushed(github_world)
    really_send = sending._send_one

    def dies(services: Services, wanted: Wanted) -> None:
        if wanted.slot == "runlock/plan":
            raise MemoryError
        really_send(services, wanted)

    monkeypatch.setattr(sending, "_send_one", dies)
    sha = told.push()
    for _ in range(4):
        try:
            minutes_pass(github_world, 1)
        except MemoryError:
            github_world.restart()

    assert told.repo.statuses(sha)["runlock/plan: prod"].state == "success"
    assert "runlock/plan" not in told.repo.statuses(sha)


def test_the_token_of_an_app_is_renewed_before_it_ends(github_world: World) -> None:
    """Invariant 8: a server that runs for days speaks as an App all the time."""
    host: Any = github_world.host
    app = host.create_app()
    connection = github_world.services.connections.add(
        github_world.organization().id,
        Provider.GITHUB_APP,
        name="the app",
        http_url=host.url,
        api_url=host.api_url,
        app_id=str(app.id),
        private_key=app.private_key,
        app_webhook_secret=app.webhook_secret,
    )
    app.webhook_url = f"{github_world.address}/webhooks/apps/{connection.id}"
    repo = host.create_repository("acme/infra", files={"main.tf": HELLO})
    host.install(repo)
    github_world.workspace("prod", repo)
    github_world.settle()

    for number in range(3):
        sha = repo.push("main", {"more.tf": f"# {number}\n"})
        minutes_pass(github_world, 1)
        run = github_world.runs()[-1]
        assert run.commit_sha == sha
        github_world.wait(minutes=58)

    assert [e for e in host.exchanges if e.status == 401] == []
    assert len(host.requests_to("/access_tokens", "POST")) >= 3


def test_a_push_to_three_hundred_workspaces(github_world: World) -> None:
    """Invariant 8: within 80 writes a minute, and another repository is told meanwhile."""
    told = Pushed(github_world)
    github_world.is_runner_there = False
    services = github_world.services
    repository = github_world.repository()
    with services.records.write():
        for number in range(299):
            services.workspaces.add(github_world.organization().id, f"w{number}", repository.id)
    other = told.host.create_repository("acme/other", files={"main.tf": HELLO})
    github_world.workspace("other", other)
    github_world.settle()
    told.host.trouble.writes_a_minute = 80
    for number in range(150):  # as many things to say as a day of pull requests brings
        lane = f"{repository.id}/commit/{number:040d}"
        content = {
            "commit_sha": told.repo.head(),
            "state": "success",
            "description": "d",
            "target_url": "http://x.test",
        }
        services.outbox.want(
            repository.connection_id, repository.id, lane, Channel.STATUS, f"runlock/plan: {number}", content
        )
        github_world.enqueue([Job(Verb.SEND, lane)])

    sha = told.push()
    there = other.push("main", {"more.tf": "# more\n"}, by=told.alice)
    github_world.settle()

    assert len(github_world.runs()) == 301
    assert "runlock/plan" in other.statuses(there)  # in the first minute
    assert len(told.repo.all_statuses) == WRITES_OF_ONE_REPOSITORY
    github_world.wait(seconds=62)
    github_world.wait(seconds=62)
    github_world.wait(seconds=62)
    assert told.repo.statuses(sha)["runlock/plan"].state == "pending"
    assert [e for e in told.host.exchanges if e.status == 403] == []
    assert outbox_is_empty(services)
