"""Does the manifest's digest stand for everything that a run is locked to, and give nothing away?"""

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from bot.manifest import Category, Manifest, VariableValue, is_refused_environment, plan_digest, plan_digest_in_pieces
from bot.run_options import RunOptions

KEY = b"k" * 32
SECRET = VariableValue("password", "hunter2", Category.TERRAFORM, sensitive=True)
MANIFEST = Manifest(
    workspace_id="ws-1",
    configuration_version_id="cv-1",
    commit_sha="a" * 40,
    engine="terraform",
    engine_version="1.11.4",
    working_directory="prod",
    variables=(SECRET, VariableValue("AWS_REGION", "eu-west-1", Category.ENVIRONMENT)),
)


def test_the_same_facts_have_the_same_digest() -> None:
    digest = MANIFEST.digest(KEY)
    assert len(digest) == 64
    assert set(digest) <= set("0123456789abcdef")
    assert replace(MANIFEST).digest(KEY) == digest


CHANGES: dict[str, Any] = {
    "workspace_id": "ws-2",
    "configuration_version_id": "cv-2",
    "commit_sha": "b" * 40,
    "engine": "tofu",
    "engine_version": "1.11.5",
    "working_directory": "",
    "base_sha": "c" * 40,
    "pull_number": 41,
    "is_destroy": True,
    "variables": (),
    "options": RunOptions(targets=("terraform_data.one",)),
    "own_variables": ("password",),
}


@pytest.mark.parametrize("name", [field.name for field in fields(Manifest)])
def test_every_fact_changes_the_digest(name: str) -> None:
    assert replace(MANIFEST, **{name: CHANGES[name]}).digest(KEY) != MANIFEST.digest(KEY)


@pytest.mark.parametrize(
    "change", [{"key": "x"}, {"value": "x"}, {"category": Category.ENVIRONMENT}, {"hcl": True}, {"sensitive": False}]
)
def test_every_fact_of_a_variable_changes_the_digest(change: dict[str, Any]) -> None:
    other = replace(MANIFEST, variables=(replace(SECRET, **change), *MANIFEST.variables[1:]))
    assert other.digest(KEY) != MANIFEST.digest(KEY)


def test_which_variables_are_a_runs_own_is_read_back_and_says_nothing_where_none_is() -> None:
    assert "own_variables" not in MANIFEST.as_json()
    for own in ((), ("password",)):
        told = replace(MANIFEST, own_variables=own)
        assert Manifest.from_json(json.loads(json.dumps(told.as_json()))) == told


def test_the_digest_is_keyed() -> None:
    assert MANIFEST.digest(KEY) != MANIFEST.digest(b"other")


def test_text_can_not_move_from_one_field_to_the_next() -> None:
    first = replace(MANIFEST, engine="ab", engine_version="c")
    assert first.digest(KEY) != replace(MANIFEST, engine="a", engine_version="bc").digest(KEY)


def test_a_value_never_shows_in_a_repr() -> None:
    assert "hunter2" not in repr(SECRET)
    assert "hunter2" not in repr(MANIFEST)


def test_a_manifest_survives_being_stored() -> None:
    back = Manifest.from_json(json.loads(json.dumps(MANIFEST.as_json())))
    assert back == MANIFEST
    assert back.digest(KEY) == MANIFEST.digest(KEY)


def test_a_plan_digest_knows_where_each_part_ends() -> None:
    assert plan_digest([b"ab", b"c"]) != plan_digest([b"a", b"bc"])
    assert plan_digest([b"ab"]) != plan_digest([b"ab", b""])
    # SHA-256 over an eight-byte length and the part itself, worked out with another tool.
    assert plan_digest_in_pieces([(2, [b"a", b"b"]), (1, [b"", b"c"])]) == plan_digest([b"ab", b"c"])
    for length in (1, 3):
        with pytest.raises(ValueError, match="2 bytes long"):
            plan_digest_in_pieces([(length, [b"a", b"b"])])
    assert plan_digest([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert plan_digest([b""]) == "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc"


@pytest.mark.parametrize(
    ("key", "refused"),
    [
        ("TF_WORKSPACE", True),
        ("TF_DATA_DIR", True),
        ("TF_CLI_CONFIG_FILE", True),
        ("TF_REATTACH_PROVIDERS", True),
        ("TF_HTTP_ADDRESS", True),
        ("tf_http_password", True),
        ("LD_PRELOAD", True),
        ("LD_LIBRARY_PATH", True),
        ("TF_VAR_region", False),
        ("TF_LOG", False),
        ("AWS_REGION", False),
        ("OLD_LD_PATH", False),
    ],
)
def test_what_a_workspace_may_not_set(key: str, refused: bool) -> None:
    assert is_refused_environment(key) is refused
