"""Do the rules of the house hold? Purity, what a runner pulls in, and a README that tells the truth."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.run_machine import KIND_TRANSITIONS, TRANSITIONS
from bot.settings import described
from docs import write_api_table
from handlers.cli import COMMANDS, main

ROOT = Path(__file__).parents[1]
PURE = sorted([*ROOT.glob("bot/*.py"), *ROOT.glob("bot/messages/*.py")])
# What would let a pure module look at the world: network, processes, files, clock, chance, environment.
IMPURE = {
    *("flask", "huey", "sqlite3", "sqlite_utils", "subprocess", "socket", "requests", "urllib.request", "http"),
    *("random", "secrets", "time", "os", "tempfile", "shutil", "threading", "git", "github", "gitlab", "logging"),
}
IMPURE_CALLS = {"now", "utcnow", "today", "open", "read_text", "write_text", "exists", "mkdir", "unlink", "uuid4"}
LONGEST_FILE = 300


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pure_module_does_no_io(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module)
    assert not {name for name in imported if name in IMPURE or name.split(".")[0] in IMPURE}
    calls = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    assert not calls & IMPURE_CALLS


def test_a_runner_pulls_in_nothing_that_remembers() -> None:
    code = "import sys, handlers.cli.runner; print([m for m in sys.modules if m.split('.')[0] == 'storage'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("folder", ["bot", "handlers", "storage"])
def test_rooms_are_small(folder: str) -> None:
    long = {path: lines for path in (ROOT / folder).rglob("*.py") if (lines := _lines(path)) > LONGEST_FILE}
    assert not long


def _lines(path: Path) -> int:
    return path.read_text().count("\n")


def test_the_readme_draws_every_transition() -> None:
    chart = (ROOT / "README.md").read_text().partition("stateDiagram-v2\n")[2].partition("```")[0]
    drawn = set(re.findall(r"^ *(\w+) --> (\w+): (.+?)$", chart, re.MULTILINE))
    expected = {(before.value, after.value, event.value) for (before, event), after in TRANSITIONS.items()}
    expected |= {
        (before.value, after.value, f"{event.value} ({kind.value.replace('_', ' ')})")
        for (kind, before, event), after in KIND_TRANSITIONS.items()
    }
    assert drawn - {("[*]", "pending", "created")} == expected


def test_the_readme_lists_every_setting() -> None:
    readme = (ROOT / "README.md").read_text()
    listed = set(re.findall(r"^\| `(RUNLOCK_\w+)` \|", readme, re.MULTILINE))
    assert listed == {name for name, _, _ in described()}


def test_every_setting_that_the_code_reads_is_listed() -> None:
    code = "\n".join(
        path.read_text() for folder in ("bot", "handlers", "storage") for path in (ROOT / folder).rglob("*.py")
    )
    read = set(re.findall(r'"(RUNLOCK_[A-Z_]*[A-Z])"', code))
    passed_to_git = {name for name in read if name.startswith("RUNLOCK_ASKPASS_")}  # by us to our own askpass program
    assert read - passed_to_git == {name for name, _, _ in described()}


def test_the_readme_names_every_room() -> None:
    readme = (ROOT / "README.md").read_text().partition("## The house")[2]
    for folder in ("bot", "handlers", "storage"):
        for path in (ROOT / folder).iterdir():
            if path.name.startswith("_") or path.suffix not in ("", ".py"):
                continue
            assert re.search(rf"\b{path.stem}\b", readme), f"{path.relative_to(ROOT)} is not in the README's tree"


def test_every_command_has_its_help() -> None:
    context = main.make_context("runlock", ["--help"], resilient_parsing=True)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(), name


def test_the_api_page_lists_the_endpoints_of_today() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    assert page == write_api_table.written(page), "run: PYTHONPATH=. .venv/bin/python docs/write_api_table.py"
