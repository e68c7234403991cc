"""Which settings fit? A table, and how they go together."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.errors import Refused
from bot.ids import OrganizationId, ProjectId, WorkspaceId
from bot.workspace import EngineName, Requirement, Workflow, Workspace
from bot.workspace_settings import check_name, fitting_settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_workspace(**settings: Any) -> Workspace:
    return Workspace(WorkspaceId("ws-1"), OrganizationId("org-1"), "acme", "prod", NOW, ProjectId("prj-1"), **settings)


@pytest.mark.parametrize("name", ["a", "prod-1_B", "x" * 90])
def test_good_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "x" * 91, "a b", "a/b", "ä", "a\n", "..", None, 3, ["a"]])
def test_bad_names(name: object) -> None:
    with pytest.raises(Refused, match="1 to 90"):
        check_name(name)


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("working_directory", "envs/prod/", "envs/prod"),
        ("working_directory", "./envs//prod", "envs/prod"),
        ("working_directory", None, ""),
        ("trigger_prefixes", ["/modules/", "shared"], ("modules", "shared")),
        ("trigger_prefixes", ["/"], ("/",)),
        ("trigger_prefixes", None, ()),
        ("trigger_patterns", ["**/*.tf", "", "**/*.tf"], ("**/*.tf",)),
        ("branch", "release/1.2", "release/1.2"),
        ("branch", None, ""),
        ("engine", "tofu", EngineName.TOFU),
        ("engine_version", "latest", ""),
        ("engine_version", "1.11.4", "1.11.4"),
        ("engine_version", "~> 1.5, < 1.9.0", "~> 1.5, < 1.9.0"),
        ("engine_version", "1.12.0-beta1", "1.12.0-beta1"),
        ("engine_version", "1.10.0-alpha20240911", "1.10.0-alpha20240911"),
        ("engine_version", ">= 1.9.0-rc.1, < 2", ">= 1.9.0-rc.1, < 2"),
        ("vcs_workflow", "apply-before-merge", Workflow.APPLY_BEFORE_MERGE),
        ("apply_requirements", ["approved", "mergeable"], (Requirement.APPROVED, Requirement.MERGEABLE)),
        ("apply_requirements", [], ()),
        ("auto_apply", True, True),
        ("plan_timeout_seconds", 60, 60),
    ],
)
def test_what_fits_is_brought_into_our_form(name: str, given: object, kept: object) -> None:
    assert fitting_settings({name: given}) == {name: kept}


@pytest.mark.parametrize("name", ["auto_apply", "engine", "vcs_workflow", "plan_timeout_seconds"])
def test_null_for_what_cannot_be_empty_is_not_given(name: str) -> None:
    assert fitting_settings({name: None}) == {}


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("working_directory", "/etc", "working-directory"),
        ("working_directory", "a/../../b", "leave the repository"),
        ("working_directory", "a\\b", "working-directory"),
        ("working_directory", "a\nb", "working-directory"),
        ("working_directory", 3, "working-directory"),
        ("working_directory", "x" * 1001, "working-directory"),
        ("trigger_prefixes", ["../other"], "leave the repository"),
        ("trigger_prefixes", "modules", "a list"),
        ("trigger_prefixes", [3], "a list"),
        ("trigger_prefixes", ["x"] * 201, "at most 200"),
        ("trigger_patterns", ["x" * 1001], "trigger-patterns"),
        ("tags_regex", "v(", "tags-regex"),
        ("tags_regex", "(?=x)", "tags-regex"),
        ("branch", "-x", "branch"),
        ("branch", "a..b", "branch"),
        ("branch", "a b", "branch"),
        ("branch", "refs/heads/x.lock", "branch"),
        ("engine", "pulumi", "terraform, tofu"),
        ("engine", ["tofu"], "terraform, tofu"),
        ("engine_version", "newest", "terraform-version"),
        ("engine_version", "1.2.3; rm", "terraform-version"),
        ("engine_version", "1.9.8-1", "terraform-version"),
        ("engine_version", "1.9.8-dev", "terraform-version"),
        ("engine_version", "1.9.0-rc1.dev2", "terraform-version"),
        ("vcs_workflow", "", "vcs-workflow"),
        ("apply_requirements", ["nice"], "apply-requirements"),
        ("apply_permission", "read", "apply-permission"),
        ("auto_apply", "yes", "auto-apply"),
        ("auto_apply", 1, "auto-apply"),
        ("plan_timeout_seconds", True, "plan-timeout-seconds"),
        ("plan_timeout_seconds", 0, "plan-timeout-seconds"),
        ("locked_by", "me", "no setting"),
    ],
)
def test_what_does_not_fit_is_named(name: str, given: object, said: str) -> None:
    with pytest.raises(Refused, match=said):
        fitting_settings({name: given})


@pytest.mark.parametrize(
    ("current", "given"),
    [
        ({}, {"trigger_prefixes": ["a"], "trigger_patterns": ["b"]}),
        ({"trigger_prefixes": ("a",)}, {"trigger_patterns": ["b"]}),
        ({}, {"tags_regex": "v", "trigger_prefixes": ["a"]}),
        ({}, {"tags_regex": "v", "trigger_patterns": ["a"]}),
        ({}, {"tags_regex": "v", "file_triggers_enabled": True}),
        ({"tags_regex": "v", "file_triggers_enabled": False}, {"file_triggers_enabled": True}),
        ({"trigger_patterns": ("a",)}, {"tags_regex": "v"}),
    ],
)
def test_triggers_that_cannot_be_combined(current: dict[str, Any], given: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="combined"):
        fitting_settings(given, a_workspace(**current))


def test_one_kind_of_trigger_may_replace_the_other() -> None:
    given = {"trigger_prefixes": [], "trigger_patterns": ["b"]}
    assert fitting_settings(given, a_workspace(trigger_prefixes=("a",)))["trigger_patterns"] == ("b",)


def test_a_workspace_that_listens_to_tags_looks_at_no_files() -> None:
    assert fitting_settings({"tags_regex": "^v"}) == {"tags_regex": "^v", "file_triggers_enabled": False}
