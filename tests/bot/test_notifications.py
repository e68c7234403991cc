from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.errors import Refused
from bot.ids import ConfigurationVersionId, RunId, WorkspaceId
from bot.notifications import (
    LONGEST_RETRY_SECONDS,
    Trigger,
    check_url,
    is_refused_address,
    seconds_to_wait,
    trigger_of,
)
from bot.plan_summary import PlanSummary
from bot.run import Run, RunKind, RunStatus, TriggerReason

RUN = Run(
    id=RunId("run-1"),
    workspace_id=WorkspaceId("ws-1"),
    kind=RunKind.NORMAL,
    configuration_version_id=ConfigurationVersionId("cv-1"),
    commit_sha="3f2a9c41b7d0e5f6a8b9c0d1e2f3a4b5c6d7e8f9",
    manifest_digest="",
    trigger_reason=TriggerReason.PUSH,
    created_at=datetime(2026, 3, 4, 12, 0, tzinfo=UTC),
    queue_sequence=1,
    summary=PlanSummary(additions=1),
)
TOLD = {
    RunStatus.PENDING: Trigger.CREATED,
    RunStatus.PLANNING: Trigger.PLANNING,
    RunStatus.PLANNED: Trigger.NEEDS_ATTENTION,
    RunStatus.PLANNED_AND_SAVED: Trigger.NEEDS_ATTENTION,
    RunStatus.APPLYING: Trigger.APPLYING,
    RunStatus.APPLIED: Trigger.COMPLETED,
    RunStatus.PLANNED_AND_FINISHED: Trigger.COMPLETED,
    RunStatus.DISCARDED: Trigger.COMPLETED,
    RunStatus.ERRORED: Trigger.ERRORED,
    RunStatus.CANCELED: Trigger.ERRORED,
}


@pytest.mark.parametrize("status", list(RunStatus))
def test_what_is_told_of_each_status(status: RunStatus) -> None:
    assert trigger_of(replace(RUN, status=status)) == TOLD.get(status)
    assert trigger_of(replace(RUN, status=status, kind=RunKind.PLAN_ONLY)) is None


def test_who_needs_attention() -> None:
    planned = replace(RUN, status=RunStatus.PLANNED)
    assert trigger_of(replace(planned, auto_apply=True)) is None
    saved = replace(RUN, status=RunStatus.PLANNED_AND_SAVED, kind=RunKind.SAVED_PLAN, auto_apply=True)
    assert trigger_of(saved) is Trigger.NEEDS_ATTENTION
    assert trigger_of(replace(planned, summary=PlanSummary())) is None


def test_the_waits_grow_to_a_limit() -> None:
    assert [seconds_to_wait(tries) for tries in range(1, 6)] == [5, 15, 45, 135, 405]
    assert seconds_to_wait(50) == LONGEST_RETRY_SECONDS


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "169.254.0.1", "0.0.0.0", "::", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254"),
        *("64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fd00:ec2::254", "100.100.100.200", "224.0.0.1", "ff02::1"),
        "255.255.255.255",
    ],
)
def test_addresses_to_which_nothing_is_sent(address: str) -> None:
    assert is_refused_address(address)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.4", "172.16.0.1", "fd00::1", "93.184.216.34", "2606:4700::1"]
)
def test_neighbours_and_the_world_are_told(address: str) -> None:
    assert not is_refused_address(address)


@pytest.mark.parametrize("url", ["http://localhost:8080/hook?a=b", "https://hooks.chat.test/T0/B0/x", "http://[::1]/"])
def test_addresses_that_can_be(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        *("", "hook", "//a.test/", "ftp://a.test", "gopher://a.test", "javascript:alert(1)", "http://", "http:///x"),
        *(
            "http://a.test:0/",
            "http://a.test:port/",
            "http://[::1/",
            "http://a b/",
            "http://a.test/\n",
            "http://ä.test/",
        ),
        *("http://me@a.test/", "https://:word@a.test/", "http://a.test/" + "x" * 2_000),
    ],
)
def test_addresses_that_can_not_be(url: str) -> None:
    with pytest.raises(Refused):
        check_url(url)
