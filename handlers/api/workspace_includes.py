"""What comes with workspaces when `include` asks for it? Only what the asker may read in each of them.

Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/workspaces#available-related-resources
"""

from collections.abc import Iterable, Sequence

from bot.ids import TeamId, UserId
from bot.needs import Needs
from bot.run import Run
from bot.workspace import Workspace
from handlers.api.ask import Ask
from handlers.api.configuration_documents import configuration_resource, ingress_resources
from handlers.api.documents import Resource
from handlers.api.organization_documents import organization_resource
from handlers.api.projects import project_resources
from handlers.api.run_documents import RunDocuments
from handlers.api.state_documents import are_named_in_lists, state_version_resource, workspace_output_resource
from handlers.api.tags import effective_of_each
from handlers.api.team_documents import TeamDocuments
from handlers.api.users import known_users, user_resource
from handlers.api.workspace_documents import WorkspaceDocuments

# TFE's names. Nothing stands behind `current_assessment_result` here (no drift detection) and `readme`: both are
# taken, since clients ask for them, and include nothing.
INCLUDES = frozenset(
    {"organization", "current_run", "current_run.plan", "current_run.configuration_version", "locked_by"}
    | {"current_run.configuration_version.ingress_attributes", "current_assessment_result"}
    | {"current_configuration_version", "current_configuration_version.ingress_attributes"}
    | {"effective_tag_bindings", "outputs", "project", "readme", "current_state_version"}
)


def with_included(
    ask: Ask, workspaces: Sequence[Workspace], includes: set[str]
) -> tuple[list[Resource], list[Resource]]:
    """(documents of the workspaces, what they include)."""
    documents = WorkspaceDocuments(ask.asker, workspaces)
    shown, found = [documents.resource(workspace) for workspace in workspaces], list[Resource]()
    found += _organization(ask, workspaces, includes)
    found += _current_runs(ask, workspaces, documents, includes)
    found += _configurations(ask, workspaces, documents, includes)
    if "current_state_version" in includes:
        found += _states(ask, _where(Needs.STATE_READ, workspaces, documents))
    if "locked_by" in includes:
        found += _holders(ask, workspaces, documents)
    if "outputs" in includes:
        found += _outputs(ask, workspaces, documents, shown)
    if "effective_tag_bindings" in includes:
        found += _tag_bindings(ask, _where(Needs.WORKSPACE_READ, workspaces, documents), shown)
    return shown, found


def _organization(ask: Ask, workspaces: Sequence[Workspace], includes: set[str]) -> list[Resource]:
    """The organization, and the projects, of its workspaces: a run finds those, but is no member."""
    found: list[Resource] = []
    if not workspaces or Needs.MEMBER not in ask.asker.allowed_in_organization(workspaces[0].organization_id):
        return found
    if "organization" in includes:
        found.append(organization_resource(ask.asker, ask.asker.organization_of(workspaces[0])))
    if "project" in includes:
        ids = {workspace.project_id for workspace in workspaces}
        found += project_resources(ask, ask.services.projects.with_ids(ids))
    return found


def _where(needs: Needs, workspaces: Sequence[Workspace], documents: WorkspaceDocuments) -> list[Workspace]:
    return [workspace for workspace in workspaces if needs in documents.allowed[workspace.id]]


def _current_runs(
    ask: Ask, workspaces: Sequence[Workspace], documents: WorkspaceDocuments, includes: set[str]
) -> list[Resource]:
    wanted = {name.removeprefix("current_run.") for name in includes if name.startswith("current_run.")}
    if not wanted and "current_run" not in includes:
        return []
    readable = _where(Needs.RUNS_READ, workspaces, documents)
    heads = [head for workspace in readable for head in documents.queue(workspace)[:1]]
    runs = RunDocuments(ask.asker, heads)
    return [*(runs.resource(head) for head in heads), *runs.included_of(heads, wanted)]


def _configurations(
    ask: Ask, workspaces: Sequence[Workspace], documents: WorkspaceDocuments, includes: set[str]
) -> list[Resource]:
    with_ingress = "current_configuration_version.ingress_attributes" in includes
    if not with_ingress and "current_configuration_version" not in includes:
        return []
    readable = _where(Needs.RUNS_READ, workspaces, documents)
    ids = {documents.configurations[each.id] for each in readable if each.id in documents.configurations}
    versions = ask.services.configurations.with_ids(ids)
    found = [configuration_resource(version) for version in versions]
    return found + (ingress_resources(ask.services, versions) if with_ingress else [])


def _states(ask: Ask, workspaces: Iterable[Workspace]) -> list[Resource]:
    states = ask.services.states.current_of_each([workspace.id for workspace in workspaces])
    return [state_version_resource(ask.services, version, in_list=True) for version in states.values()]


def _holders(ask: Ask, workspaces: Sequence[Workspace], documents: WorkspaceDocuments) -> list[Resource]:
    """A user, or a team, only as far as the asker may know of them: as if they were asked for by their id."""
    holders = {holder for workspace in workspaces if (holder := documents.holder(workspace)) is not None}
    users = ask.services.people.users_with_ids({UserId(ident) for kind, ident in holders if kind == "users"})
    found = [user_resource(user, ask.asker) for user in known_users(ask.asker, users)]
    found += _teams(ask, {TeamId(ident) for kind, ident in holders if kind == "teams"})
    runs = [run for each in _where(Needs.RUNS_READ, workspaces, documents) for run in _holding(documents, each)]
    shown = RunDocuments(ask.asker, runs)
    return [*found, *(shown.resource(run) for run in runs)]


def _teams(ask: Ask, team_ids: set[TeamId]) -> list[Resource]:
    """Neither secret ones of others nor those that are gone since they took the lock."""
    teams = ask.services.teams.with_ids(team_ids)
    allowed = ask.asker.allowed_with_each(teams)
    seen = [team for team in teams if Needs.MEMBER in allowed[team.id]]
    documents = TeamDocuments(ask.asker, seen)
    return [documents.resource(team) for team in seen]


def _holding(documents: WorkspaceDocuments, workspace: Workspace) -> list[Run]:
    return [head for head in documents.queue(workspace)[:1] if head.holds_workspace]


def _outputs(
    ask: Ask, workspaces: Sequence[Workspace], documents: WorkspaceDocuments, shown: Sequence[Resource]
) -> list[Resource]:
    """Those of each workspace's current state; its document then names them, which it doesn't otherwise.

    Of a page of workspaces only as many as a list of states would name.
    """
    found: list[Resource] = []
    by_id = {document["id"]: document for document in shown}
    readable = [workspace.id for workspace in _where(Needs.OUTPUTS_READ, workspaces, documents)]
    for workspace_id, version in ask.services.states.current_of_each(readable).items():
        if len(shown) > 1 and not are_named_in_lists(version):
            continue
        outputs = enumerate(ask.services.states.outputs(version))
        written = [workspace_output_resource(version, place, output) for place, output in outputs]
        by_id[workspace_id]["relationships"]["outputs"]["data"] = _identifiers(written)
        found += written
    return found


def _tag_bindings(ask: Ask, workspaces: Sequence[Workspace], shown: Sequence[Resource]) -> list[Resource]:
    """Each workspace's own and inherited ones, which its document then names."""
    each = effective_of_each(ask.services, workspaces)
    by_id = {document["id"]: document for document in shown}
    for workspace_id, bindings in each.items():
        by_id[workspace_id]["relationships"]["effective-tag-bindings"]["data"] = _identifiers(bindings)
    return [binding for bindings in each.values() for binding in bindings]


def _identifiers(resources: Iterable[Resource]) -> list[dict[str, str]]:
    return [{"id": each["id"], "type": each["type"]} for each in resources]
