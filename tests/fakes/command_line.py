"""What does a person at a terminal do? `runlock …` in a data folder of their own."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.settings import Settings
from handlers.cli import main
from handlers.services import Services, open_services


@dataclass
class Terminal:
    """`runlock` runs a command in this process; `said` is all that was printed so far."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    said: str = ""

    def __post_init__(self) -> None:
        for name in list(os.environ):
            if name.startswith(("RUNLOCK_", "GIT_")):
                self.monkeypatch.delenv(name)
        self.set("RUNLOCK_DATA", str(self.folder / "data"))
        self.set("RUNLOCK_ADDRESS", "http://runlock.test")
        self.monkeypatch.chdir(self.folder)

    def set(self, name: str, value: str) -> None:
        self.monkeypatch.setenv(name, value)

    def run(self, *arguments: str, typed: str = "") -> Result:
        """Run it; whatever went wrong on purpose is a sentence, never a traceback."""
        result = CliRunner().invoke(main, arguments, prog_name="runlock", input=typed)
        self.said += result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result

    def runlock(self, *arguments: str, typed: str = "") -> str:
        """Run it; it succeeds. What it said."""
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == 0, result.output
        return result.output

    def refused(self, *arguments: str, typed: str = "") -> str:
        """Run it; it says in one line why not. That line."""
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == 1, result.output
        (line,) = result.stderr.splitlines()
        return line.removeprefix("Error: ")

    def misused(self, *arguments: str) -> str:
        """Run it; it is not how the command is used."""
        result = self.run(*arguments)
        assert result.exit_code == 2, result.output
        return result.stderr.splitlines()[-1].removeprefix("Error: ")

    @contextlib.contextmanager
    def services(self) -> Iterator[Services]:
        """The same data, as the server sees it."""
        services = open_services(Settings.from_environment(os.environ))
        try:
            yield services
        finally:
            services.close()
