"""How are runs looked at and decided from the command line?"""

import getpass

import click

from bot.errors import NotFound
from bot.ids import RunId
from bot.messages.escape import one_line
from bot.messages.words import count
from bot.run import Run
from handlers.cli.common import enqueue, find_workspace, only_organization, organization_option, with_services
from handlers.reactions.decisions import cancel as cancel_run
from handlers.reactions.decisions import confirm
from handlers.reactions.decisions import discard as discard_run
from handlers.reactions.gathering import Gatherer, run_url
from handlers.reactions.requirements import refuse_if_missing
from handlers.services import Services
from storage.run_filter import RunFilter

MOST_RUNS = 50  # in a list: about a screen


@click.group()
def run() -> None:
    """Look at runs."""


@run.command("list")
@click.option("--workspace", "-w", default=None, help="Only those of this workspace.")
@organization_option
@with_services
def list_runs(services: Services, workspace: str | None, organization: str | None) -> None:
    """The newest runs, newest first."""
    found = only_organization(services, organization)
    chosen = find_workspace(services, found, workspace).id if workspace else None
    wanted = RunFilter(organization_id=found.id, workspace_id=chosen)
    for each in services.runs.search(wanted, limit=MOST_RUNS)[0]:
        name = services.workspaces.get(each.workspace_id).name
        click.echo(f"{each.id}  {each.status.value:<20}  {name:<20}  {each.short_commit}  {_summary(each)}")


@run.command("show")
@click.argument("run_id")
@with_services
def show(services: Services, run_id: str) -> None:
    """One run: what it is locked to, its place in the queue, and what happened to it."""
    each = _get(services, run_id)
    workspace = services.workspaces.get(each.workspace_id)
    manifest = services.runs.manifest(each.id)
    click.echo(f"{each.id} in {workspace.slug}: {each.status.value.replace('_', ' ')}")
    click.echo(f"  commit     {each.commit_sha}  {one_line(each.message)}")
    wanted = f"{manifest.engine} {manifest.engine_version}".strip()
    click.echo(f"  locked to  manifest {each.short_digest}: {count(len(manifest.variables), 'variable')}, {wanted}")
    if each.plan_digest:
        click.echo(f"  plan       {each.short_plan_digest}: {_summary(each)}")
    place = Gatherer(services).line(each).place
    if place:
        click.echo(f"  queue      {place}")
    for moment in services.timeline.of(each.id):
        who = f" ({moment.actor})" if moment.actor else ""
        click.echo(f"  {moment.at:%Y-%m-%d %H:%M:%S}  {one_line(moment.text + who)}")
    click.echo(f"  {run_url(services, workspace, each)}")


@click.command()
@click.argument("run_id", metavar="RUN")
@with_services
def apply(services: Services, run_id: str) -> None:
    """Approve a run: exactly the plan that was reviewed is applied."""
    each = _get(services, run_id)
    refuse_if_missing(services, each.id)
    enqueue(services, confirm(services, each.id, getpass.getuser()))
    click.echo(f"{each.id} is approved: {_summary(each)}")


@click.command()
@click.argument("run_id", metavar="RUN")
@with_services
def discard(services: Services, run_id: str) -> None:
    """Give a run's plan up; the queue moves on."""
    each = _get(services, run_id)
    enqueue(services, discard_run(services, each.id, getpass.getuser()))
    click.echo(f"{each.id} is discarded")


@click.command()
@click.argument("run_id", metavar="RUN")
@with_services
def cancel(services: Services, run_id: str) -> None:
    """Stop a run; also an approved one that has not begun. An engine at work is interrupted, and ends by itself."""
    each = _get(services, run_id)
    enqueue(services, cancel_run(services, each.id, getpass.getuser()))
    after = services.runs.get(each.id)
    click.echo(f"{each.id} is cancelled" if after.is_final else f"{each.id} was asked to stop")


def _get(services: Services, run_id: str) -> Run:
    found = services.runs.find(RunId(run_id))
    if found is None:
        raise NotFound(f"there is no run {run_id}")
    return found


def _summary(each: Run) -> str:
    return each.summary.sentence if each.summary else one_line(each.error.partition("\n")[0])
