"""How long does the server take for a page of a list, when there is a lot of everything?

100,000 runs, 5,000 workspaces and 50,000 state versions in a temporary database. Every GET rule of the API that answers
with a list is asked, found through the routing table so that a new one is measured too, and some with the filters that
clients use. Prints the median of each; fails above BOUND_SECONDS.
"""

import argparse
import io
import itertools
import json
import re
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from flask.testing import FlaskClient

from bot.connection import Provider
from bot.events import HostRepository
from bot.ids import RunId
from bot.manifest import Category, Manifest, VariableValue
from bot.run import Run, RunKind, RunStatus, TriggerReason
from bot.settings import Settings
from bot.timestamps import to_text
from bot.workspace import Workspace
from handlers.api.room import ROOMS
from handlers.app import create_app
from handlers.services import Services, open_services, utc_now
from storage.ids import new_id
from storage.people import Organization
from storage.tags import Tagged
from storage.tokens import TokenKind
from storage.variable_sets import GivenTo

BOUND_SECONDS = 0.05
RUNS, WORKSPACES, STATE_VERSIONS = 100_000, 5_000, 50_000
OF_THE_BUSIEST = 5_000  # runs of one workspace; the others share the rest
SHA = "3f2a9c41b7d0e5f6a8b9c0d1e2f3a4b5c6d7e8f9"
STATE = b'{"version": 4, "serial": 1, "lineage": "lineage", "outputs": {}, "resources": []}'
# Most runs are over; one in fifty is somewhere on its way.
STATUSES = (
    *(RunStatus.APPLIED,) * 30,
    *(RunStatus.PLANNED_AND_FINISHED,) * 14,
    *(RunStatus.ERRORED,) * 3,
    *(RunStatus.DISCARDED,) * 2,
)
ON_THEIR_WAY = (RunStatus.PENDING, RunStatus.PLAN_QUEUED, RunStatus.PLANNING, RunStatus.PLANNED, RunStatus.APPLYING)
_ARGUMENT = re.compile(r"<(\w+)>")


@dataclass(frozen=True)
class Line:
    path: str
    query: dict[str, str]
    seconds: float
    count: int

    def __str__(self) -> str:
        asked = " ".join(f"{name}={value}" for name, value in self.query.items())
        return f"{self.seconds * 1000:7.1f} ms  {self.count:4} of  {self.path}  {asked}"


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
    token = services.tokens.give(TokenKind.USER, owner.id, "bench")
    names = fill(services, organization, scale)
    print(f"filled in {time.monotonic() - started:.0f} s", flush=True)
    client = create_app(services, lambda _: None).test_client()
    headers = {"Authorization": f"Bearer {token}"}
    found = []
    for path, query in lists(client, headers, {**names, "user_id": owner.id}):
        found.append(timed(client, headers, path, query, rounds))
    return found


def timed(client: FlaskClient, headers: dict[str, str], path: str, query: dict[str, str], rounds: int) -> Line:
    taken, count = [], 0
    for number in range(rounds + 2):
        began = time.perf_counter()
        answer = client.get(f"/api/v2{path}", headers=headers, query_string=query)
        if number >= 2:  # the first two warm up
            taken.append(time.perf_counter() - began)
        if answer.status_code != 200:
            raise SystemExit(f"{path} {query}: {answer.status_code} {answer.text}")
        count = len(json.loads(answer.data)["data"])
    return Line(path, query, statistics.median(taken), count)


def lists(client: FlaskClient, headers: dict[str, str], names: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
    """Every rule that answers with a list, on its first page and on a large one; then those that clients narrow."""
    found = []
    for method, rule, _, _ in (rule for room in ROOMS for rule in room.RULES):
        if method != "GET":
            continue
        path = _ARGUMENT.sub(lambda match, rule=rule: argument(rule, match[1], names), rule)
        query = NEEDED.get(rule, {})
        query = {name: value.format(**names) for name, value in query.items()}
        answer = client.get(f"/api/v2{path}", headers=headers, query_string=query)
        if answer.status_code == 200 and answer.is_json and isinstance(answer.json.get("data"), list):
            found += [(path, query), (path, {**query, "page[size]": "100"})]
        elif answer.status_code >= 400 and answer.status_code != 404:
            raise SystemExit(f"{path} {query}: {answer.status_code} {answer.text}")
    busiest = names["workspace_id"]
    workspaces, runs = "/organizations/acme/workspaces", "/organizations/acme/runs"
    narrowed = [
        *((workspaces, query) for query in NARROWED_WORKSPACES),
        *((path, query) for path in (runs, f"/workspaces/{busiest}/runs") for query in NARROWED_RUNS),
        ("/organizations/acme/projects", {"filter[names]": "project-3"}),
        ("/organizations/acme/varsets", {"include": "workspaces,projects,vars"}),
    ]
    return found + [(path, {"page[size]": "100", **query}) for path, query in narrowed]


def argument(rule: str, name: str, names: dict[str, str]) -> str:
    if name == "name" and "/workspaces/" not in rule:
        name = "organization"
    if name not in names:
        raise SystemExit(f"{rule}: this benchmark has no {name}; give it one in `fill`")
    return names[name]


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


def fill(services: Services, organization: Organization, scale: float) -> dict[str, str]:
    """A lot of everything; what the arguments of paths are to be, the busiest of each."""
    workspaces = add_workspaces(services, organization, int(WORKSPACES * scale))
    add_runs(services, workspaces, int(RUNS * scale), int(OF_THE_BUSIEST * scale))
    add_state_versions(services, workspaces, int(STATE_VERSIONS * scale), int(OF_THE_BUSIEST * scale))
    busiest = workspaces[0]
    names = {"organization": organization.name, "workspace_id": busiest.id, "name": busiest.name}
    names |= add_surroundings(services, organization, workspaces)
    run = services.runs.of_workspace(busiest.id, limit=1)[0]
    for number in range(50):
        services.timeline.add(run.id, f"happened {number}")
        services.comments.add(run.id, "ada", f"comment {number}")
    version = services.records.value("SELECT id FROM state_versions WHERE workspace_id = ? LIMIT 1", (busiest.id,))
    suffix = run.id.removeprefix("run-")
    team = services.records.value("SELECT id FROM teams WHERE organization_id = ?", (organization.id,))
    connection = services.connections.all(organization.id)[0]
    # Rules that show one thing need an id of the right kind only so that they can say 404.
    single = ("token_id", "membership_id", "comment_id", "event_id", "output_id", "grant_id", "trigger_id")
    return {
        **dict.fromkeys((*single, "variable_id"), "none-1"),
        **names,
        "run_id": run.id,
        "plan_id": f"plan-{suffix}",
        "apply_id": f"apply-{suffix}",
        "version_id": version,
        "team_id": team,
        "client_id": connection.id,
        "oauth_token_id": "ot-" + connection.id.removeprefix("oc-"),
    }


def add_workspaces(services: Services, organization: Organization, number: int) -> list[Workspace]:
    connection = services.connections.add(
        organization.id,
        Provider.GITHUB,
        name="GitHub",
        http_url="https://github.test",
        api_url="https://api.github.test",
        token="t0ken",
    )
    repositories = [
        services.repositories.know(
            connection.id,
            HostRepository(str(n), f"acme/infra-{n}", f"https://github.test/acme/infra-{n}.git", "main", ""),
        )
        for n in range(50)
    ]
    projects = [services.projects.add(organization.id, f"project-{n}") for n in range(50)]
    found = []
    with services.records.write():
        for n in range(number):
            kind = ("network", "app", "database")[n % 3]
            workspace = services.workspaces.add(
                organization.id, f"{kind}-{n}", repositories[n % 50].id, {"auto_apply": True}, projects[n % 50].id
            )
            tags = {"env": ("prod", "test")[n % 2], **({"core": ""} if n % 5 == 0 else {}), f"team-{n % 20}": ""}
            services.workspace_tags.bind(Tagged.WORKSPACE, workspace.id, organization.id, tags)
            found.append(workspace)
    return found


def add_runs(services: Services, workspaces: list[Workspace], number: int, of_the_busiest: int) -> None:
    """Each with a manifest of its own, sealed as real ones are."""
    variables = tuple(VariableValue(f"variable_{n}", "value " * 10, Category.TERRAFORM) for n in range(5))
    others = itertools.cycle(workspaces)
    now = utc_now() - timedelta(days=100)
    with services.records.write():
        for n in range(number):
            # The busiest one's runs are spread over all of the time.
            workspace = workspaces[0] if n % (number // of_the_busiest) == 0 else next(others)
            manifest = Manifest(workspace.id, "cv-none", SHA, "terraform", "1.11.4", "", variables=variables)
            status = ON_THEIR_WAY[n // 50 % len(ON_THEIR_WAY)] if n % 50 == 49 else STATUSES[n % 49]
            at = now + timedelta(minutes=n)
            run = Run(
                id=RunId(new_id("run")),
                workspace_id=workspace.id,
                kind=RunKind.PLAN_ONLY if n % 4 == 3 else RunKind.NORMAL,
                configuration_version_id="cv-none",  # type: ignore[arg-type]
                commit_sha=f"{n:08x}{SHA[8:]}" if n % 3 else SHA,
                manifest_digest="0" * 64,
                trigger_reason=(TriggerReason.PUSH, TriggerReason.MANUAL)[n % 7 == 0],
                created_at=at,
                queue_sequence=services.runs.next_sequence(),
                repository_id=workspace.repository_id,
                branch="main",
                message=f"message {n}",
                created_by="octocat" if n % 10 == 0 else "ada",
                status=status,
                times={status.value: at},
            )
            services.runs.add(run, manifest)


def add_state_versions(services: Services, workspaces: list[Workspace], number: int, of_the_busiest: int) -> None:
    others = itertools.cycle(workspaces)
    at = to_text(utc_now())
    blob_id, size = services.blobs.put_stream(io.BytesIO(STATE))
    newest: dict[str, str] = {}
    rows = []
    for n in range(number):
        workspace = workspaces[0] if n % (number // of_the_busiest) == 0 else next(others)
        ident = newest[workspace.id] = new_id("sv")
        rows.append((ident, workspace.id, "finalized", n, "lineage", "0" * 32, size, blob_id, SHA, "ada", "", at))
    with services.records.write() as database:
        database.conn.executemany(
            """INSERT INTO state_versions (id, workspace_id, status, serial, lineage, md5, size, blob_id, commit_sha,
                 created_by, created_by_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            rows,
        )
        database.conn.executemany(
            "UPDATE workspaces SET current_state_version_id = ? WHERE id = ?", [(v, w) for w, v in newest.items()]
        )


def add_surroundings(services: Services, organization: Organization, workspaces: list[Workspace]) -> dict[str, str]:
    """Sets, variables, triggers and consumers, as many as somebody could well have."""
    busiest = workspaces[0]
    set_id = ""
    with services.records.write():
        for n in range(200):
            made = services.variable_sets.add(organization.id, f"set-{n:03}", is_global=n % 20 == 0)
            set_id = set_id or made.id
            for number in range(20 if n < 20 else 3):
                services.set_variables.set(made.id, f"shared_{n}_{number}", "value")
            services.variable_sets.give(made, GivenTo.WORKSPACES, [w.id for w in workspaces[: 20 if n < 100 else 1]])
        for number in range(100):
            services.variables.set(busiest.id, f"own_{number}", "value")
        for source in workspaces[1:21]:
            services.triggers.add(busiest, source)
        services.consumers.add(busiest.id, [workspace.id for workspace in workspaces[1:2_000]])
    return {"set_id": set_id, "project_id": busiest.project_id}


if __name__ == "__main__":
    sys.exit(main())
