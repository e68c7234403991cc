"""A delivery may hold anything: it is understood, ignored, or refused by name, and nothing else."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import Ignored, Refused
from bot.vcs import deliveries, github_webhook
from bot.vcs.deliveries import MalformedDelivery
from tests.fakes.github_payloads import EVENTS, payload

STRANGE: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    2**80,
    "",
    " ",
    "\x00",
    "\ud800",
    "refs/heads/",
    "../../etc/passwd",
    "🧀" * 300,
    [],
    [None],
    ["x"],
    {},
    {"id": None},
    [[[]]],
]
RECORDED = {name: payload(name) for name in EVENTS}


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every node of a payload."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, part in inside for path in paths(part, (*here, key)))]


PATHS = {name: [path for path in paths(whole) if path] for name, whole in RECORDED.items()}


def with_changes(whole: Any, changes: list[tuple[tuple[Any, ...], Any]]) -> Any:
    """The payload with nodes deleted (`...`) or replaced; changes below a node that is gone fall away."""
    changed = copy.deepcopy(whole)
    for path, value in changes:
        holder = changed
        try:
            for step in path[:-1]:
                holder = holder[step]
            if value is ...:
                del holder[path[-1]]
            else:
                holder[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
    return changed


@st.composite
def broken_payloads(draw: st.DrawFn) -> tuple[str, Any]:
    name = draw(st.sampled_from(sorted(RECORDED)))
    change = st.tuples(st.sampled_from(PATHS[name]), st.sampled_from([..., *STRANGE]))
    return name, with_changes(RECORDED[name], draw(st.lists(change, min_size=1, max_size=4)))


def understood_ignored_or_refused(event: str, whole: Any) -> None:
    for question in (github_webhook.repository_host_id, github_webhook.installation_id):
        try:
            answer = question(whole)
        except MalformedDelivery:
            continue
        assert answer is None or answer.isdigit()
    try:
        told = github_webhook.parse(event, whole)
    except MalformedDelivery as malformed:
        told = Ignored(malformed.reason)
    if isinstance(told, Ignored):
        assert told.reason
    repr(told).encode()  # nothing inside that can't be written down


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(broken_payloads())
def test_broken_payloads(broken: tuple[str, Any]):
    name, whole = broken
    understood_ignored_or_refused(EVENTS[name], whole)


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_null_in_every_place_that_is_read(name):
    """Every node on the way to something that is read, set to null or taken out, one at a time."""
    read = (
        "repository",
        "sender",
        "pull_request",
        "comment",
        "issue",
        "check_run",
        "changes",
        "installation",
        "commits",
    )
    near = [path for path in PATHS[name] if len(path) == 1 or (len(path) <= 3 and path[0] in read)]
    for path in near:
        for value in (None, ...):
            understood_ignored_or_refused(EVENTS[name], with_changes(RECORDED[name], [(path, value)]))


@pytest.mark.parametrize("whole", [None, [], "x", 1, {}, {"action": None}, {"ref": 1}])
@pytest.mark.parametrize("event", sorted(set(EVENTS.values())))
def test_payload_that_is_no_payload(event, whole):
    understood_ignored_or_refused(event, whole)


@pytest.mark.parametrize(
    ("getter", "value"),
    [
        (deliveries.text, 1),
        (deliveries.text, "\ud800"),
        (deliveries.word, " "),
        (deliveries.word, "a\nb"),
        (deliveries.number, "1"),
        (deliveries.number, True),
        (deliveries.number, -1),
        (deliveries.number, 2**64),
        (deliveries.flag, 1),
        (deliveries.sha, "abc"),
        (deliveries.sha, "A" * 40),
        (deliveries.time, "yesterday"),
        (deliveries.time, "2026-03-02T10:00:00"),
        (deliveries.items, {}),
        (deliveries.mappings, [1]),
        (deliveries.texts, [None]),
        (deliveries.mapping, []),
        (deliveries.optional_text, 1),
        (deliveries.optional_flag, "yes"),
        (deliveries.optional_mapping, []),
        (deliveries.optional_time, 5),
    ],
)
def test_getters_name_what_is_wrong(getter, value):
    with pytest.raises(MalformedDelivery) as malformed:
        getter({"pull_request": {"x": value}}, "pull_request", "x")
    assert isinstance(malformed.value, Refused)
    if getter is not deliveries.texts:
        assert "payload.pull_request.x" in malformed.value.reason


def test_getters_refuse_a_way_through_something_that_is_no_object():
    with pytest.raises(MalformedDelivery, match=r"payload\.a should be an object, but is str"):
        deliveries.text({"a": "text"}, "a", "b")


def test_optional_getters_know_missing_and_null():
    for whole in ({}, {"a": None}, {"a": {"b": None}}):
        assert deliveries.optional_text(whole, "a", "b") == ""
        assert deliveries.optional_flag(whole, "a", "b") is False
        assert deliveries.optional_mapping(whole, "a", "b") is None
        assert deliveries.optional_time(whole, "a", "b") is None
