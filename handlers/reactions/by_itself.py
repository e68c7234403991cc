"""Is a plan applied without asking anybody, and for whom? Whoever asked for that is asked for again at the plan's end.

A workspace's own setting speaks for what comes from its repository. For a run that a user or a team asked for it
needs them to be allowed to apply, and so does what they asked for with the run (invariant 13).
"""

from dataclasses import dataclass

from bot.needs import Needs
from bot.run import Run, RunKind
from handlers.services import Services
from handlers.still_allowed import may_still

BY_THE_WORKSPACE = "auto-apply"  # who has confirmed, where nobody asked for it with the run


@dataclass(frozen=True)
class Consent:
    """What confirms the plan: `text` says why, `by` for whom. `refusal`: why nothing does, though it was asked for."""

    text: str = ""
    by: str = ""
    by_id: str = ""  # of a user of ours
    refusal: str = ""


def consent(services: Services, run: Run, *, has_changes: bool) -> Consent | None:
    """To be asked in the transaction that ends the plan; None where nobody asked for it to be applied by itself."""
    if run.kind is not RunKind.NORMAL:
        return None
    if not has_changes:
        if not services.runs.manifest(run.id).options.allows_empty_apply:
            return None
        return _of_whoever_asked(services, run, f"confirmed, since {run.created_by} asked for an empty apply with it")
    if not run.auto_apply:
        return None
    if run.auto_apply_asked:
        return _of_whoever_asked(services, run, f"confirmed, since {run.created_by} asked for it with the run")
    refusal = _why_not(services, run) if run.created_by_id else ""
    return Consent("confirmed by the workspace's auto-apply", BY_THE_WORKSPACE, refusal=refusal)


def _of_whoever_asked(services: Services, run: Run, text: str) -> Consent:
    user_id = run.created_by_id if run.created_by_id.startswith("user-") else ""
    return Consent(text, run.created_by, user_id, _why_not(services, run))


def _why_not(services: Services, run: Run) -> str:
    workspace = services.workspaces.get(run.workspace_id)
    if may_still(services, run.created_by_id, Needs.RUNS_APPLY, workspace):
        return ""
    return f"not applied by itself: {run.created_by}, who asked for the run, may not apply in {workspace.name} any more"
