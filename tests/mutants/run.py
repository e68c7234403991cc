"""Does each story fail when its guard is taken out? Run by `make mutants`; see `guards.py`.

Each guard is taken out in a copy of the checkout, and only the tests that are named for it are run there.

    python tests/mutants/run.py [--jobs N] [WORD …]     only the guards that have a word in their name
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.mutants.guards import MUTANTS, Mutant  # noqa: E402 - this file is run as a program, from anywhere

ENOUGH_SECONDS = 300  # a mutant that hangs is caught as well
FAILED = 1  # pytest's exit code for tests that failed; others say that they could not be run
LINKED = ("tests/fakes/node_modules",)  # installed and not kept in Git


def copy_checkout(target: Path) -> Path:
    """The files that Git has, and those that it doesn't know yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    for name in LINKED:
        if (ROOT / name).exists():
            (target / name).symlink_to(ROOT / name)
    return target


def run_tests(checkout: Path, tests: list[str], *options: str) -> tuple[int, str]:
    """pytest's exit code and what it printed. A run that hangs has failed."""
    common = ["-q", "--tb=line", "-p", "no:cacheprovider", f"--basetemp={checkout.with_name(checkout.name + '.tmp')}"]
    command = [sys.executable, "-m", "pytest", *common, *options, *tests]
    try:
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=ENOUGH_SECONDS)
    except subprocess.TimeoutExpired:
        return FAILED, "it hangs"
    return done.returncode, done.stdout[-3000:] + done.stderr[-1000:]


def survives(checkout: Path, mutant: Mutant) -> str:
    """Why the mutant is not caught; empty if it is. The checkout is as before afterwards."""
    before = {edit.file: (checkout / edit.file).read_text() for edit in mutant.edits}
    try:
        for edit in mutant.edits:
            text = (checkout / edit.file).read_text()
            if text.count(edit.guard) != 1:
                return f"its guard does not stand in {edit.file}"
            (checkout / edit.file).write_text(text.replace(edit.guard, edit.mutated))
        code, said = run_tests(checkout, list(mutant.tests), "-x")
    finally:
        for file, text in before.items():
            (checkout / file).write_text(text)
    if code == FAILED:
        return ""
    return "its tests pass without it" if code == 0 else f"its tests could not be run:\n{said}"


def main() -> int:
    reader = argparse.ArgumentParser(description="Take each guard out and see its story fail.")
    reader.add_argument("--jobs", type=int, default=2, help="how many at once")
    reader.add_argument("words", nargs="*", help="only guards with such a word in their name")
    asked = reader.parse_args()
    chosen = [m for m in MUTANTS if not asked.words or any(w in f"{m.invariant}: {m.without}" for w in asked.words)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        checkouts: SimpleQueue[Path] = SimpleQueue()
        for number in range(asked.jobs):
            checkouts.put(copy_checkout(Path(folder) / str(number)))
        if not all_pass(checkouts.get(), chosen, checkouts):
            return 1
        with ThreadPoolExecutor(asked.jobs) as pool:
            left = [mutant for mutant, why in pool.map(lambda m: tried(checkouts, m), chosen) if why]
    print(f"{len(chosen) - len(left)} of {len(chosen)} guards are held by a story ({time.monotonic() - began:.0f} s)")
    return 1 if left else 0


def all_pass(checkout: Path, chosen: list[Mutant], checkouts: "SimpleQueue[Path]") -> bool:
    """Whether every test passes with all guards in place: else its failing would say nothing."""
    tests = sorted({test for mutant in chosen for test in mutant.tests})
    code, said = run_tests(checkout, tests, "-n", "2")
    checkouts.put(checkout)
    if code:
        print(f"The stories fail with all guards in place:\n{said}")
    return code == 0


def tried(checkouts: "SimpleQueue[Path]", mutant: Mutant) -> tuple[Mutant, str]:
    checkout = checkouts.get()
    try:
        why = survives(checkout, mutant)
    finally:
        checkouts.put(checkout)
    mark = f"NOT HELD, {why}" if why else "held"
    print(f"invariant {mutant.invariant:2}: {mutant.without}: {mark}", flush=True)
    return mutant, why


if __name__ == "__main__":
    sys.exit(main())
