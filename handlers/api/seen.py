"""What may the asker see, of the things that belong to an organization? What it may not is not there."""

from collections.abc import Sequence

from bot.errors import NotAllowed, NotFound, Refused
from bot.ids import OrganizationId, VariableSetId
from bot.needs import Needs
from bot.permissions import of_variable_set
from bot.workspace import Workspace
from handlers.api.ask import Ask
from storage.projects import Project
from storage.variable_sets import VariableSet


def project_seen(ask: Ask, project_id: str) -> Project:
    """Raises NotFound, in the same words for what isn't there and for what isn't the asker's."""
    project = ask.services.projects.get(project_id)
    _check_organization(ask, project.organization_name, f"there is no project {project_id}")
    return project


def variable_set_seen(ask: Ask, set_id: str) -> VariableSet:
    """Raises NotFound, as `project_seen`."""
    found = ask.services.variable_sets.get(set_id)
    _check_organization(ask, found.organization_name, f"there is no variable set {set_id}")
    return found


def variable_set_read(ask: Ask, set_id: str) -> VariableSet:
    """A set whose values are asked for. Raises NotAllowed too: any member may see that it is there."""
    found = variable_set_seen(ask.needing(Needs.MEMBER), set_id)
    if not may_read_values(ask, [found]):
        raise NotAllowed(f"this needs {Needs.VARIABLES_READ} in a workspace that the variable set {found.name} reaches")
    return found


def may_read_values(ask: Ask, sets: Sequence[VariableSet]) -> frozenset[VariableSetId]:
    """Those of an organization's sets whose values the asker may read."""
    organization_id = next((found.organization_id for found in sets), OrganizationId(""))
    standing, teams = ask.asker.standing(organization_id), ask.asker.team_ids(organization_id)
    reached = ask.services.variable_sets.reaching_teams([found.id for found in sets], teams)
    allowed = {found.id: of_variable_set(standing, is_reached=found.id in reached) for found in sets}
    return frozenset(ident for ident, needs in allowed.items() if Needs.VARIABLES_READ in needs)


def neighbour(ask: Ask, workspace: Workspace, ident: str, needs: Needs) -> Workspace:
    """Another workspace of the same organization, which a request names besides. Raises Refused if there is none."""
    missing = f"there is no workspace {ident} in {workspace.organization_name}"
    try:
        found = ask.asker.needing(needs).workspace(ident)
    except NotFound as error:
        raise Refused(missing) from error
    if found.organization_id != workspace.organization_id:
        raise Refused(missing)
    return found


def visible_only(ask: Ask, workspaces: Sequence[Workspace]) -> list[Workspace]:
    """Those of them that the asker may see."""
    allowed = ask.asker.allowed_in_each(workspaces)
    return [workspace for workspace in workspaces if Needs.WORKSPACE_FIND in allowed[workspace.id]]


def _check_organization(ask: Ask, name: str, otherwise: str) -> None:
    try:
        ask.asker.organization(name)
    except NotFound as error:
        raise NotFound(otherwise) from error
