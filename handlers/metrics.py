"""How is it going? Figures for Prometheus, read from the rows when they are asked for.

Counts only: no names, no ids, so that the page needs no secret.
"""

from collections.abc import Iterator

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from handlers.services import Services

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def blueprint(services: Services) -> Blueprint:
    door = Blueprint("metrics", __name__)
    registry = CollectorRegistry()
    registry.register(_Rows(services))
    door.add_url_rule("/metrics", "metrics", lambda: Response(generate_latest(registry), mimetype=CONTENT_TYPE))
    return door


class _Rows(Collector):
    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> Iterator[GaugeMetricFamily]:
        return iter(())  # nothing is read at registration

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield _labelled("runlock_runs", "Unfinished runs, by status.", "status", self._services.runs.count_unfinished())
        yield _labelled(
            "runlock_stage_jobs",
            "Plans and applies that are not over, by status.",
            "status",
            self._services.jobs.count_open(),
        )
        yield _labelled(
            "runlock_deliveries", "Deliveries in the inbox, by status.", "status", self._services.inbox.counts()
        )
        waiting, oldest = self._services.outbox.backlog()
        yield _single("runlock_outbox_waiting", "Things that the code hosts have yet to be told.", waiting)
        yield _single("runlock_outbox_oldest_seconds", "How long the oldest of them has waited, in seconds.", oldest)


def _labelled(name: str, says: str, label: str, counts: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, says, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family


def _single(name: str, says: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, says, value=value)
