"""What a state says of itself, in both of its formats, whatever else is in it."""

import json
from typing import Any

import pytest

from bot.errors import Refused
from bot.state_reading import StateOutput, StateReader, outputs_from_json, outputs_to_json, read_state, serial_places

FOUR = {
    "version": 4,
    "terraform_version": "1.11.4",
    "serial": 3,
    "lineage": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "outputs": {
        "b": {"value": {"outputs": {"z": [1, 2.5, None]}, "serial": 9}, "type": ["object", {}]},
        "a": {"value": "x", "type": "string", "sensitive": True},
    },
    "resources": [{"outputs": {"not": "mine"}, "serial": 7, "lineage": "not mine", "instances": [{"serial": 8}]}],
    "check_results": None,
}
THREE = {
    "version": 3,
    "terraform_version": "0.11.11",
    "serial": 5,
    "lineage": "lineage-1",
    "modules": [
        {"path": ["root", "child"], "outputs": {"inner": {"value": "no", "type": "string", "sensitive": False}}},
        {
            "outputs": {
                "names": {"value": ["a"], "type": "list", "sensitive": False},
                "id": {"value": "i-1", "type": "string", "sensitive": True},
            },
            "resources": {"x.y": {"primary": {"attributes": {"path": "z"}}, "outputs": {"no": {"value": 1}}}},
            "path": ["root"],
        },
    ],
}


def read(document: Any) -> Any:
    return read_state([document if isinstance(document, bytes) else json.dumps(document).encode()])


def test_format_4() -> None:
    content = read(FOUR)
    assert (content.serial, content.lineage, content.format) == (3, FOUR["lineage"], 4)
    assert content.engine_version == "1.11.4"
    a, b = outputs_from_json(outputs_to_json(content.outputs))
    assert a == StateOutput("a", "x", sensitive=True, detailed_type="string")
    assert b.value == {"outputs": {"z": [1, 2.5, None]}, "serial": 9}
    assert b.detailed_type == ["object", {}]


def test_format_3_has_the_root_modules_outputs() -> None:
    content = read(THREE)
    assert (content.serial, content.lineage, content.format) == (5, "lineage-1", 3)
    assert content.outputs == (
        StateOutput("id", "i-1", sensitive=True, detailed_type="string"),
        StateOutput("names", ["a"]),
    )


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_however_it_is_cut_into_pieces(size: int) -> None:
    raw = json.dumps(FOUR).encode()
    reader = StateReader()
    for start in range(0, len(raw), size):
        reader.feed(raw[start : start + size])
    assert reader.finish() == read(FOUR)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b"1",
        b'"text"',
        b"not json",
        b'{"serial": 1',
        b'{"serial": 1} x',
        b'{"serial": 1}{}',
        b'{"serial": "5"}',
        b'{"serial": -1}',
        b'{"serial": 1.5}',
        b'{"serial": true}',
        b'{"serial": null}',
        b'{"serial": {"a": 1}}',
        b'{"serial": []}',
        b'{"serial": 99999999999999999999999}',
        b'{"serial": ' + b"9" * 10_000 + b"}",
        b'{"lineage": 1}',
        b'{"lineage": "a\\u0000b"}',
        b'{"lineage": "\\ud800"}',
        b'{"lineage": "' + b"x" * 300 + b'"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe\x00",
    ],
    ids=range(26),
)
def test_what_is_no_state_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        read(raw)


@pytest.mark.parametrize("document", [{}, {"outputs": []}, {"outputs": None}, {"outputs": {"x": 3}}, {"modules": [3]}])
def test_a_state_without_outputs(document: Any) -> None:
    content = read(document)
    assert (content.serial, content.lineage, content.outputs) == (0, "", ())


@pytest.mark.parametrize("value", [b"[" * 50_000 + b"]" * 50_000, b"[" + b"1," * 1_000_000 + b"1]"])
def test_outputs_that_would_need_gigabytes_are_refused(value: bytes) -> None:
    with pytest.raises(Refused):
        read(b'{"outputs": {"x": {"value": ' + value + b"}}}")


def test_numbers_that_are_no_doubles_stay_readable() -> None:
    outputs = read(b'{"outputs": {"x": {"value": [1e400, 0.1, 123456789012345678901234]}}}').outputs
    assert outputs_from_json(outputs_to_json(outputs))[0].value == ["1E+400", 0.1, 123456789012345678901234]


def test_where_a_serial_is() -> None:
    head = b'{"version": 4, "serial": 12, "resources": [{"serial":3}]}'
    assert [head[start:end] for start, end in serial_places(head)] == [b"12", b"3"]
