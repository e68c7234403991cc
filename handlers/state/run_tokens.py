"""Which stage's token does an engine get, and for how long is it one?

Its own stage's; but for engines so old that their plan file holds the plan's.
"""

from packaging.version import InvalidVersion, Version

from bot.run import Run, RunStatus, Stage
from handlers.services import Services

FIRST_WITH_ENVIRONMENT = Version("0.14")  # from here on the `http` backend's settings stay out of the plan file


def token_stage(stage: Stage, engine_version: str) -> Stage:
    """The stage whose token `stage` is run with. Unknown versions are taken for new ones."""
    try:
        is_old = Version(engine_version) < FIRST_WITH_ENVIRONMENT
    except InvalidVersion:
        is_old = False
    return Stage.PLAN if is_old else stage


def run_at_work(services: Services, token: str) -> Run | None:
    """Whose per-run token this is, while its run is doing what the token is for (invariant 12).

    A plan's token lives while its run is planned, an apply's while it is applied, and no longer: what leaked from a
    plan is of no use to write with, nor to read with while people decide.
    """
    known = services.tokens.run_of(token)
    run = services.runs.find(known[0]) if known else None
    if known is None or run is None:
        return None
    if run.status is RunStatus.PLANNING:
        return run if known[1] is Stage.PLAN else None
    if run.status is not RunStatus.APPLYING:
        return None
    _, version = services.jobs.engine_of(run.id) or ("", "")
    return run if known[1] is token_stage(Stage.APPLY, version) else None
