"""Which guards make what hosts are told safe to say twice, and never too often (invariant 8)?"""

from tests.mutants.mutant import Mutant, R, S, mutant

REPORTS: tuple[Mutant, ...] = (
    # 8. Save first, then speak.
    mutant(
        8,
        "a comment whose answer was lost is adopted",
        R + "sending.py",
        "    if not known_id and wanted.tries > 0:\n",
        "    if not known_id and wanted.tries < 0:\n",
        S + "test_reporting.py::test_a_comment_whose_answer_was_lost_is_adopted[github]",
        S + "test_reporting.py::test_a_host_that_loses_a_fifth_of_its_answers",
    ),
    mutant(
        8,
        "a try is noted before it is made",
        "storage/outbox.py",
        '"UPDATE outbox SET tries = tries + 1, not_before = ? WHERE id = ?"',
        '"UPDATE outbox SET tries = tries, not_before = ? WHERE id = ?"',
        S + "test_reporting.py::test_a_comment_whose_answer_was_lost_is_adopted[github]",
    ),
    mutant(
        8,
        "only what was sent counts as sent",
        "storage/outbox.py",
        '"""UPDATE outbox SET sent_version = ?, tries = 0,',
        '"""UPDATE outbox SET sent_version = max(?, version), tries = 0,',
        S + "test_reporting.py::test_news_that_comes_while_the_old_is_being_sent",
    ),
    mutant(
        8,
        "a rate limit is for everybody",
        R + "sending.py",
        "        services.outbox.pause(wanted.connection_id, trouble.retry_after)\n",
        "        pass\n",
        S + "test_reporting.py::test_a_rate_limit_is_honoured_by_everybody",
    ),
    mutant(
        8,
        "eighty writes a minute",
        "storage/outbox.py",
        "WRITES_PER_WINDOW = 80",
        "WRITES_PER_WINDOW = 800",
        "tests/storage/test_outbox.py::test_never_more_than_eighty_in_any_minute",
    ),
    mutant(
        8,
        "one repository leaves some writes to the others",
        "storage/outbox.py",
        "WRITES_OF_ONE_REPOSITORY = 60",
        "WRITES_OF_ONE_REPOSITORY = 80",
        S + "test_reporting.py::test_a_push_to_three_hundred_workspaces",
    ),
    mutant(
        8,
        "what is refused for good is told on the run",
        R + "sending.py",
        "        _tell_runs(services, wanted, trouble.reason)\n",
        "",
        S + "test_reporting.py::test_what_the_host_refuses_for_good_is_told_on_the_run",
    ),
    mutant(
        8,
        "our marker is signed for its place",
        R + "rendering.py",
        '    text = f"{wanted.lane}/{wanted.slot}"\n',
        '    text = "runlock"\n',
        S + "test_reporting.py::test_somebody_elses_copy_of_our_marker_is_not_adopted",
    ),
    mutant(
        8,
        "nothing is told to a new repository of an old one's name",
        R + "sending.py",
        "    host.check_identity(services.repositories.get(wanted.repository_id))\n",
        "",
        S + "test_another_repository.py::test_the_new_repository_is_told_nothing_of_ours",
    ),
)
