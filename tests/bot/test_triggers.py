"""Do changed paths and tags find the right workspaces, quickly, whatever the patterns?"""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.ids import OrganizationId, ProjectId, WorkspaceId
from bot.triggers import LONGEST_PATTERN, BadPattern, ChangedPaths, compile_glob, tag_matches
from bot.workspace import Workspace


def a_workspace(**settings: Any) -> Workspace:
    return Workspace(
        id=WorkspaceId("ws-1"),
        organization_id=OrganizationId("org-1"),
        organization_name="acme",
        name="prod",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        project_id=ProjectId("prj-1"),
        **settings,
    )


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.tf", "main.tf", True),
        ("*.tf", "modules/main.tf", False),
        ("*.tf", ".hidden.tf", True),
        ("?.tf", "a.tf", True),
        ("?.tf", "ab.tf", False),
        ("modules/**", "modules/a", True),
        ("modules/**", "modules/.a/b", True),
        ("modules/**", "modules", False),
        ("modules/**", "modules2/a", False),
        ("/modules/**/*", "modules/vpc/main.tf", True),
        ("**/*.tf", "main.tf", True),
        ("**/*.tf", "a/b/.c/main.tf", True),
        ("/**/networking/**/*.tf", "x/networking/main.tf", True),
        ("/**/networking/**/*.tf", "networking/a/b/main.tf", True),
        ("/**/networking/**/*.tf", "x/network/main.tf", False),
        ("a/**/b/**/c", "a/b/b/x/c", True),
        ("a/**/b/**/c", "a/x/c", False),
        ("**/a/b", "a/a/b", True),
        ("**", "x", True),
        ("**/**", "x/y", True),
        ("a**b", "axxb", True),
        ("a**b", "ax/xb", False),
        ("env[12]/x", "env2/x", True),
        ("env[12]/x", "env3/x", False),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        ("./a/x", "a/x", True),
        ("", "a", False),
        ("/", "a", False),
        ("A/*", "a/x", False),
        ("{a,b}", "a", False),
        ("!a", "b", False),
        ("café/*", "café/line\nbreak", True),
    ],
)
def test_globs_are_rooted_at_the_repository(pattern: str, path: str, expected: bool) -> None:
    assert compile_glob(pattern).matches(path) is expected
    assert (ChangedPaths([path]).first_match(pattern) is not None) is expected


@given(
    st.text(alphabet="ab*?/[].\\", max_size=12), st.lists(st.text(alphabet="ab.", min_size=1, max_size=4), min_size=1)
)
def test_the_quick_way_finds_what_the_slow_way_finds(pattern: str, names: list[str]) -> None:
    path = "/".join(names)
    assert (ChangedPaths([path]).first_match(pattern) is not None) == compile_glob(pattern).matches(path)


@given(st.text(max_size=40), st.text(max_size=60))
@settings(max_examples=200)
def test_no_pattern_and_no_path_raises_anything_else(pattern: str, path: str) -> None:
    assert ChangedPaths([path]).first_match(pattern) in (path, None)


def test_many_double_stars_do_not_hang() -> None:
    deep = "a/" * 1_000 + "bc"
    started = time.perf_counter()
    assert not compile_glob("**/a/" * 100 + "b").matches(deep)
    assert not compile_glob("**/*a*/" * 100 + "b").matches(deep)
    assert not compile_glob("*a" * 100 + "b").matches("a" * 3_000)
    assert time.perf_counter() - started < 2


def test_a_pattern_that_is_far_too_long_is_refused() -> None:
    with pytest.raises(BadPattern, match="more than 1000 characters"):
        compile_glob("a" * (LONGEST_PATTERN + 1))


@pytest.mark.parametrize(
    ("settings", "paths", "touched", "words"),
    [
        ({}, ["README.md"], True, "every change counts, because it has no working directory"),
        ({}, [], True, "every change counts, because it has no working directory"),
        ({"working_directory": "prod"}, ["prod/main.tf"], True, "prod/main.tf is below its working directory prod"),
        ({"working_directory": "prod"}, ["prod2/main.tf", "README.md"], False, "no changed file is in its working"),
        ({"working_directory": "prod"}, [], False, "no changed file"),
        ({"working_directory": "prod"}, None, True, "which files changed isn't known"),
        ({"working_directory": "prod", "file_triggers_enabled": False}, ["x"], True, "file triggers are off"),
        ({"working_directory": "prod", "trigger_prefixes": ("/modules/",)}, ["modules/a"], True, "prefix modules"),
        ({"working_directory": "prod", "trigger_prefixes": ("./modules",)}, ["modules/a"], True, "prefix modules"),
        ({"working_directory": "prod", "trigger_prefixes": ("modules",)}, ["modules2/a"], False, "no changed file"),
        ({"working_directory": "prod", "trigger_prefixes": ("x.tfvars",)}, ["x.tfvars"], True, "prefix x.tfvars"),
        ({"working_directory": "prod", "trigger_prefixes": ("/",)}, ["x"], True, "x is below its trigger prefix /"),
        ({"trigger_prefixes": ("modules",)}, ["README.md"], True, "every change counts"),
        ({"trigger_patterns": ("**/*.tf",)}, ["README.md"], False, "no changed file"),
        ({"trigger_patterns": ("docs/*", "**/*.tf")}, ["a/b.tf"], True, "a/b.tf matches its trigger pattern **/*.tf"),
        ({"trigger_patterns": ("x/*",), "working_directory": "prod"}, ["prod/a"], True, "working directory prod"),
    ],
)
def test_what_touches_a_workspace(settings: dict[str, Any], paths: list[str] | None, touched: bool, words: str) -> None:
    touch = ChangedPaths(paths).touch(a_workspace(**settings))
    assert touch.is_touched is touched
    assert words in touch.reason


def test_a_bad_pattern_does_not_hide_a_good_one() -> None:
    bad, good = "x" * 2_000, "**/*.tf"
    assert ChangedPaths(["a.tf"]).touch(a_workspace(trigger_patterns=(bad, good))).is_touched
    with pytest.raises(BadPattern):
        ChangedPaths(["a.md"]).touch(a_workspace(trigger_patterns=(bad, good)))


@pytest.mark.parametrize(
    ("pattern", "tag", "expected"),
    [
        (r"^v\d+\.\d+\.\d+$", "v1.2.3", True),
        (r"^v\d+\.\d+\.\d+$", "v1.2.3-rc1", False),
        (r"\d+\.\d+\.\d+", "release-1.2.3", True),
        ("v", "dev", True),
        (r"^V1$", "v1", False),
        ("x", "a\udcffx", True),
        (r"^é$", "é", True),
    ],
)
def test_tags_are_searched_for_the_pattern(pattern: str, tag: str, expected: bool) -> None:
    assert tag_matches(pattern, tag) is expected


@pytest.mark.parametrize("pattern", ["(", "[", "(?=v)", r"(a)\1", "\\", "a{1000}{1000}", "x" * 2_000])
def test_a_tag_pattern_that_cannot_be_read_says_why(pattern: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadPattern, match=r"its tags-regex (can't be read: \w|has more than)"):
        tag_matches(pattern, "v1")
    assert capfd.readouterr().err == ""


def test_a_catastrophic_tag_pattern_answers_at_once() -> None:
    started = time.perf_counter()
    assert not tag_matches(r"^(a+)+$", "a" * 5_000 + "b")
    assert time.perf_counter() - started < 0.5
