"""What did a state change against the one before? Resources and outputs that were added, changed, removed.

Of a resource's attributes only the names are told: many a provider's passwords aren't marked as sensitive in a state.
Values are told of outputs alone, and masked where they are sensitive.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.json_stream import CLOSING, OPENING, Capture, Event, JsonEvents
from bot.state_reading import StateOutput

MASKED = "(sensitive)"
MOST_EXPLAINED = 1000  # changed resources whose attributes are told; of more nobody reads on
MOST_VALUES = 5_000_000  # that one resource, or one module of the old format, may be made of
_TAINTED = "(tainted)"  # what stands for the mark that makes the next apply replace a resource

Bytes = Callable[[], Iterable[bytes]]  # a state, opened as often as it is called


@dataclass(frozen=True)
class ChangedResource:
    """`attributes`: the names of those that differ; empty when there were too many resources to say."""

    address: str
    attributes: tuple[str, ...]


@dataclass(frozen=True)
class ChangedOutput:
    """`before` is None for an added output, `after` for a removed one; each is masked if it was sensitive."""

    name: str
    sensitive: bool
    before: Any = None
    after: Any = None


@dataclass(frozen=True)
class StateDiff:
    resources_added: tuple[str, ...]
    resources_changed: tuple[ChangedResource, ...]
    resources_removed: tuple[str, ...]
    outputs_added: tuple[ChangedOutput, ...]
    outputs_changed: tuple[ChangedOutput, ...]
    outputs_removed: tuple[ChangedOutput, ...]


def diff_states(
    before: Bytes, after: Bytes, outputs_before: Iterable[StateOutput], outputs_after: Iterable[StateOutput]
) -> StateDiff:
    """Compare two states, each of which is read twice at most and never whole. Raises Refused for what can't be."""
    old, new = _digests(before), _digests(after)
    changed = sorted(address for address in old.keys() & new.keys() if old[address] != new[address])
    explained = _explain(before, after, changed[:MOST_EXPLAINED])
    added, different, removed = _outputs(outputs_before, outputs_after)
    return StateDiff(
        resources_added=tuple(sorted(new.keys() - old.keys())),
        resources_changed=tuple(ChangedResource(address, explained.get(address, ())) for address in changed),
        resources_removed=tuple(sorted(old.keys() - new.keys())),
        outputs_added=added,
        outputs_changed=different,
        outputs_removed=removed,
    )


def _digests(state: Bytes) -> dict[str, bytes]:
    return {address: _digest(attributes) for address, attributes in resources(state())}


def _explain(before: Bytes, after: Bytes, addresses: Collection[str]) -> dict[str, tuple[str, ...]]:
    if not addresses:
        return {}
    wanted = frozenset(addresses)
    old = {address: _by_name(attributes) for address, attributes in resources(before()) if address in wanted}
    new = {address: _by_name(attributes) for address, attributes in resources(after()) if address in wanted}
    return {
        address: tuple(
            sorted(
                name
                for name in old[address].keys() | new[address].keys()
                if old[address].get(name) != new[address].get(name)
            )
        )
        for address in wanted
    }


def _by_name(attributes: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: _digest(value) for name, value in attributes.items()}


def _digest(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def resources(state: Iterable[bytes]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(address, attributes) of every resource instance, of both formats. Raises Refused for bytes that are no state."""
    for name, entry in _entries(state):
        if isinstance(entry, dict):
            yield from _instances_of_4(entry) if name == "resources" else _instances_of_3(entry)


def _entries(state: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    """The entries of the lists `resources` (format 4) and `modules` (format 3), one at a time."""
    depth, name, capture = 0, "", None
    for kind, value in _events(state):
        if kind in CLOSING:
            depth -= 1
        if capture is None and depth == 2 and name in ("resources", "modules") and kind in OPENING:
            capture = Capture(MOST_VALUES)
        if capture is not None:
            if capture.event(kind, value):
                yield name, capture.value
                capture = None
        elif depth == 1 and kind == "map_key":
            name = value
        if kind in OPENING:
            depth += 1


def _events(state: Iterable[bytes]) -> Iterator[Event]:
    events = JsonEvents()
    for chunk in state:
        for found in events.feed(chunk):
            yield from found
    yield from events.finish()


def _instances_of_4(resource: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    parts = [resource.get("module"), "data" if resource.get("mode") == "data" else None]
    base = ".".join(str(part) for part in [*parts, resource.get("type"), resource.get("name")] if part)
    for instance in _dicts(resource.get("instances")):
        key = instance.get("index_key")
        index = "" if key is None else f"[{json.dumps(key, default=str)}]"
        deposed = f" (deposed {instance['deposed']})" if instance.get("deposed") else ""
        attributes = instance.get("attributes") or instance.get("attributes_flat")
        yield base + index + deposed, _marked(attributes, tainted=instance.get("status") == "tainted")


def _instances_of_3(module: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    path = module.get("path")
    names = [str(name) for name in path[1:]] if isinstance(path, list) else []
    prefix = "".join(f"module.{name}." for name in names)
    found = module.get("resources")
    for address, resource in found.items() if isinstance(found, dict) else ():
        primary = resource.get("primary") if isinstance(resource, dict) else None
        if isinstance(primary, dict):
            yield prefix + address, _marked(primary.get("attributes"), tainted=primary.get("tainted") is True)


def _marked(attributes: Any, *, tainted: bool) -> Mapping[str, Any]:
    found = dict(attributes) if isinstance(attributes, dict) else {}
    return {**found, _TAINTED: True} if tainted else found


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


_Changes = tuple[ChangedOutput, ...]


def _outputs(before: Iterable[StateOutput], after: Iterable[StateOutput]) -> tuple[_Changes, _Changes, _Changes]:
    old, new = {output.name: output for output in before}, {output.name: output for output in after}
    added = [ChangedOutput(name, new[name].sensitive, after=_shown(new[name])) for name in new.keys() - old.keys()]
    removed = [ChangedOutput(name, old[name].sensitive, before=_shown(old[name])) for name in old.keys() - new.keys()]
    changed = [
        ChangedOutput(
            name,
            old[name].sensitive or new[name].sensitive,
            # What is sensitive on either side is on both: the old value may well be the new one.
            before=_shown(old[name], masked=new[name].sensitive),
            after=_shown(new[name], masked=old[name].sensitive),
        )
        for name in old.keys() & new.keys()
        if old[name] != new[name]
    ]
    return _sorted(added), _sorted(changed), _sorted(removed)


def _shown(output: StateOutput, *, masked: bool = False) -> Any:
    return MASKED if output.sensitive or masked else output.value


def _sorted(outputs: Iterable[ChangedOutput]) -> _Changes:
    return tuple(sorted(outputs, key=lambda output: output.name))
