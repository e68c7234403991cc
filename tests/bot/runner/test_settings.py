"""Settings come from a mapping, with a sentence for what can't be."""

from pathlib import Path

import pytest

from bot.errors import Refused
from bot.runner.identity import runner_environment
from bot.runner.limits import MEGABYTE, Limits
from bot.runner.settings import RunnerSettings, SandboxMode
from bot.settings import Settings, described

LEAST = {"RUNLOCK_RUNNER_POOL_TOKEN": "t0ken"}


def test_defaults_need_only_the_token() -> None:
    settings = RunnerSettings.from_environment({**LEAST, "RUNLOCK_DATA": "/srv/runlock"})
    assert settings.url == "http://localhost:8080"
    assert settings.queue == "sqlite:///srv/runlock/runner/queue.db"
    assert settings.work_folder == Path("/srv/runlock/runner/work")
    assert settings.engines_folder == Path("/srv/runlock/runner/engines")
    assert settings.sandbox is SandboxMode.AUTO
    assert "t0ken" not in repr(settings)


def test_every_setting_is_read(tmp_path: Path) -> None:
    settings = RunnerSettings.from_environment(
        {
            **LEAST,
            "RUNLOCK_ADDRESS": "https://runlock.example.com/",
            "RUNLOCK_QUEUE": "redis://127.0.0.1/0",
            "RUNLOCK_SANDBOX": "none",
            "RUNLOCK_ENGINES": "/opt/engines",
            "RUNLOCK_RUNNER_CONCURRENCY": "7",
            "RUNLOCK_GRACE_SECONDS": "1.5",
            "RUNLOCK_ENGINE_KEYS": "/etc/keys.asc",
            "RUNLOCK_ENGINE_RELEASES": "",
            "RUNLOCK_PLUGINS": f"{tmp_path}:/not/there",
            "RUNLOCK_ENGINE_FILE_MEGABYTES": "1",
            "RUNLOCK_ENGINE_OPEN_FILES": "1000",
            "RUNLOCK_ENGINE_PROCESSES": "2000",
            "RUNLOCK_ENGINE_MEMORY_MEGABYTES": "3",
            "RUNLOCK_ENGINE_TMP_MEGABYTES": "4",
            "RUNLOCK_LEAST_FREE_MEGABYTES": "0",
        }
    )
    assert settings.url == "https://runlock.example.com"
    assert (settings.queue, settings.concurrency, settings.grace_seconds) == ("redis://127.0.0.1/0", 7, 1.5)
    assert settings.sandbox is SandboxMode.NONE
    assert settings.engines_folder == Path("/opt/engines")
    assert settings.keys_file == Path("/etc/keys.asc")
    assert settings.releases_url == ""
    assert settings.plugin_folders == (tmp_path,)
    assert settings.limits == Limits(MEGABYTE, 1000, 2000, 3 * MEGABYTE, 4 * MEGABYTE)
    assert settings.least_free_bytes == 0


def test_the_defaults_that_are_listed_are_those_that_hold() -> None:
    listed = {
        name: default for name, default, _ in described() if name.startswith(("RUNLOCK_ENGINE_", "RUNLOCK_LEAST_"))
    }
    read = RunnerSettings.from_environment({**LEAST, **listed})
    unset = RunnerSettings.from_environment(LEAST)
    assert (read.limits, read.least_free_bytes) == (unset.limits, unset.least_free_bytes)
    assert unset.limits == Limits()


def test_the_embedded_runner_gets_them() -> None:
    given = {name: "77" for name, _, _ in described() if name.startswith(("RUNLOCK_ENGINE_", "RUNLOCK_LEAST_"))}
    passed = runner_environment(given, address="http://localhost", data=Path("/srv"), pool_token="t0ken")
    assert given.items() <= passed.items()


def test_the_embedded_runner_has_its_name_and_trusts_whom_the_server_trusts() -> None:
    given = {"RUNLOCK_RUNNER_NAME": "north", "REQUESTS_CA_BUNDLE": "/etc/company.pem"}
    passed = runner_environment(given, address="http://localhost", data=Path("/srv"), pool_token="t0ken")
    assert given.items() <= passed.items()


def test_a_queue_s_password_shows_in_no_repr() -> None:
    given = {**LEAST, "RUNLOCK_QUEUE": "redis://user:pa55word@queue.test/0"}
    assert "pa55word" not in repr(Settings.from_environment(given))
    assert "pa55word" not in repr(RunnerSettings.from_environment(given))


@pytest.mark.parametrize(
    "changes",
    [
        {"RUNLOCK_RUNNER_POOL_TOKEN": ""},
        {"RUNLOCK_SANDBOX": "maybe"},
        {"RUNLOCK_RUNNER_CONCURRENCY": "many"},
        {"RUNLOCK_RUNNER_CONCURRENCY": "0"},
        {"RUNLOCK_GRACE_SECONDS": "-1"},
        {"RUNLOCK_GRACE_SECONDS": "nan"},
        {"RUNLOCK_ENGINE_OPEN_FILES": "0"},
        {"RUNLOCK_LEAST_FREE_MEGABYTES": "-1"},
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, str]) -> None:
    with pytest.raises(Refused, match=next(iter(changes))):
        RunnerSettings.from_environment({**LEAST, **changes})
