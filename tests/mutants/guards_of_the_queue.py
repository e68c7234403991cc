"""Which guards keep a workspace to one run at a time, and a status whole (invariants 6 and 7)?"""

from tests.mutants.mutant import Mutant, R, S, mutant

THE_QUEUE: tuple[Mutant, ...] = (
    # 6. One workspace, one run at a time, in order.
    mutant(
        6,
        "the run that holds the workspace is waited for",
        "bot/run_queue.py",
        "    if not queue or locked or queue[0].holds_workspace:\n",
        "    queue = [run for run in queue if not run.holds_workspace]\n    if not queue or locked:\n",
        S + "test_queue.py::test_two_pushes_are_run_one_after_the_other",
        S + "test_queue.py::test_never_two_at_once_whatever_happens",
    ),
    mutant(
        6,
        "a locked workspace keeps its runs pending",
        "bot/run_queue.py",
        "    if not queue or locked or queue[0].holds_workspace:\n",
        "    if not queue or queue[0].holds_workspace:\n",
        S + "test_queue.py::test_a_locked_workspace_keeps_its_runs_pending",
    ),
    mutant(
        6,
        "a saved plan joins at its confirmation",
        R + "decisions.py",
        '            changes["queue_sequence"] = services.runs.next_sequence()\n',
        "",
        S + "test_queue.py::test_a_saved_plan_does_not_jump_the_queue",
    ),
    # 7. Status changes in one place, and whole.
    mutant(
        7,
        "a stage's end is one transaction",
        R + "stages.py",
        "    with services.records.write():\n        fresh = services.jobs.find(job.id)\n",
        "    if True:\n        fresh = services.jobs.find(job.id)\n",
        S + "test_one_transaction.py::test_nobody_ever_sees_anything_half_done",
    ),
    mutant(
        7,
        "a stage's start is one transaction",
        R + "stages.py",
        "    with services.records.write():\n        again = services",
        "    if True:\n        again = services",
        S + "test_one_transaction.py::test_nobody_ever_sees_anything_half_done",
    ),
    mutant(
        7,
        "compare and set",
        "storage/runs.py",
        '            f"UPDATE runs SET {settings} WHERE id = ? AND status = ?",\n'
        "            [*changed.values(), before.id, before.status],\n",
        '            f"UPDATE runs SET {settings} WHERE id = ?",\n            [*changed.values(), before.id],\n',
        S + "test_one_transaction.py::test_who_comes_second_moves_nothing",
    ),
)
