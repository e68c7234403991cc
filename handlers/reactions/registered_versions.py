"""What follows from the versions that the site has registered, for workspaces, runs and runners?"""

from collections.abc import Sequence
from dataclasses import replace

from bot.errors import Refused
from bot.ids import RunId
from bot.run import TriggerReason
from bot.terraform_version import TerraformVersion
from bot.version_constraint import Wanted, exact_version
from bot.workspace import EngineName
from handlers.services import Services

# Runs for which somebody waits for the answer. An event's run is made all the same, and its runner refuses the version:
# so it is read at the commit, and the repository's other workspaces get their runs.
ASKED_FOR = frozenset({TriggerReason.MANUAL, TriggerReason.RUN_TRIGGER})


def check_enabled(services: Services, engine: str, engine_version: str) -> None:
    """Raises Refused for exactly a version that is disabled. What a constraint finds is the runner's to choose."""
    number = exact_version(engine_version) if engine == EngineName.TERRAFORM else None
    found = services.engine_versions.of_number(number) if number else None
    if found is not None and not found.enabled:
        reason = f" ({found.deprecated_reason})" if found.deprecated_reason else ""
        raise Refused(f"Terraform {found.version} is disabled on this site{reason}; choose another version")


def versions_for_runner(
    services: Services, run_id: RunId, engine: str, engine_version: str
) -> Sequence[TerraformVersion]:
    """What a runner must know to find this version, or what fits this constraint; no more than that."""
    if engine != EngineName.TERRAFORM:
        return ()
    number = exact_version(engine_version)
    if number is not None:
        found = services.engine_versions.of_number(number)
        if found is None:
            return ()
        # What was planned with it is applied with it, also if it was disabled meanwhile.
        is_begun = services.jobs.engine_of(run_id) is not None
        return (replace(found, enabled=True),) if is_begun else (found,)
    try:
        wanted = Wanted.parse(engine_version)
    except Refused:
        return ()  # the runner says so
    return [each for each in services.engine_versions.all() if each.counts_for_runners and wanted.allows(each.number)]
