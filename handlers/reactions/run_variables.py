"""Which values does a run see? The workspace's own, those of its variable sets, and those that came with the run."""

from collections.abc import Sequence
from dataclasses import replace

from bot.ids import WorkspaceId
from bot.manifest import VariableValue
from bot.variable_sets import AppliedSet, effective
from handlers.services import Services
from storage.variables import Variable


def run_variables(
    services: Services, workspace_id: WorkspaceId, given: Sequence[VariableValue] = ()
) -> tuple[VariableValue, ...]:
    """One value per category and key, as they are at this moment; a run freezes them in its manifest.

    A run's own value of a variable that is sensitive in the workspace is sensitive too: it is as much a secret.
    """
    own = [variable.as_value for variable in services.variables.all(workspace_id)]
    sets = [
        AppliedSet(each.name, each.reach, each.is_priority, tuple(variable.as_value for variable in each.variables))
        for each in _sets(services, workspace_id)
    ]
    known = [*own, *(variable for each in sets for variable in each.variables)]
    secret = {(variable.category, variable.key) for variable in known if variable.sensitive}
    asked = [replace(each, sensitive=each.sensitive or (each.category, each.key) in secret) for each in given]
    return effective(own, sets, asked)


def own_names(variables: Sequence[VariableValue], given: Sequence[VariableValue]) -> tuple[str, ...]:
    """Which of a run's variables have the value that came with it; a priority set may have overruled some."""
    asked = {(each.category, each.key, each.value, each.hcl) for each in given}
    return tuple(each.key for each in variables if (each.category, each.key, each.value, each.hcl) in asked)


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
