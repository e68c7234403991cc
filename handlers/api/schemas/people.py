"""What are organizations, their people, their tokens and their code hosts in the API's documents?"""

from bot.connection import Provider
from bot.permissions import Flag, Level, RunsAccess, StateAccess, VariablesAccess
from bot.team import Visibility
from handlers.api.permissions import ORGANIZATION_PERMISSIONS
from handlers.api.schemas.words import (
    COUNT,
    FLAG,
    MAYBE_TEXT,
    MAYBE_TIME,
    TEXT,
    TIME,
    UNSET,
    Kind,
    elsewhere,
    flags,
    group,
    listed,
    maybe,
    one_of,
    to_many,
    to_none_or_one,
    to_one,
)
from handlers.api.team_access import MocksAccess
from handlers.api.team_documents import NOT_HERE

ORGANIZATIONS = Kind(
    "organizations",
    {
        "name": TEXT,
        "email": TEXT,
        "external-id": TEXT,
        "collaborator-auth-policy": TEXT,
        "plan-expired": FLAG,
        "cost-estimation-enabled": FLAG,
        "permissions": flags(ORGANIZATION_PERMISSIONS),
        "created-at": TIME,
    },
)

_OFFERED = (
    *("operations", "state-storage", "vcs-integrations", "agents", "audit-logging", "cost-estimation"),
    *("private-module-registry", "run-tasks", "self-serve-billing", "sentinel", "sso", "teams"),
)
ENTITLEMENT_SETS = Kind("entitlement-sets", {**dict.fromkeys(_OFFERED, FLAG), "user-limit": UNSET})
ORGANIZATION_CAPACITY = Kind("organization-capacity", {"pending": COUNT, "running": COUNT})

USERS = Kind(
    "users",
    {
        "username": TEXT,
        "email": MAYBE_TEXT,
        "unconfirmed-email": UNSET,
        "avatar-url": UNSET,
        "is-service-account": FLAG,
        "is-site-admin": {**FLAG, "description": "Only in one's own account."},
        "auth-method": TEXT,
        "v2-only": FLAG,
        "two-factor": flags(["enabled", "verified"]),
        "permissions": flags(["can-create-organizations", "can-change-email", "can-change-username"]),
    },
    {"authentication-tokens": elsewhere()},
    optional=frozenset({"is-site-admin", "relationships"}),  # the account of a team has no relationships
)

ORGANIZATION_MEMBERSHIPS = Kind(
    "organization-memberships",
    {"status": one_of(["active"]), "email": TEXT, "username": TEXT, "created-at": TIME},
    {"teams": to_many("teams"), "user": to_one("users"), "organization": to_none_or_one("organizations")},
)

_TEAM_PERMISSIONS = (
    *("can-destroy", "can-update-api-token", "can-update-membership", "can-update-name"),
    *("can-update-organization-access", "can-update-visibility"),
)
TEAMS = Kind(
    "teams",
    {
        "name": TEXT,
        "users-count": COUNT,
        "visibility": one_of(Visibility),
        "allow-member-token-management": FLAG,
        "sso-team-id": UNSET,
        "is-unified": FLAG,
        "organization-access": flags([*Flag, *NOT_HERE]),
        "permissions": flags(_TEAM_PERMISSIONS),
    },
    {
        "organization": to_none_or_one("organizations"),
        "users": to_many("users"),
        "organization-memberships": to_many("organization-memberships"),
        "authentication-token": elsewhere(),
    },
)

TEAM_WORKSPACES = Kind(
    "team-workspaces",
    {
        "access": one_of(Level),
        "runs": maybe(one_of(part for part in RunsAccess if part is not RunsAccess.NONE)),
        "variables": one_of(VariablesAccess),
        "state-versions": one_of(StateAccess),
        "sentinel-mocks": one_of(MocksAccess),
        "workspace-locking": FLAG,
        "run-tasks": FLAG,
    },
    {"team": to_one("teams"), "workspace": to_one("workspaces")},
)

AUTHENTICATION_TOKENS = Kind(
    "authentication-tokens",
    {
        "description": MAYBE_TEXT,
        "token": {**MAYBE_TEXT, "description": "Only in the answer that made the token."},
        "created-at": TIME,
        "last-used-at": MAYBE_TIME,
        "expired-at": MAYBE_TIME,
    },
    {"created-by": to_none_or_one("users"), "team": to_one("teams")},
    optional=frozenset({"team"}),
)

OAUTH_CLIENTS = Kind(
    "oauth-clients",
    {
        "name": TEXT,
        "service-provider": one_of(Provider),
        "service-provider-display-name": TEXT,
        "http-url": TEXT,
        "api-url": TEXT,
        "app-id": MAYBE_TEXT,
        "webhook-url": MAYBE_TEXT,
        "webhook-secret": {**TEXT, "description": "Only in the answer that made an App's connection."},
        "callback-url": UNSET,
        "connect-path": UNSET,
        "key": UNSET,
        "rsa-public-key": UNSET,
        "organization-scoped": FLAG,
        "created-at": TIME,
    },
    {"organization": to_none_or_one("organizations"), "oauth-tokens": to_many("oauth-tokens")},
    optional=frozenset({"webhook-secret"}),
)
OAUTH_TOKENS = Kind(
    "oauth-tokens", {"created-at": TIME, "has-ssh-key": FLAG}, {"oauth-client": to_one("oauth-clients")}
)

_ARCHIVE = group({"url": TEXT, "sha": TEXT, "os": TEXT, "arch": TEXT})
TERRAFORM_VERSIONS = Kind(
    "terraform-versions",
    {
        "version": TEXT,
        "url": MAYBE_TEXT,
        "sha": MAYBE_TEXT,
        "archs": listed(_ARCHIVE),
        "official": FLAG,
        "enabled": FLAG,
        "beta": FLAG,
        "deprecated": FLAG,
        "deprecated-reason": MAYBE_TEXT,
        "usage": COUNT,
        "created-at": TIME,
    },
)

KINDS = (
    *(ORGANIZATIONS, ENTITLEMENT_SETS, ORGANIZATION_CAPACITY, USERS, ORGANIZATION_MEMBERSHIPS),
    *(TEAMS, TEAM_WORKSPACES, AUTHENTICATION_TOKENS, OAUTH_CLIENTS, OAUTH_TOKENS, TERRAFORM_VERSIONS),
)
