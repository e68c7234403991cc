"""Why did nothing happen? Look at what was received, and handle it again."""

import click

from bot.messages.escape import one_line
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
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
@with_services
def explain(services: Services, limit: int) -> None:
    """What became of each delivery that was taken, newest first.

    A delivery that the door refused (its signature is wrong, it is malformed or too large) or left alone as none of
    our business is not kept, so it isn't listed: its sender was answered with the reason. Look for it at the code host,
    in the webhook's recent deliveries.
    """
    for each in services.inbox.recent(limit):
        when = f"{each.received_at:%Y-%m-%d %H:%M:%S}"
        outcome = f": {one_line(each.outcome)}" if each.outcome else ""
        click.echo(f"{each.seq:>6}  {when}  {one_line(each.event):<16}  {each.status.value}{outcome}")
