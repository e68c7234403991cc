"""The protocol's documents are read strictly, and secrets don't show."""

from typing import Any

import pytest

from bot.errors import OutsideTrouble
from bot.plan_summary import PlanSummary
from bot.runner.job import Claim, StageJob, StageResult
from bot.stage_words import Outcome
from tests.fakes.runner_server import FakeRunlock

VARIABLE = {"key": "k", "value": "swordfish", "category": "env", "hcl": False, "sensitive": True}


def document(server: FakeRunlock, **changes: Any) -> dict[str, Any]:
    return server.plan({}, variables=[VARIABLE], **changes).document


def test_a_job_is_read_and_shows_no_secret(server: FakeRunlock) -> None:
    answer = {"job": document(server), "job_token": "t-secret", "lease_id": "l", "lease_seconds": 30}
    claim = Claim.from_json(answer)
    assert claim.job.slug == "acme/prod"
    assert claim.job.variables[0].value == "swordfish"
    for secret in ("swordfish", "t-secret", claim.job.run_token):
        assert secret not in repr(claim)


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "destroy"},
        {"engine": "pulumi"},
        {"timeout_seconds": 0},
        {"timeout_seconds": True},
        {"timeout_seconds": "60"},
        {"is_destroy": 1},
        {"foreign": None},
        {"run_token": None},
        {"state_url": "http://x\0"},
        {"working_directory": 7},
        {"variables": {}},
        {"variables": [{**VARIABLE, "category": "shell"}]},
        {"variables": [{**VARIABLE, "value": 1}]},
        {"variables": ["x"]},
        {"registered_versions": None},
        {"registered_versions": ["1.9.8"]},
        {"registered_versions": [{"version": "1.9.8"}]},
        {"registered_versions": [{}] * 1001},
    ],
)
def test_anything_else_is_trouble_for_good(server: FakeRunlock, changes: dict[str, Any]) -> None:
    whole = {**document(server), **changes}
    with pytest.raises(OutsideTrouble) as trouble:
        StageJob.from_json(whole)
    assert trouble.value.permanent
    missing = {key: value for key, value in whole.items() if key not in changes}
    with pytest.raises(OutsideTrouble):
        StageJob.from_json(missing)


@pytest.mark.parametrize("answer", [None, [], {}, {"lease_seconds": 0}, {"lease_seconds": True}])
def test_a_claim_without_its_parts_is_trouble(answer: object) -> None:
    with pytest.raises(OutsideTrouble):
        Claim.from_json(answer)


def test_a_result_is_what_the_protocol_says() -> None:
    result = StageResult(Outcome.SUCCEEDED, 2, True, PlanSummary(additions=1, added=("a.b",)), "ab", "tofu", "1.8.0")
    written = result.as_json()
    assert set(written) == {
        "outcome", "exit_code", "has_changes", "summary", "plan_digest", "engine", "engine_version", "error",
        "log_size", "notes", "apply_started",
    }  # fmt: skip
    assert PlanSummary.from_json(written["summary"]) == result.summary
