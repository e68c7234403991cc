"""What is in a database that holds a lot of everything? Workspaces, runs, states, and what is around them."""

import io
import itertools
import json
from datetime import timedelta

from bench.people import add_people
from bot.connection import Provider
from bot.events import HostRepository
from bot.ids import NotificationConfigurationId, RunId
from bot.manifest import Category, Manifest, VariableValue
from bot.notifications import MOST_CONFIGURATIONS, Destination, NotificationConfiguration
from bot.permissions import Level, access_of
from bot.run import Run, RunKind, RunStatus, TriggerReason
from bot.tags import MOST_TAGS
from bot.terraform_version import TerraformVersion
from bot.timestamps import to_text
from bot.workspace import Workspace
from handlers.services import Services, utc_now
from storage.configuration_versions import Upload
from storage.ids import new_id
from storage.people import Organization, User
from storage.tags import Tagged
from storage.variable_sets import GivenTo

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


def fill(services: Services, organization: Organization, scale: float) -> dict[str, str]:
    """A lot of everything; what the arguments of paths are to be, the busiest of each."""
    workspaces = add_workspaces(services, organization, int(WORKSPACES * scale))
    add_runs(services, workspaces, int(RUNS * scale), int(OF_THE_BUSIEST * scale))
    add_state_versions(services, workspaces, int(STATE_VERSIONS * scale), int(OF_THE_BUSIEST * scale))
    busiest = workspaces[0]
    names = {"organization": organization.name, "workspace_id": busiest.id, "name": busiest.name}
    names |= add_surroundings(services, organization, workspaces)
    names |= add_people(services, organization, busiest)
    run = services.runs.of_workspace(busiest.id, limit=1)[0]
    with services.records.write():
        for number in range(150):
            services.timeline.add(run.id, f"happened {number}")
            services.comments.add(run.id, "ada", f"comment {number} " * 100)
    outputs = {f"output_{n:03}": {"value": "value " * 10, "type": "string"} for n in range(100)}
    state = json.dumps({**json.loads(STATE), "serial": 10**6, "outputs": outputs}).encode()
    version = services.states.store(busiest.id, state, run_id=run.id)
    assert version is not None
    return {**names, "run_id": run.id, "version_id": version.id}


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
    archive, ada = services.blobs.put(b"an archive"), services.people.user_named("ada")
    with services.records.write():
        for n in range(number):
            # The busiest one's runs are spread over all of the time.
            workspace = workspaces[0] if n % (number // of_the_busiest) == 0 else next(others)
            commit_sha = f"{n // 2_000:08x}{SHA[8:]}"
            assert workspace.repository_id is not None
            assert ada is not None
            version = services.configurations.add(
                workspace.repository_id, commit_sha, submodules=False, blob_id=archive, message="", author="octocat"
            )
            manifest = Manifest(workspace.id, version.id, SHA, "terraform", "1.11.4", "", variables=variables)
            status = ON_THEIR_WAY[n // 50 % len(ON_THEIR_WAY)] if n % 50 == 49 else STATUSES[n % 49]
            at = now + timedelta(minutes=n)
            run = Run(
                id=RunId(new_id("run")),
                workspace_id=workspace.id,
                kind=RunKind.PLAN_ONLY if n % 4 == 3 else RunKind.NORMAL,
                configuration_version_id=version.id,
                commit_sha=f"{n:08x}{SHA[8:]}" if n % 3 else SHA,
                manifest_digest="0" * 64,
                trigger_reason=(TriggerReason.PUSH, TriggerReason.MANUAL)[n % 7 == 0],
                created_at=at,
                queue_sequence=services.runs.next_sequence(),
                repository_id=workspace.repository_id,
                branch="main",
                message=f"message {n}",
                source="" if n % 10 == 0 else "tfe-api",
                created_by="octocat" if n % 10 == 0 else "ada",
                confirmed_by_id=ada.id if n % 3 == 0 else "",
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


def add_member(services: Services, organization: Organization) -> User:
    """Somebody who owns nothing, and whose team may read every second workspace."""
    member = services.people.add_user("mia", "mia@acme.test")
    services.people.join(organization.id, member.id)
    team = services.teams.add(organization.id, "readers")
    services.teams.join(team.id, [member.id])
    with services.records.write():
        for workspace in services.workspaces.of_organization(organization.id)[::2]:
            services.team_access.give(team.id, workspace.id, access_of(Level.READ))
    return member


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
        _uploads_and_receivers(services, busiest)
        services.consumers.add(busiest.id, [workspace.id for workspace in workspaces[1:2_000]])
    return {"set_id": set_id, "project_id": busiest.project_id}


def _uploads_and_receivers(services: Services, busiest: Workspace) -> None:
    for n in range(200):
        services.configurations.expect(busiest.id, Upload("tfe-api", "ada"))
        if n < MOST_CONFIGURATIONS:
            services.notification_configurations.add(_receiver(busiest, n))
        if n < 100:
            services.engine_versions.add(TerraformVersion("", f"1.{n}.0", utc_now()))
    services.workspace_tags.bind(
        Tagged.PROJECT, busiest.project_id, busiest.organization_id, {f"key-{n}": "value" for n in range(MOST_TAGS)}
    )


def _receiver(workspace: Workspace, n: int) -> NotificationConfiguration:
    at = utc_now()
    return NotificationConfiguration(
        NotificationConfigurationId(new_id("nc")),
        workspace.id,
        f"receiver-{n}",
        Destination.GENERIC,
        enabled=False,
        triggers=(),
        created_at=at,
        updated_at=at,
        url="http://127.0.0.1:1/",
    )
