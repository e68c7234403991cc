"""What could a request say to each rule, if it said all that the rule takes? Bodies by the name of what is taken."""

from __future__ import annotations

import base64
from typing import Any

from tests.fakes.door_world import World
from tests.handlers.api.permission_table import TAKES
from tests.handlers.api.permission_world import PermissionWorld
from tests.handlers.api.state_world import LINEAGE, a_state, md5

URL, SHA256 = "https://releases.test/terraform.zip", "a" * 64
STATE = a_state(2)
# Whatever else a request to these says, it is refused; by then it has been read.
REFUSED = {
    "POST /organizations/<organization>/oauth-clients": 422,  # it has no credential, so that no host is asked
    "POST /workspaces/<workspace_id>/actions/lock": 409,  # held by a run
    "POST /runs/<run_id>/actions/apply": 409,  # the state has changed since it was planned
    "POST /runs/<run_id>/actions/force-execute": 403,  # it waits for none
    "POST /runs/<run_id>/actions/force-cancel": 409,  # nothing was cancelled before
    "POST /runs/<run_id>/actions/cancel": 409,  # it waits for a decision
}
_ASKERS = {
    "mia herself": "member",
    "mia's": "member",
    "site": "site admin",
}  # what a rule takes → who may; else an owner


class FullRequests:
    """Requests to the rules of a world, in which the owner holds the lock of a workspace with a state."""

    def __init__(self, matrix: PermissionWorld) -> None:
        self.matrix, world = matrix, matrix.world
        self.held = world.workspace("held")
        self.state = _stored(world, self.held.id)
        assert world.ask("POST", f"workspaces/{self.held.id}/actions/lock").status_code == 200

    def token(self, route: str) -> str:
        return self.matrix.tokens[_ASKERS.get(TAKES[route], "owner")]

    def workspace_of(self, route: str) -> str:
        """States are written by whoever holds the lock."""
        return self.held.id if TAKES[route] == "state: write" else self.matrix.prod.id

    def entries(self, path: str) -> dict[str, Any]:
        kind = path.rpartition("/")[2]
        tag = {"type": kind, "attributes": {"key": "tier", "value": "one"}}
        ident = {
            "users": "mia",
            "organization-memberships": self.matrix.names["organization-memberships", "membership_id"],
            "projects": self.matrix.names["projects", "project_id"],
            "tags": "",
        }.get(kind, self.matrix.neighbour.id)
        plain = {"type": "tags", "attributes": {"name": "tier"}}
        named = {"type": kind, "id": ident}
        return {"data": [tag if kind == "tag-bindings" else plain if kind == "tags" else named]}

    def body(self, takes: str) -> dict[str, Any]:
        """All that it takes, so that it is taken."""
        said = {"attributes": _ATTRIBUTES[takes], "relationships": self._relationships(takes)}
        return {"data": {name: value for name, value in said.items() if value}}

    def _relationships(self, takes: str) -> dict[str, Any]:
        matrix, services = self.matrix, self.matrix.services
        planning = services.workspaces.by_name(matrix.acme.id, "planning")
        assert planning is not None
        tags = _many({"type": "tag-bindings", "attributes": {"key": "tier", "value": "one"}})
        project = {"type": "projects", "id": matrix.names["projects", "project_id"]}
        variables = _many({"type": "vars", "attributes": {"key": "size", "value": "2"}})
        given = {"workspaces": _many({"type": "workspaces", "id": matrix.prod.id}), "projects": _many(project)}
        return {
            "membership": {"teams": _many({"type": "teams", "id": matrix.ops.id})},
            "new team access": {"team": _to(matrix.ops.id), "workspace": _to(matrix.neighbour.id)},
            "project": {"tag-bindings": tags},
            "workspace": {"project": {"data": project}, "tag-bindings": tags, "tags": _many()},
            "variable by name": {"workspace": _to(matrix.prod.id)},
            "variable set": {**given, "vars": variables},
            "changed variable set": given,
            "run trigger": {"sourceable": _to(planning.id)},
            "run": {"workspace": _to(matrix.prod.id), "configuration-version": _to(matrix.configuration_id)},
            "state version": {"run": {"data": None}},
            "rollback": {"rollback-state-version": _to(self.state)},
        }.get(takes, {})


_SETTINGS = {
    "working-directory": "",
    "execution-mode": "remote",
    "operations": True,
    "agent-pool-id": None,
    "engine": "terraform",
    "terraform-version": "1.11.4",
    "auto-apply": False,
    "auto-apply-run-trigger": False,
    "queue-all-runs": True,
    "speculative-enabled": True,
    "allow-destroy-plan": True,
    "file-triggers-enabled": True,
    "global-remote-state": True,
    "structured-run-output-enabled": True,
    "trigger-prefixes": [],
    "trigger-patterns": [],
    "vcs-workflow": "apply-after-merge",
    "apply-requirements": [],
    "apply-permission": "write",
    "author-may-apply": True,
    "auto-merge": False,
    "vcs-repo": None,
    "plan-timeout-seconds": 600,
    "apply-timeout-seconds": 600,
}
_RUN = {
    "message": "Said.",
    "plan-only": True,
    "save-plan": False,
    "auto-apply": False,
    "is-destroy": False,
    "refresh": True,
    "refresh-only": False,
    "allow-config-generation": False,
    "allow-empty-apply": False,
    "target-addrs": ["terraform_data.a"],
    "replace-addrs": [],
    "variables": [{"key": "size", "value": "2"}],
    "terraform-version": "latest",
}


def _to(ident: str) -> dict[str, Any]:
    return {"data": {"id": ident}}


def _many(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"data": list(entries)}


def _stored(world: World, workspace_id: Any) -> str:
    version = world.services.states.store(workspace_id, a_state(1), run_id=None)
    assert version is not None
    return version.id


_WORDS = {"name": "fresh", "description": "Said."}
_PARTS = {"runs": "plan", "variables": "read", "state-versions": "read", "sentinel-mocks": "none"}
_ACCESS = {"access": "custom", **_PARTS, "workspace-locking": True, "run-tasks": False}
_VARIABLE = {"key": "size", "value": "2", "category": "terraform", "hcl": True, "sensitive": False}
_VARIABLE_SET = {**_WORDS, "global": False, "priority": True}
_EXPIRY = {"expired-at": "2030-01-01T00:00:00Z"}
_OF_PEOPLE: dict[str, dict[str, Any]] = {
    "account": {"username": "ada", "email": "ada@acme.test"},
    "organization": {"name": "fresh", "email": "fresh@acme.test"},
    "membership": {"email": "fresh@acme.test"},
    "team": {
        "name": "fresh",
        "visibility": "organization",
        "allow-member-token-management": True,
        "organization-access": {"manage-projects": True},
    },
    "new team access": _ACCESS,
    "team access": _ACCESS,
    "token": {"description": "Said.", **_EXPIRY},
    "only token": _EXPIRY,
}
_OF_WORKSPACES: dict[str, dict[str, Any]] = {
    "project": _WORDS,
    "workspace": {**_WORDS, **_SETTINGS},
    "lock": {"reason": "Said."},
    "variable": {**_VARIABLE, "description": "Said."},
    "variable by name": {**_VARIABLE, "description": "Said."},
    "variable set": _VARIABLE_SET,
    "changed variable set": _VARIABLE_SET,
    "run trigger": {},
    "notification configuration": {
        "name": "fresh",
        "url": "http://127.0.0.1:1/",
        "token": "t0ken",
        "enabled": False,
        "destination-type": "generic",
        "triggers": ["run:created"],
    },
    "configuration version": {"speculative": True, "provisional": False, "auto-queue-runs": True},
    "run": _RUN,
    "comment": {"body": "Said."},
    "comment on an action": {"comment": "Said."},
    "state version": {
        "serial": 2,
        "md5": md5(STATE),
        "lineage": LINEAGE,
        "force": False,
        "state": base64.b64encode(STATE).decode(),
        "json-state": base64.b64encode(b"{}").decode(),
    },
    "rollback": {},
}
_OF_SITES_AND_HOSTS: dict[str, dict[str, Any]] = {
    "oauth client": {
        "service-provider": "github",
        "name": "fresh",
        "http-url": "",
        "api-url": "",
        "oauth-token-string": "",
        "app-id": "",
        "private-key": "",
        "webhook-secret": "",
    },
    "changed oauth client": {"name": "fresh", "oauth-token-string": ""},
    "oauth token": {"oauth-token-string": ""},
    "terraform version": {
        "version": "1.9.9",
        "url": URL,
        "sha": SHA256,
        "official": False,
        "enabled": True,
        "beta": False,
        "deprecated": True,
        "deprecated-reason": "Said.",
        "archs": [{"url": URL, "sha": SHA256, "os": "linux", "arch": "amd64"}],
    },
}
_ATTRIBUTES = {**_OF_PEOPLE, **_OF_WORKSPACES, **_OF_SITES_AND_HOSTS}
