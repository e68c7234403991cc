"""Which stage's token does an engine get? Its own, but for engines so old that their plan file holds the plan's."""

from packaging.version import InvalidVersion, Version

from bot.run import Stage

FIRST_WITH_ENVIRONMENT = Version("0.14")  # from here on the `http` backend's settings stay out of the plan file


def token_stage(stage: Stage, engine_version: str) -> Stage:
    """The stage whose token `stage` is run with. Unknown versions are taken for new ones."""
    try:
        is_old = Version(engine_version) < FIRST_WITH_ENVIRONMENT
    except InvalidVersion:
        is_old = False
    return Stage.PLAN if is_old else stage
