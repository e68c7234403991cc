"""Our own log never shows what a function holds in its variables (invariant 11)."""

from collections.abc import Iterator

import pytest
import structlog
from click.testing import CliRunner

from handlers.cli import main
from handlers.logs import configure_logs


@pytest.fixture(autouse=True)
def defaults_again() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def fails_with(token: str) -> None:
    raise RuntimeError(f"a sentence about a token of {len(token)} characters")


def test_a_traceback_shows_no_variables(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich")  # with which structlog would print them
    configure_logs()
    secret = "s3cr3t-" + "in-a-variable"
    try:
        fails_with(secret)
    except RuntimeError:
        structlog.get_logger().exception("job failed", verb="send")

    printed = "".join(capsys.readouterr())
    assert "a sentence about a token of 20 characters" in printed
    assert "in fails_with" in printed
    assert secret not in printed


def test_every_command_logs_so() -> None:
    assert CliRunner().invoke(main, ["settings"]).exit_code == 0

    (renderer,) = [p for p in structlog.get_config()["processors"] if isinstance(p, structlog.dev.ConsoleRenderer)]
    assert renderer._exception_formatter is structlog.dev.plain_traceback
