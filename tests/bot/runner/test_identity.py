"""As whom the embedded runner runs, where a user of its own can't be tried."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from bot.runner import identity


def test_a_trial_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[Path, int]] = []

    def run(argv: list[str], **options: Any) -> None:
        raise subprocess.TimeoutExpired(argv, options["timeout"])

    monkeypatch.setattr(identity.os, "geteuid", lambda: 0)
    monkeypatch.setattr(identity, "_give", lambda folder, uid: given.append((folder, uid)))
    monkeypatch.setattr(identity.subprocess, "run", run)
    uid, why = identity.own_user(tmp_path, {})
    assert uid is None
    assert "as root" in why
    assert given == [(tmp_path, identity.RUNNER_UID), (tmp_path, 0)]
