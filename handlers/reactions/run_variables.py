"""Which values does a run see? The workspace's own, those of its variable sets, and those that came with the run."""

from collections.abc import Sequence

from bot.ids import WorkspaceId
from bot.manifest import VariableValue
from bot.variable_sets import AppliedSet, effective
from handlers.services import Services
from storage.variables import Variable


def run_variables(
    services: Services, workspace_id: WorkspaceId, given: Sequence[VariableValue] = ()
) -> tuple[VariableValue, ...]:
    """One value per category and key, as they are at this moment; a run freezes them in its manifest."""
    own = [variable.as_value for variable in services.variables.all(workspace_id)]
    sets = [
        AppliedSet(each.name, each.reach, each.is_priority, tuple(variable.as_value for variable in each.variables))
        for each in _sets(services, workspace_id)
    ]
    return effective(own, sets, given)


def reaching_variables(services: Services, workspace_id: WorkspaceId) -> tuple[Variable, ...]:
    """The same, with what each of them is: the workspace's variable, or one of a set's."""
    return effective(services.variables.all(workspace_id), _sets(services, workspace_id))


def _sets(services: Services, workspace_id: WorkspaceId) -> list[AppliedSet[Variable]]:
    reaching = services.variable_sets.reaching(workspace_id)
    variables = services.set_variables.all_of_each([found.id for found, _ in reaching])
    return [
        AppliedSet(found.name, reach, found.is_priority, tuple(variables.get(found.id, ())))
        for found, reach in reaching
    ]
