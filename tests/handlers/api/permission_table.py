"""What may each role do, and what does each route take? From TFE's documents and the mission, not from our code.

tfe-contract 4.1 (kinds of tokens) and 4.2 (permission sets, and what each endpoint needs).
"""

# Words for what a route takes, and in which order somebody gets more.
READ = {"find", "read", "runs: read", "variables: read", "values of sets", "outputs", "state: read"}
PLAN = READ | {"runs: plan"}
WRITE = PLAN | {"runs: apply", "variables: write", "state: write", "lock"}
ADMIN = WRITE | {"administer", "force"}
MEMBER = {"a token", "a user", "colleague", "entitlements", "member"}
MANAGE = {"workspaces", "projects", "vcs", "policies", "membership", "teams", "team tokens"}
OWNER = MEMBER | ADMIN | MANAGE | {"owner"}
NO_USER = {"a user"}

IN_A_WORKSPACE = ADMIN - {"values of sets"}
# Of a set everybody may know that it is there; its values are for who reads the variables of a workspace it reaches.
IN_THE_ORGANIZATION = {"entitlements", "member", "owner", "values of sets"} | MANAGE

ROLES: dict[str, set[str]] = {
    "owner": OWNER,
    "member": MEMBER | {"mia's", "mia herself"},
    "read": MEMBER | READ,
    "plan": MEMBER | PLAN,
    "write": MEMBER | WRITE,
    "admin": MEMBER | ADMIN,
    "custom: nothing": MEMBER | {"find", "read"},
    "custom: apply, outputs, lock": MEMBER
    | {"find", "read", "runs: read", "runs: plan", "runs: apply", "outputs", "lock"},
    "manage-workspaces": MEMBER | ADMIN | {"workspaces"},
    "read-workspaces": MEMBER | READ,
    "manage-projects": MEMBER | {"projects"},
    "read-projects": MEMBER,
    "manage-policies": MEMBER | {"policies", "find", "read", "runs: read"},
    "manage-policy-overrides": MEMBER | {"find", "read", "runs: read"},
    "manage-vcs-settings": MEMBER | {"vcs"},
    "manage-membership": MEMBER | {"membership"},
    "manage-teams": MEMBER | {"teams", "team tokens"},
    "manage-organization-access": MEMBER,
    "access-secret-teams": MEMBER,
    "team token": (MEMBER | WRITE) - NO_USER,
    "owners' team token": OWNER - NO_USER,
    # It sets things up; it starts, confirms, discards and cancels nothing, writes no state, and makes nobody's tokens.
    "organization token": (MEMBER | ADMIN | MANAGE)
    - NO_USER
    - {"runs: plan", "runs: apply", "state: write", "force", "team tokens"},
    # The run's own token reads states of its organization, and writes only its own workspace's, while it is applied.
    "planning run": {"entitlements", "find", "state: read", "outputs"},
    "neighbour's applying run": {"entitlements", "find", "state: read", "outputs"},
    "own planning run": {"entitlements", "find", "state: read", "outputs"},
    "own applying run": {"entitlements", "find", "state: read", "outputs", "state: write", "lock"},
    "nobody's member": {"a token", "a user"},
    # It opens the `admin/` part and nothing else: whatever is an organization's is asked as of anybody.
    "site admin": {"a token", "a user", "site"},
    "site admin in an organization": MEMBER | {"site"},
    "owner elsewhere": {"a token", "a user"},
    "organization token elsewhere": {"a token"},
    "owners' team token elsewhere": {"a token"},
    "applying run elsewhere": set(),
}

_ORG, _WS, _NAMED = "/organizations/<organization>", "/workspaces/<workspace_id>", "/organizations/<name>"
_WS_NAMED, _TEAM, _RUN = f"{_ORG}/workspaces/<name>", "/teams/<team_id>", "/runs/<run_id>"
_SET, _PROJECT, _STATE = "/varsets/<set_id>", "/projects/<project_id>", "/state-versions/<version_id>"

# What it takes → the routes that take it. A route that isn't here fails the test: say here what it takes.
ROUTES: dict[str, list[str]] = {
    "a token": ["GET /account/details", "GET /organizations"],
    "a user": [
        *("PATCH /account/update", "PATCH /account/password", "GET /organization-memberships"),
        "POST /organizations",
    ],
    "mia herself": ["GET /users/<user_id>/authentication-tokens", "POST /users/<user_id>/authentication-tokens"],
    "mia's": ["GET /authentication-tokens/<token_id>", "DELETE /authentication-tokens/<token_id>"],
    "colleague": ["GET /users/<user_id>"],
    "entitlements": [f"GET {_NAMED}/entitlement-set"],
    "member": [
        *(f"GET {_NAMED}", f"GET {_NAMED}/capacity", f"GET {_NAMED}/runs/queue", f"GET {_ORG}/runs"),
        *(f"GET {_ORG}/{what}" for what in ("organization-memberships", "teams", "workspaces", "projects", "varsets")),
        *("GET /organization-memberships/<membership_id>", f"GET {_TEAM}", f"GET {_PROJECT}"),
        f"GET {_TEAM}/relationships/organization-memberships",
        *(f"GET {_PROJECT}/{what}" for what in ("tag-bindings", "effective-tag-bindings", "varsets")),
        f"GET {_SET}",
    ],
    "owner": [
        *(f"PATCH {_NAMED}", f"DELETE {_NAMED}"),
        *(f"{method} {_ORG}/authentication-token" for method in ("GET", "POST", "DELETE")),
    ],
    "membership": [
        *(f"POST {_ORG}/organization-memberships", "DELETE /organization-memberships/<membership_id>"),
        *(f"{method} {_TEAM}/relationships/users" for method in ("POST", "DELETE")),
        *(f"{method} {_TEAM}/relationships/organization-memberships" for method in ("POST", "DELETE")),
    ],
    "teams": [f"POST {_ORG}/teams", f"PATCH {_TEAM}", f"DELETE {_TEAM}", f"GET {_ORG}/team-tokens"],
    "team tokens": [
        *(f"{method} {_TEAM}/authentication-token" for method in ("GET", "POST", "DELETE")),
        *(f"{method} {_TEAM}/authentication-tokens" for method in ("GET", "POST")),
    ],
    "vcs": [
        *(f"GET {_ORG}/oauth-clients", f"POST {_ORG}/oauth-clients", f"GET {_ORG}/oauth-tokens"),
        *("GET /oauth-clients/<client_id>", "DELETE /oauth-clients/<client_id>"),
        *("GET /oauth-clients/<client_id>/oauth-tokens", "GET /oauth-tokens/<oauth_token_id>"),
        *("PATCH /oauth-clients/<client_id>", "PATCH /oauth-tokens/<oauth_token_id>"),
        "DELETE /oauth-tokens/<oauth_token_id>",
    ],
    "projects": [
        *(f"POST {_ORG}/projects", f"PATCH {_PROJECT}", f"DELETE {_PROJECT}", f"PATCH {_PROJECT}/tag-bindings"),
        f"POST {_PROJECT}/relationships/workspaces",
    ],
    "workspaces": [
        *(f"POST {_ORG}/workspaces", f"POST {_ORG}/varsets", f"PATCH {_SET}", f"DELETE {_SET}"),
        *(f"{method} {_SET}/relationships/vars/<variable_id>" for method in ("PATCH", "DELETE")),
        f"POST {_SET}/relationships/vars",
        *(
            f"{method} {_SET}/relationships/{what}"
            for method in ("POST", "DELETE")
            for what in ("workspaces", "projects")
        ),
    ],
    "find": [f"GET {_WS}", f"GET {_WS_NAMED}"],
    "read": [
        *(f"GET {_WS}/{what}" for what in ("tag-bindings", "effective-tag-bindings", "relationships/tags")),
        *(f"GET {_WS}/relationships/remote-state-consumers", f"GET {_WS}/run-triggers"),
        *("GET /run-triggers/<trigger_id>", "GET /team-workspaces", "GET /team-workspaces/<grant_id>"),
    ],
    "runs: read": [
        *(f"GET {_WS}/runs", f"GET {_RUN}", f"GET {_RUN}/run-events", "GET /run-events/<event_id>"),
        *(f"GET {_RUN}/comments", "GET /comments/<comment_id>", f"GET {_RUN}/plan", f"GET {_RUN}/apply"),
        *("GET /plans/<plan_id>", "GET /plans/<plan_id>/json-output-redacted", "GET /applies/<apply_id>"),
        *(f"GET {_WS}/configuration-versions", "GET /configuration-versions/<version_id>"),
        *(f"GET /configuration-versions/<version_id>/{what}" for what in ("ingress-attributes", "download")),
        *(f"GET {_RUN}/configuration-version/download", "GET /plans/<plan_id>/json-schema"),
        f"GET {_RUN}/plan/json-schema",
    ],
    "runs: plan": ["POST /runs", f"POST {_WS}/configuration-versions", f"POST {_RUN}/comments"],
    "runs: apply": [
        *(f"POST {_RUN}/actions/{what}" for what in ("apply", "discard", "cancel", "force-execute")),
        "POST /configuration-versions/<version_id>/actions/archive",
    ],
    "force": [f"POST {_RUN}/actions/force-cancel"],
    "values of sets": [f"GET {_SET}/relationships/vars", f"GET {_SET}/relationships/vars/<variable_id>"],
    "variables: read": [
        *(f"GET {_WS}/{what}" for what in ("vars", "all-vars", "varsets", "applicable-varsets")),
        *(f"GET {_WS}/vars/<variable_id>", "GET /vars"),
    ],
    "variables: write": [
        *(f"POST {_WS}/vars", f"PATCH {_WS}/vars/<variable_id>", f"DELETE {_WS}/vars/<variable_id>", "POST /vars"),
        *("PATCH /vars/<variable_id>", "DELETE /vars/<variable_id>"),
    ],
    "outputs": [
        *(f"GET {_WS}/current-state-version-outputs", f"GET {_STATE}/outputs"),
        "GET /state-version-outputs/<output_id>",
    ],
    "state: read": [
        *(f"GET {_WS}/state-versions", f"GET {_WS}/current-state-version", "GET /state-versions", f"GET {_STATE}"),
        *(f"GET {_STATE}/{what}" for what in ("download", "json-download", "diff")),
        "GET /applies/<apply_id>/errored-state",
    ],
    "state: write": [f"POST {_WS}/state-versions", f"PATCH {_WS}/state-versions"],
    "lock": [f"POST {_WS}/actions/lock", f"POST {_WS}/actions/unlock"],
    "administer": [
        *(f"PATCH {_WS}", f"DELETE {_WS}", f"PATCH {_WS_NAMED}", f"DELETE {_WS_NAMED}"),
        *(f"POST {_WS}/actions/safe-delete", f"POST {_WS_NAMED}/actions/safe-delete"),
        *(f"POST {_WS}/actions/force-unlock", f"PATCH {_WS}/tag-bindings"),
        *(f"{method} {_WS}/relationships/tags" for method in ("POST", "DELETE")),
        *(f"{method} {_WS}/relationships/remote-state-consumers" for method in ("POST", "PATCH", "DELETE")),
        *(f"POST {_WS}/run-triggers", "DELETE /run-triggers/<trigger_id>"),
        *(f"{method} {_WS}/notification-configurations" for method in ("GET", "POST")),
        *(f"{method} /notification-configurations/<configuration_id>" for method in ("GET", "PATCH", "DELETE")),
        "POST /notification-configurations/<configuration_id>/actions/verify",
        *("POST /team-workspaces", "PATCH /team-workspaces/<grant_id>", "DELETE /team-workspaces/<grant_id>"),
        *("GET /plans/<plan_id>/json-output", f"GET {_RUN}/plan/json-output"),
    ],
    "site": [
        *(f"{method} /admin/terraform-versions" for method in ("GET", "POST")),
        *(f"{method} /admin/terraform-versions/<version_id>" for method in ("GET", "PATCH", "DELETE")),
    ],
}
TAKES = {route: what for what, routes in ROUTES.items() for route in routes}


def expected(role: str | None, takes: str) -> int:
    """200 for "let through", else the status of the refusal. `None` has no token."""
    if role is None:
        return 401
    has = ROLES[role]
    if takes in has:
        return 200
    if takes in IN_A_WORKSPACE:
        return 403 if "find" in has else 404  # what may be seen says what it takes
    if takes in IN_THE_ORGANIZATION:
        return 403 if "member" in has else 404
    if takes == "site":
        return 404  # TFE's: nobody else learns that it is there
    # The wrong kind of token is told so; with the right kind, what is somebody else's is not there.
    kind = {"mia herself": "a user", "mia's": "a token", "colleague": "a token"}.get(takes)
    return 404 if kind in has else 403
