"""What may be done to a run? Apply, discard, cancel, kill, go first: 202 with nothing in it, or 409."""

from collections.abc import Callable

from flask import Response

from bot.ids import RunId
from bot.needs import Needs
from handlers.api.ask import Ask, Rule, conflicts
from handlers.api.documents import nothing
from handlers.api.operations import empties
from handlers.api.requests import read_body
from handlers.api.run_comments import LONGEST_COMMENT
from handlers.jobs import Job
from handlers.reactions import decisions
from handlers.reactions.requirements import refuse_if_missing
from handlers.services import Services
from storage.people import User

Decide = Callable[[Services, RunId, str], list[Job]]


def _confirm(ask: Ask, run_id: RunId) -> list[Job]:
    who = ask.asker.who
    return decisions.confirm(ask.services, run_id, ask.username, user_id=who.id if isinstance(who, User) else "")


def _by_name(decide: Decide) -> Callable[[Ask, RunId], list[Job]]:
    return lambda ask, run_id: decide(ask.services, run_id, ask.username)


def _action(
    decide: Callable[[Ask, RunId], list[Job]], check: Callable[[Services, RunId], None] | None = None
) -> Callable[..., Response]:
    """`check` asks the host; it comes before the transaction, which never waits for a network."""

    @empties(takes="comment on an action", status=202)
    def act(ask: Ask, run_id: str) -> Response:
        run, _ = ask.asker.run(run_id)
        comment = read_body().text("comment", most=LONGEST_COMMENT).strip()
        with conflicts():
            if check is not None:
                check(ask.services, run.id)
        with conflicts(), ask.services.records.write():
            jobs = decide(ask, run.id)
            if comment:
                ask.services.comments.add(run.id, ask.username, comment)
        ask.enqueue(jobs)
        return nothing(202)

    return act


RULES: tuple[Rule, ...] = (
    ("POST", "/runs/<run_id>/actions/apply", _action(_confirm, check=refuse_if_missing), Needs.RUNS_APPLY),
    ("POST", "/runs/<run_id>/actions/discard", _action(_by_name(decisions.discard)), Needs.RUNS_APPLY),
    ("POST", "/runs/<run_id>/actions/cancel", _action(_by_name(decisions.cancel)), Needs.RUNS_APPLY),
    ("POST", "/runs/<run_id>/actions/force-execute", _action(_by_name(decisions.force_execute)), Needs.RUNS_APPLY),
    ("POST", "/runs/<run_id>/actions/force-cancel", _action(_by_name(decisions.force_cancel)), Needs.FORCE_CANCEL),
)
