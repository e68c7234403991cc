"""How is an organization written, with what its reader may do in it?"""

from collections.abc import Collection, Sequence

from bot.ids import OrganizationId
from bot.needs import Needs
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


def organizations_seen(asker: Asker, organization_ids: Collection[OrganizationId]) -> list[Resource]:
    """Those of several that the asker may see: as if each were asked for by its name."""
    standings = asker.standings(organization_ids)
    seen = [ident for ident in organization_ids if Needs.MEMBER in in_organization(standings[ident])]
    return organization_resources(asker, asker.services.people.organizations_with_ids(seen))


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
