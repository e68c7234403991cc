"""Why did nothing happen? Look at what was received, and handle it again."""

import click

from handlers.cli.common import enqueue, with_services
from handlers.jobs import Job, Verb
from handlers.services import Services


@click.command()
@click.argument("delivery", type=int)
@with_services
def replay(services: Services, delivery: int) -> None:
    """Handle a stored delivery again. What it made already is not made twice."""
    found = services.inbox.find(delivery)
    if found is None:
        raise click.ClickException(f"there is no delivery {delivery}")
    services.inbox.take_up(found.seq)
    enqueue(services, [Job(Verb.HANDLE_DELIVERIES, found.lane)])
    click.echo(f"delivery {found.seq} ({found.event}) will be handled again")


@click.command()
@click.option("--limit", default=20, show_default=True)
@with_services
def explain(services: Services, limit: int) -> None:
    """What was received lately, and what became of it."""
    for each in services.inbox.recent(limit):
        when = f"{each.received_at:%Y-%m-%d %H:%M:%S}"
        click.echo(f"{each.seq:>6}  {when}  {each.event:<16}  {each.status.value}: {each.outcome}")
