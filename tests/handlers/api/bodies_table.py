"""What can a body name, and what is answered then? From what the door of each named thing itself would answer.

The asker is a member who administers `mine`, reads `read`, writes the states of `keeper` but reads no runs there, may
find `found` and nothing more, and doesn't see `hidden`.
`umbrella's …` is in another organization. A flag is what the asker's team has besides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.permissions import Flag
from tests.handlers.api.permission_world import related
from tests.handlers.api.state_world import LINEAGE, a_state, md5

Known = dict[str, str]  # what is there, by the words of the table
Said = Callable[[Known, str], dict[str, Any]]  # what is known, the id that is named → the body


@dataclass(frozen=True)
class Row:
    """`answers`: what the body names → the status. `holds`: the workspace that the asker locks first."""

    method: str
    path: str
    body: Said
    answers: dict[str, int]
    flag: Flag | None = None
    holds: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.flag or ''}"


def entries(_: Known, ident: str) -> dict[str, Any]:
    return {"data": [{"id": ident}]}


def as_relationship(name: str, attributes: dict[str, Any] | None = None, **besides: str) -> Said:
    """The id as a relationship, `besides` others that are the asker's to name."""

    def body(known: Known, ident: str) -> dict[str, Any]:
        found = related(**{other: known[word] for other, word in besides.items()}, **{name: ident})
        found["data"]["attributes"] = attributes or {}
        return found

    return body


def among(relationship: str, **attributes: str) -> Said:
    """The id as the only one that a relationship lists."""

    def body(_: Known, ident: str) -> dict[str, Any]:
        return {"data": {"attributes": attributes, "relationships": {relationship: {"data": [{"id": ident}]}}}}

    return body


def as_token(_: Known, ident: str) -> dict[str, Any]:
    return {"data": {"attributes": {"vcs-repo": {"identifier": "acme/infra", "oauth-token-id": ident}}}}


_STATE = {"serial": 9, "lineage": LINEAGE, "md5": md5(a_state(9))}
_ACME, _MINE = "organizations/acme", "workspaces/{mine}"
_TEAM, _SET, _PROJECT = "teams/{open team}", "varsets/{set}/relationships", "projects/{project}/relationships"
_WORKSPACES = {"mine": 201, "read": 403, "found": 403, "hidden": 404, "umbrella's": 404}

TABLE = (
    # A project brings its variable sets with it.
    Row("PATCH", _MINE, as_relationship("project"), {"own project": 200, "project": 403, "umbrella's project": 422}),
    Row("PATCH", f"{_ACME}/workspaces/mine", as_relationship("project"), {"own project": 200, "project": 403}),
    Row(
        *("PATCH", _MINE, as_relationship("project"), {"project": 200, "umbrella's project": 422}),
        flag=Flag.MANAGE_PROJECTS,
    ),
    Row("PATCH", "workspaces/{hidden}", as_relationship("project"), {"project": 403}, Flag.MANAGE_WORKSPACES),
    Row(
        *("POST", f"{_ACME}/workspaces", as_relationship("project", {"name": "new"})),
        {"project": 201, "umbrella's project": 422},
        flag=Flag.MANAGE_WORKSPACES,
    ),
    Row("POST", f"{_PROJECT}/workspaces", entries, {"mine": 403, "hidden": 403, "umbrella's": 403}),
    Row(
        *("POST", f"{_PROJECT}/workspaces", entries, {"mine": 204, "found": 204, "hidden": 422, "umbrella's": 422}),
        flag=Flag.MANAGE_PROJECTS,
    ),
    # Workspaces that come into contact with another one.
    Row(
        *("POST", f"{_MINE}/run-triggers", as_relationship("sourceable")),
        {"read": 201, "found": 403, "hidden": 422, "umbrella's": 422},
    ),
    *(
        Row(
            *(method, f"{_MINE}/relationships/remote-state-consumers", entries),
            {"read": 204, "found": 204, "hidden": 422, "umbrella's": 422},
        )
        for method in ("POST", "PATCH")
    ),
    *(
        Row("POST", f"{_SET}/{kind}", entries, answers, Flag.MANAGE_WORKSPACES)
        for kind, answers in (
            ("workspaces", {"mine": 204, "hidden": 204, "umbrella's": 422}),
            ("projects", {"project": 204, "umbrella's project": 422}),
        )
    ),
    *(
        Row(method, path, among(kind, name="new"), {**answers, f"umbrella's{of}": 422}, Flag.MANAGE_WORKSPACES)
        for kind, of in (("workspaces", ""), ("projects", " project"))
        for method, path, answers in (
            ("POST", f"{_ACME}/varsets", {"mine": 201} if not of else {"project": 201}),
            ("PATCH", "varsets/{set}", {"mine": 200} if not of else {"project": 200}),
        )
    ),
    # People and teams.
    Row(
        *("POST", "team-workspaces", as_relationship("team", {"access": "read"}, workspace="mine")),
        {"open team": 201, "secret team": 422, "umbrella's open team": 422, "umbrella's secret team": 422},
    ),
    Row("POST", "team-workspaces", as_relationship("workspace", {"access": "read"}, team="open team"), _WORKSPACES),
    Row(
        *("POST", f"{_ACME}/organization-memberships", among("teams", email="new@acme.test")),
        {"open team": 201, "secret team": 201, "umbrella's open team": 422, "umbrella's secret team": 422},
        flag=Flag.MANAGE_MEMBERSHIP,
    ),
    *(
        Row(
            *("POST", f"{_TEAM}/relationships/{way}", entries, {word: 204, f"umbrella's {word}": 422}),
            flag=Flag.MANAGE_MEMBERSHIP,
        )
        for way, word in (("users", "user"), ("organization-memberships", "membership"))
    ),
    # Runs, and what they are made of.
    Row("POST", "runs", as_relationship("workspace", **{"configuration-version": "mine's commit"}), _WORKSPACES),
    Row(
        *("POST", "runs", as_relationship("configuration-version", workspace="mine")),
        {
            "mine's upload": 201,
            "mine's commit": 201,
            "read's commit": 201,
            "read's upload": 422,
            "found's commit": 403,
            "hidden's commit": 422,
            "hidden's upload": 422,
            "umbrella's upload": 422,
        },
    ),
    Row("POST", "vars", as_relationship("workspace", {"key": "a"}), _WORKSPACES),
    Row(
        *("POST", f"{_MINE}/state-versions", as_relationship("run", _STATE)),
        {"mine's run": 201, "read's run": 422, "hidden's run": 422, "umbrella's run": 422},
        holds="mine",
    ),
    Row(
        *("POST", "workspaces/{keeper}/state-versions", as_relationship("run", _STATE)),
        {"keeper's run": 403, "mine's run": 422, "hidden's run": 422},
        holds="keeper",
    ),
    Row(
        *("PATCH", f"{_MINE}/state-versions", as_relationship("rollback-state-version")),
        {"mine's old state": 201, "read's state": 404, "hidden's state": 404, "umbrella's state": 404},
        holds="mine",
    ),
    Row("PATCH", _MINE, as_token, {"umbrella's connection": 422}),
    Row("POST", f"{_MINE}/relationships/tags", entries, {"tag": 204, "umbrella's tag": 422}),
)
