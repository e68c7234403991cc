"""How long does the server take for a page of a list, when there is a lot of everything?

100,000 runs, 5,000 workspaces, 50,000 state versions, 1,000 people and 100 teams in a temporary database. Every GET
rule of the API that answers with a list is asked, found through the routing table so that a new one is measured too;
some also with the filters that clients use; those of runs and workspaces also by a member whose team may read every
second workspace. What answers anything but 200 ends the benchmark. Prints the medians of each, and fails if the clock's
is above BOUND_SECONDS: run it on a machine that does nothing else. The serving thread's own time is printed too; where
the two differ, the neighbours were measured. What is above the bound is measured again some seconds later, and the
lowest median counts: a machine's slow phase only ever adds.
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from flask.testing import FlaskClient

from bench.fill import add_member, fill
from bot.settings import Settings
from handlers.api.operations import Operation, Shape, operation_of
from handlers.api.rules import RULES
from handlers.app import create_app
from handlers.cli.web import look_for_garbage_rarely
from handlers.services import Services, open_services
from storage.people import User
from storage.tokens import TokenKind

BOUND_SECONDS = 0.05
ATTEMPTS = 4  # of what is above the bound
PAUSE_SECONDS = 5
_ARGUMENT = re.compile(r"<(\w+)>")


@dataclass(frozen=True)
class Line:
    who: str
    path: str
    query: dict[str, str]
    seconds: float  # by the clock
    of_the_thread: float  # seconds of processor that the serving took
    count: int
    attempt: int = 1  # the one that this is, as a rule the only one

    def __str__(self) -> str:
        asked = " ".join(f"{name}={value}" for name, value in self.query.items())
        took = f"{self.seconds * 1000:7.1f} ms  (of the processor {self.of_the_thread * 1000:6.1f} ms)"
        again = f"  (attempt {self.attempt})" if self.attempt > 1 else ""
        return f"{took}  {self.count:4} for {self.who}: {self.path}  {asked}{again}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of rows")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        services = open_services(Settings(data=Path(folder) / "data"))
        try:
            lines = measure(services, options.rounds, options.scale)
        finally:
            services.close()
    for line in sorted(lines, key=lambda line: line.seconds):
        print(line)
    slow = [line for line in lines if line.seconds > BOUND_SECONDS]
    print(
        f"{len(lines)} lists, bound {BOUND_SECONDS * 1000:.0f} ms: {'kept' if not slow else f'BROKEN by {len(slow)}'}"
    )
    return 1 if slow or not lines else 0


def measure(services: Services, rounds: int, scale: float) -> list[Line]:
    started = time.monotonic()
    organization = services.people.add_organization("acme", "ops@acme.test")
    owner = services.people.add_user("ada", "ada@acme.test")
    services.people.make_owner(organization.id, owner.id)
    names = fill(services, organization, scale)
    print(f"filled in {time.monotonic() - started:.0f} s", flush=True)
    client = create_app(services, lambda _: None).test_client()
    look_for_garbage_rarely()  # as the web process does
    of_owner = lists(names)
    of_member = [(path, query) for path, query in of_owner if path in FOR_THE_MEMBER]
    found = []
    for who, asked in ((owner, of_owner), (add_member(services, organization), of_member)):
        headers = asking(services, who)
        found += [best(partial(timed, client, who.username, headers, path, query, rounds)) for path, query in asked]
    return found


def best(measured: Callable[[], Line]) -> Line:
    found = measured()
    for attempt in range(2, ATTEMPTS + 1):
        if found.seconds <= BOUND_SECONDS:
            break
        time.sleep(PAUSE_SECONDS)
        found = min(found, replace(measured(), attempt=attempt), key=lambda line: line.seconds)
    return found


def asking(services: Services, who: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {services.tokens.give(TokenKind.USER, who.id, 'bench')}"}


def timed(
    client: FlaskClient, who: str, headers: dict[str, str], path: str, query: dict[str, str], rounds: int
) -> Line:
    by_the_clock, of_the_thread, count = [], [], 0
    for number in range(rounds + 2):
        began, thread_began = time.perf_counter(), time.thread_time()
        answer = client.get(f"/api/v2{path}", headers=headers, query_string=query)
        if number >= 2:  # the first two warm up
            by_the_clock.append(time.perf_counter() - began)
            of_the_thread.append(time.thread_time() - thread_began)
        if answer.status_code != 200:
            raise SystemExit(f"{path} {query}: {answer.status_code} {answer.text}")
        count = len(json.loads(answer.data)["data"])
    return Line(who, path, query, statistics.median(by_the_clock), statistics.median(of_the_thread), count)


def lists(names: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
    """Every rule that answers with a list, on its first page, also with all that it can include, and on a large one;
    then those that clients narrow."""
    found = []
    for method, rule, view, _ in RULES:
        operation = operation_of(view)
        if method != "GET" or operation.shape not in (Shape.PAGE, Shape.LIST):
            continue
        path = _ARGUMENT.sub(lambda match, rule=rule: argument(rule, match[1], names), rule)
        query = {name: value.format(**names) for name, value in NEEDED.get(rule, {}).items()}
        found.append((path, query))
        if operation.shape is Shape.PAGE:
            found.append((path, {**query, "page[size]": "100"}))
        found += [(path, {**query, "include": ",".join(words)}) for words in included(operation)]
    busiest = names["workspace_id"]
    workspaces, runs = "/organizations/acme/workspaces", "/organizations/acme/runs"
    narrowed = [
        *((workspaces, query) for query in NARROWED_WORKSPACES),
        *((path, query) for path in (runs, f"/workspaces/{busiest}/runs") for query in NARROWED_RUNS),
        ("/organizations/acme/projects", {"filter[names]": "project-3"}),
        ("/organizations/acme/varsets", {"include": "workspaces,projects,vars"}),
        ("/organizations/acme/teams", {"include": "users,organization_memberships"}),
        ("/organizations/acme/organization-memberships", {"include": "user,teams"}),
    ]
    return found + [(path, {"page[size]": "100", **query}) for path, query in narrowed]


def included(operation: Operation) -> list[tuple[str, ...]]:
    """All that a list can include, at once."""
    return [query.words for query in operation.queries if query.name == "include"]


def argument(rule: str, name: str, names: dict[str, str]) -> str:
    if name == "name" and "/workspaces/" not in rule:
        name = "organization"
    if name not in names:
        raise SystemExit(f"{rule}: this benchmark has no {name}; give it one in `fill`")
    return names[name]


FOR_THE_MEMBER = frozenset(
    {"/organizations/acme/workspaces", "/organizations/acme/runs", "/organizations/acme/runs/queue"}
)
# What a list can't be asked without.
NEEDED = {
    "/workspaces/<workspace_id>/run-triggers": {"filter[run-trigger][type]": "inbound"},
    "/team-workspaces": {"filter[workspace][id]": "{workspace_id}"},
    "/state-versions": {"filter[organization][name]": "acme", "filter[workspace][name]": "{name}"},
    "/vars": {"filter[organization][name]": "acme", "filter[workspace][name]": "{name}"},
}
NARROWED_WORKSPACES: tuple[dict[str, str], ...] = (
    {"search[name]": "network"},
    {"search[wildcard-name]": "*-7*"},
    {"search[tags]": "core,env"},
    {"search[exclude-tags]": "core"},
    {"filter[tagged][0][key]": "env", "filter[tagged][0][value]": "prod"},
    {"filter[project][id]": "{project_id}"},
    {"sort": "-current-run.created-at"},
    {"sort": "latest-change-at"},
    {"include": "organization,project,current_run"},
    {"page[number]": "49"},
)
NARROWED_RUNS: tuple[dict[str, str], ...] = (
    {"filter[status]": "errored,planned"},
    {"filter[status_group]": "non_final"},
    {"filter[status_group]": "final"},
    {"filter[operation]": "plan_only"},
    {"filter[source]": "tfe-api"},
    {"search[commit]": "3f2a9c"},
    {"search[user]": "octocat"},
    {"search[basic]": "message 77"},
    {"include": "workspace,plan"},
    {"page[number]": "50"},
)


if __name__ == "__main__":
    sys.exit(main())
