"""One worker at a time in a lane, and a lane whose worker died is free."""

import subprocess
import sys
import threading
from pathlib import Path

from storage.lanes import Lanes

HOLDS_FOR_EVER = """
import sys, time
from pathlib import Path
from storage.lanes import Lanes
with Lanes(Path(sys.argv[1])).turn("acme/infra") as is_ours:
    print(is_ours, flush=True)
    time.sleep(60)
"""


def test_only_one_has_a_lane(tmp_path: Path) -> None:
    one, other = Lanes(tmp_path / "lanes"), Lanes(tmp_path / "lanes")

    with one.turn("acme/infra") as first, other.turn("acme/infra") as second, other.turn("acme/other") as third:
        assert (first, second, third) == (True, False, True)
    with other.turn("acme/infra") as again:
        assert again


def test_who_was_turned_away_frees_nothing(tmp_path: Path) -> None:
    lanes = Lanes(tmp_path)
    with lanes.turn("lane") as first:
        with lanes.turn("lane") as second:
            assert not second
        with lanes.turn("lane") as third:
            assert not third
        assert first


def test_the_lane_of_a_killed_worker_is_free(tmp_path: Path) -> None:
    """kill -9 leaves no lease to wait for."""
    with subprocess.Popen([sys.executable, "-c", HOLDS_FOR_EVER, str(tmp_path)], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"True\n"
        with Lanes(tmp_path).turn("acme/infra") as is_ours:
            assert not is_ours
        worker.kill()
        worker.wait()

        with Lanes(tmp_path).turn("acme/infra") as is_ours:
            assert is_ours


def test_an_error_frees_the_lane(tmp_path: Path) -> None:
    lanes = Lanes(tmp_path)
    try:
        with lanes.turn("lane"):
            raise KeyError
    except KeyError:
        pass

    with lanes.turn("lane") as is_ours:
        assert is_ours


def test_many_threads_never_meet(tmp_path: Path) -> None:
    """The file of a lane goes with its last holder; nobody takes the lock of a file that has gone."""
    lanes, inside, most, turns = Lanes(tmp_path), [0], [0], [0]

    def work() -> None:
        for _ in range(300):
            with lanes.turn("lane") as is_ours:
                if is_ours:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    turns[0] += 1
                    inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most[0] == 1
    assert turns[0] > 0
    assert list(tmp_path.iterdir()) == []
