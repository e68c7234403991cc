"""What is told, for each destination; and that text from outside stays text there."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.ids import ConfigurationVersionId, NotificationConfigurationId, RunId, WorkspaceId
from bot.messages.notifications import News, render
from bot.notifications import Destination, Notification, NotificationConfiguration, Trigger
from bot.plan_summary import PlanSummary
from bot.run import Run, RunKind, RunStatus, TriggerReason

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HOSTILE = "`<!channel> & <https://evil.test|click> *bold* [a](https://evil.test) @all\n\u202eevil"
CONFIGURATION = NotificationConfiguration(
    id=NotificationConfigurationId("nc-1"),
    workspace_id=WorkspaceId("ws-1"),
    name="ops",
    destination=Destination.GENERIC,
    enabled=True,
    triggers=tuple(Trigger),
    created_at=NOON,
    updated_at=NOON,
    url="https://hooks.test/",
    token="s3cret",
)
RUN = Run(
    id=RunId("run-1"),
    workspace_id=WorkspaceId("ws-1"),
    kind=RunKind.NORMAL,
    configuration_version_id=ConfigurationVersionId("cv-1"),
    commit_sha="3f2a9c41b7d0e5f6a8b9c0d1e2f3a4b5c6d7e8f9",
    manifest_digest="",
    trigger_reason=TriggerReason.PUSH,
    created_at=NOON,
    queue_sequence=1,
    message="Change the network",
    created_by="octocat",
    summary=PlanSummary(additions=1),
)


def news(trigger: Trigger = Trigger.NEEDS_ATTENTION, status: RunStatus = RunStatus.PLANNED, **run: Any) -> News:
    notification = Notification(1, CONFIGURATION.id, RUN.id, trigger, status, "ada", NOON, tries=0)
    return News(notification, replace(RUN, **run), "https://runlock.test/app/acme/prod/runs/run-1", "prod", "acme")


def told(destination: Destination, about: News | None) -> Any:
    return json.loads(render(replace(CONFIGURATION, destination=destination), about)[0])


def test_the_generic_payload_is_tfes() -> None:
    assert told(Destination.GENERIC, news()) == {
        "payload_version": 1,
        "notification_configuration_id": "nc-1",
        "run_url": "https://runlock.test/app/acme/prod/runs/run-1",
        "run_id": "run-1",
        "run_message": "Change the network",
        "run_created_at": "2026-03-04T12:00:00.000000Z",
        "run_created_by": "octocat",
        "workspace_id": "ws-1",
        "workspace_name": "prod",
        "organization_name": "acme",
        "notifications": [
            {
                "message": "Run Needs Attention",
                "trigger": "run:needs_attention",
                "run_status": "planned",
                "run_updated_at": "2026-03-04T12:00:00.000000Z",
                "run_updated_by": "ada",
            }
        ],
    }


def test_a_verification_speaks_of_no_run() -> None:
    payload = told(Destination.GENERIC, None)
    (only,) = payload.pop("notifications")
    assert (only.pop("message"), only.pop("trigger")) == ("Verification of ops", "verification")
    assert set(only.values()) == {None}
    assert {name for name, value in payload.items() if value is not None} == {
        "payload_version",
        "notification_configuration_id",
    }
    assert "ops" in told(Destination.SLACK, None)["text"]
    assert "Verification of ops" in json.dumps(told(Destination.MICROSOFT_TEAMS, None))


def test_only_a_generic_body_with_a_token_is_signed() -> None:
    body, headers = render(CONFIGURATION, news())
    assert headers["X-TFE-Notification-Signature"] == hmac.new(b"s3cret", body, hashlib.sha512).hexdigest()
    assert headers["Content-Type"] == "application/json"
    assert set(render(replace(CONFIGURATION, token=""), news())[1]) == {"Content-Type"}
    for other in (Destination.SLACK, Destination.MICROSOFT_TEAMS):
        assert set(render(replace(CONFIGURATION, destination=other), news())[1]) == {"Content-Type"}


@pytest.mark.parametrize(
    ("trigger", "status", "message"),
    [
        (Trigger.CREATED, RunStatus.PENDING, "Run Created"),
        (Trigger.PLANNING, RunStatus.PLANNING, "Run Planning"),
        (Trigger.APPLYING, RunStatus.APPLYING, "Run Applying"),
        (Trigger.COMPLETED, RunStatus.APPLIED, "Run Applied"),
        (Trigger.COMPLETED, RunStatus.PLANNED_AND_FINISHED, "Run Planned and Finished"),
        (Trigger.COMPLETED, RunStatus.DISCARDED, "Run Discarded"),
        (Trigger.ERRORED, RunStatus.ERRORED, "Run Errored"),
        (Trigger.ERRORED, RunStatus.CANCELED, "Run Canceled"),
    ],
)
def test_the_few_words_of_each_step(trigger: Trigger, status: RunStatus, message: str) -> None:
    about = news(trigger, status)
    assert told(Destination.GENERIC, about)["notifications"][0]["message"] == message
    assert told(Destination.SLACK, about)["attachments"][0]["title"] == message
    assert message in json.dumps(told(Destination.MICROSOFT_TEAMS, about))


def test_slack_sees_outside_text_as_code() -> None:
    payload = told(Destination.SLACK, news(message=HOSTILE, created_by=HOSTILE))
    (attachment,) = payload["attachments"]
    assert attachment["title_link"] == "https://runlock.test/app/acme/prod/runs/run-1"
    for field in attachment["fields"]:
        value = field["value"]
        assert (value[0], value[-1], value.count("`")) == ("`", "`", 2)
        assert not set("<>\n\u202e") & set(value)
    assert "&lt;!channel&gt; &amp; " in json.dumps(payload)


def test_teams_sees_outside_text_in_text_runs_only() -> None:
    (attachment,) = told(Destination.MICROSOFT_TEAMS, news(message=HOSTILE, created_by=HOSTILE))["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert card["actions"][0]["url"] == "https://runlock.test/app/acme/prod/runs/run-1"
    assert "evil" not in json.dumps({**card, "body": []})
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for block in card["body"] for run in block["inlines"]} == {"TextRun"}


def test_long_text_is_cut() -> None:
    for destination in (Destination.SLACK, Destination.MICROSOFT_TEAMS):
        assert len(render(replace(CONFIGURATION, destination=destination), news(message="x" * 10_000))[0]) < 4_000
