"""Whatever a delivery from GitLab holds, is it understood, ignored or called malformed, and nothing else?"""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import Ignored
from bot.events import Commented, PullChanged, Pushed, RepositoryMoved, Tagged
from bot.vcs import gitlab_webhook as gitlab
from bot.vcs.deliveries import MalformedDelivery

FOLDER = Path(__file__).parents[2] / "payloads" / "gitlab"
PAYLOADS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
EVENT_NAMES = {
    "push": "Push Hook",
    "tag_push": "Tag Push Hook",
    "merge_request": "Merge Request Hook",
    "note_on_merge_request": "Note Hook",
    "note_on_commit": "Note Hook",
    "project_rename": "System Hook",
}
NONE, SHA = "0" * 40, "2e1d6c9be5b9d3f2a4c5e6b7a8998877665544bb"


def _places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside a payload."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for key, child in inner for place in _places(child, (*way, key)))]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([NONE, SHA, "x" * 41]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def broken(draw: Callable[..., Any]) -> tuple[str, Any]:
    """A recorded payload in which up to three values are missing or anything at all."""
    kind = draw(st.sampled_from(sorted(PAYLOADS)))
    payload = copy.deepcopy(PAYLOADS[kind])
    for _ in range(draw(st.integers(1, 3))):
        way = draw(st.sampled_from(_places(payload)))
        if not way:
            return EVENT_NAMES[kind], draw(json_values)
        inner = payload
        for step in way[:-1]:
            inner = inner[step]
        if draw(st.booleans()):
            del inner[way[-1]]
        else:
            inner[way[-1]] = draw(json_values)
    return EVENT_NAMES[kind], payload


@settings(max_examples=400, deadline=None)
@given(broken())
def test_whatever_a_delivery_holds_it_is_understood_ignored_or_malformed(delivery: tuple[str, Any]) -> None:
    name, payload = delivery
    assert _is_an_answer(_outcome(lambda: gitlab.parse(name, payload)))
    assert isinstance(_outcome(lambda: gitlab.repository_host_id(payload)), str | MalformedDelivery)


def _outcome(read: Callable[[], Any]) -> Any:
    """What was read, or the one complaint that is allowed; any other exception fails the test."""
    try:
        return read()
    except MalformedDelivery as complaint:
        return complaint


def _is_an_answer(outcome: Any) -> bool:
    if isinstance(outcome, MalformedDelivery):
        return outcome.reason.startswith("payload")
    return isinstance(outcome, Ignored | Pushed | Tagged | PullChanged | Commented | RepositoryMoved)


@pytest.mark.parametrize("kind", sorted(PAYLOADS))
@pytest.mark.parametrize("payload", [None, [], "x", 7, {}])
def test_no_object_at_all_is_malformed_or_ignored(kind: str, payload: Any) -> None:
    assert isinstance(_outcome(lambda: gitlab.parse(EVENT_NAMES[kind], payload)), Ignored | MalformedDelivery)
