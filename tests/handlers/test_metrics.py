"""The figures are those of the rows, and tell no names."""

from pathlib import Path

from bot.run import RunStatus
from tests.fakes.door_world import open_world


def test_metrics_count_the_rows(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        workspace = world.workspace("secret-project")
        world.run(workspace, RunStatus.PLANNED)
        world.run(workspace)
        world.run(workspace, RunStatus.APPLIED)
        answer = world.browser().get("/metrics")
        assert answer.status_code == 200
        assert answer.mimetype == "text/plain"
        assert 'runlock_runs{status="planned"} 1.0' in answer.text
        assert 'runlock_runs{status="pending"} 1.0' in answer.text
        assert 'status="applied"' not in answer.text
        assert "runlock_outbox_waiting 0.0" in answer.text
        assert "secret-project" not in answer.text


def test_health(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        assert world.browser().get("/healthz").json == {"status": "alive"}
        assert world.browser().get("/readyz").json == {"status": "ready"}
