"""How is an organization written, with what its reader may do in it?"""

from collections.abc import Sequence

from bot.permissions import in_organization
from bot.timestamps import to_text
from handlers.access import Asker
from handlers.api.documents import Resource, resource
from handlers.api.permissions import organization_permissions
from storage.people import Organization


def organization_resources(asker: Asker, organizations: Sequence[Organization]) -> list[Resource]:
    """The documents of a page of organizations."""
    standings = asker.standings([organization.id for organization in organizations])
    return [_resource(each, organization_permissions(in_organization(standings[each.id]))) for each in organizations]


def organization_resource(asker: Asker, organization: Organization) -> Resource:
    return organization_resources(asker, [organization])[0]


def _resource(organization: Organization, permissions: dict[str, bool]) -> Resource:
    attributes = {
        "name": organization.name,
        "email": organization.email,
        "external-id": organization.id,
        "created-at": to_text(organization.created_at),
        "collaborator-auth-policy": "password",
        "plan-expired": False,
        "cost-estimation-enabled": False,
        "permissions": permissions,
    }
    link = f"organizations/{organization.name}"
    return resource("organizations", organization.name, attributes, link=link)
