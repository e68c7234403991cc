"""A commit is pushed; it is planned, reviewed and applied."""

from bot.run import RunStatus
from tests.scenarios.world import HELLO, World


def test_a_merged_pull_request_is_planned_asked_about_and_applied(world: World) -> None:
    repo = world.host.create_repository("acme/infra", files={"README.md": "infra"})
    alice = world.host.person("alice", role="write", repo=repo)
    prod = world.workspace("prod", repo)

    repo.push("feature", {"main.tf": HELLO}, message="Say hello", by=alice)
    pull = repo.open_pull("feature", by=alice, title="Say hello")
    world.settle()

    (plan,) = world.runs()
    assert plan.status is RunStatus.PLANNED_AND_FINISHED
    assert "1 to add" in pull.comments[0].body
    assert repo.statuses(plan.commit_sha)["runlock/plan"].state == "success"
    assert "runlock/apply" not in repo.statuses(plan.commit_sha)

    merged = pull.merge(by=alice)
    world.settle()

    applied_by_push = world.runs()[-1]
    assert applied_by_push.commit_sha == merged
    assert applied_by_push.status is RunStatus.PLANNED
    assert repo.statuses(merged)["runlock/apply"].state == "pending"
    assert "waits for approval" in pull.comments[-1].body

    pull.comment("apply", alice)
    world.settle()

    assert world.run(applied_by_push).status is RunStatus.APPLIED
    assert world.run(applied_by_push).confirmed_by == "alice"
    assert repo.statuses(merged)["runlock/apply"].state == "success"
    assert "1 added" in pull.comments[-1].body
    assert b'"hello"' in world.state(prod)


def test_who_only_reads_may_not_apply(world: World) -> None:
    repo = world.host.create_repository("acme/infra", files={"main.tf": HELLO})
    reader = world.host.person("rhea", role="read", repo=repo)
    alice = world.host.person("alice", role="write", repo=repo)
    world.workspace("prod", repo)
    repo.push("feature", {"more.tf": 'resource "terraform_data" "more" {}\n'}, by=alice)
    pull = repo.open_pull("feature", by=alice)
    pull.merge(by=alice)
    world.settle()

    pull.comment("apply", reader)
    world.settle()

    assert world.runs()[-1].status is RunStatus.PLANNED
    assert "may not" in pull.comments[-1].body
