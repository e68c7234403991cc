"""What would a plan do? The counts and the dangerous part of `terraform show -json`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class PlanSummary:
    """Counts as Terraform prints them: a replacement is one addition and one destruction."""

    additions: int = 0
    changes: int = 0
    destructions: int = 0
    imports: int = 0
    destroyed: tuple[str, ...] = ()  # addresses
    replaced: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    outputs_changed: bool = False
    state_changed: bool = False  # moved or forgotten resources: nothing but the state changes
    generated_configuration: bool = False  # something is imported that the configuration doesn't have yet

    @property
    def has_changes(self) -> bool:
        return self._touches_resources or self.outputs_changed or self.state_changed

    @property
    def _touches_resources(self) -> bool:
        return bool(self.additions or self.changes or self.destructions or self.imports)

    @property
    def sentence(self) -> str:
        """`2 to add, 1 to change, 0 to destroy`, with imports only where there are some."""
        if not self.has_changes:
            return "no changes"
        if not self._touches_resources:
            return "only outputs change" if self.outputs_changed else "only the state changes"
        head = f"{self.imports} to import, " if self.imports else ""
        return f"{head}{self.additions} to add, {self.changes} to change, {self.destructions} to destroy"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "PlanSummary":
        """Read back what `as_json` wrote, or what a runner sent. Raises ValueError on any other shape."""
        names = ("destroyed", "replaced", "changed", "added")
        counts = ("additions", "changes", "destructions", "imports")
        numbers = {name: document.get(name, 0) for name in counts}
        lists = {name: document.get(name, ()) for name in names}
        if not all(type(number) is int and number >= 0 for number in numbers.values()):
            raise ValueError("a plan summary's counts are whole numbers from 0")
        if not all(_is_list_of_text(value) for value in lists.values()):
            raise ValueError("a plan summary's addresses are lists of text")
        addresses: dict[str, Any] = {name: tuple(value) for name, value in lists.items()}
        flag_names = ("outputs_changed", "state_changed", "generated_configuration")
        flags: dict[str, Any] = {name: document.get(name) is True for name in flag_names}
        return cls(**numbers, **addresses, **flags)


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(v, str) for v in value)


def summarize(plan: Mapping[str, Any]) -> PlanSummary:
    """Read the machine-readable plan (`terraform show -json PLANFILE`).

    Source: https://developer.hashicorp.com/terraform/internals/json-format#change-representation
    """
    added: list[str] = []
    changed: list[str] = []
    destroyed: list[str] = []
    replaced: list[str] = []
    imports = 0
    generated = False
    for change in plan.get("resource_changes") or ():
        if change.get("mode") == "data":
            continue
        actions = change["change"]["actions"]
        imports += 1 if change["change"].get("importing") else 0
        generated = generated or bool(change["change"].get("generated_config"))
        if "create" in actions and "delete" in actions:
            replaced.append(change["address"])
        elif actions == ["create"]:
            added.append(change["address"])
        elif actions == ["update"]:
            changed.append(change["address"])
        elif actions == ["delete"]:
            destroyed.append(change["address"])
    outputs = plan.get("output_changes") or {}
    return PlanSummary(
        additions=len(added) + len(replaced),
        changes=len(changed),
        destructions=len(destroyed) + len(replaced),
        imports=imports,
        destroyed=tuple(destroyed),
        replaced=tuple(replaced),
        changed=tuple(changed),
        added=tuple(added),
        outputs_changed=any(o.get("actions") not in (["no-op"], None) for o in outputs.values()),
        generated_configuration=generated,
    )


_OLD_SUMMARY = re.compile(r"^Plan: (\d+) to add, (\d+) to change, (\d+) to destroy\.", re.MULTILINE)


def summarize_text(output: str) -> PlanSummary:
    """Read the summary line of engines before 0.12, which have no machine-readable plan."""
    match = _OLD_SUMMARY.search(output)
    if match is None:
        return PlanSummary()
    additions, changes, destructions = (int(number) for number in match.groups())
    return PlanSummary(additions=additions, changes=changes, destructions=destructions)
