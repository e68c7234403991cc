"""Which code hosts is an organization connected to? TFE's oauth clients, each with its one oauth token."""

from collections.abc import Sequence

from flask import Response

from bot.connection import Connection, Provider
from bot.errors import NotFound, Refused
from bot.needs import Needs
from bot.timestamps import to_text
from handlers.api.ask import Ask, Rule, conflicts
from handlers.api.documents import Resource, nothing, one, paged, resource, to_many, to_one
from handlers.api.operations import empties, makes, pages, refuses, shows
from handlers.api.requests import Body, asked_page, read_body
from handlers.api.workspace_documents import connection_id, token_id
from handlers.reactions.joining import LONGEST_SECRET, change_connection, connect, webhook_url

NAMES = {
    Provider.GITHUB: "GitHub",
    Provider.GITHUB_ENTERPRISE: "GitHub Enterprise",
    Provider.GITHUB_APP: "GitHub App",
    Provider.GITLAB: "GitLab.com",
    Provider.GITLAB_ENTERPRISE: "GitLab Enterprise Edition",
    Provider.GIT: "Git",
}


@pages("oauth-clients")
def index(ask: Ask, organization: str) -> Response:
    owner, page = ask.asker.organization(organization), asked_page()
    found = ask.services.connections.all(owner.id)
    return paged(_clients(ask, page.of(found)), page, len(found))


@makes("oauth-clients", takes="oauth client")
def create(ask: Ask, organization: str) -> Response:
    """A new connection, once the host has taken its credential. An App's webhook secret is shown this once."""
    owner, body = ask.asker.organization(organization), read_body()
    provider = _provider(body)
    if provider is Provider.GIT:
        # It reads whatever path it is told: that is for those who have this machine's files anyway.
        raise Refused("a connection to plain Git is made on the server itself, by `runlock connect git PATH`")
    connection = connect(
        ask.services,
        owner,
        provider,
        name=body.text("name"),
        http_url=body.text("http-url"),
        api_url=body.text("api-url"),
        token=body.text("oauth-token-string", most=LONGEST_SECRET),
        app_id=_app_id(body),
        private_key=body.text("private-key", most=LONGEST_SECRET),
        app_webhook_secret=body.text("webhook-secret", most=LONGEST_SECRET),
    )
    found = _client(ask, connection)
    if connection.app_webhook_secret:
        found["attributes"]["webhook-secret"] = connection.app_webhook_secret
    return one(found, status=201)


@shows("oauth-clients")
def show(ask: Ask, client_id: str) -> Response:
    return one(_client(ask, ask.asker.connection(client_id)))


@shows("oauth-clients", takes="changed oauth client")
def change(ask: Ask, client_id: str) -> Response:
    """Another `name`, or another `oauth-token-string` once the host has taken it; all else stays as it was made."""
    connection, body = ask.asker.connection(client_id), read_body()
    _check_changeable(body, {"name", "oauth-token-string"}, _client(ask, connection))
    name, token = body.text("name"), body.text("oauth-token-string", most=LONGEST_SECRET)
    ask.enqueue(change_connection(ask.services, connection, name=name, token=token))
    return one(_client(ask, ask.asker.connection(client_id)))


@shows("oauth-tokens", takes="oauth token")
def change_token(ask: Ask, oauth_token_id: str) -> Response:
    """Another `oauth-token-string`, once the host has taken it. An `ssh-key` is refused: nothing here would use it."""
    connection, body = _connection_of(ask, oauth_token_id), read_body()
    _check_changeable(body, {"oauth-token-string"}, _token(connection))
    token = body.text("oauth-token-string", most=LONGEST_SECRET)
    ask.enqueue(change_connection(ask.services, connection, token=token))
    return one(_token(connection))


@refuses(409)
def remove_token(ask: Ask, oauth_token_id: str) -> Response:
    """Refused: a connection is nothing without its one token. Replace that, or delete the oauth client."""
    connection = _connection_of(ask, oauth_token_id)
    with conflicts():
        raise Refused(f"{connection.name} needs its token: replace it, or delete the oauth client {connection.id}")


def _check_changeable(body: Body, names: set[str], shown: Resource) -> None:
    """Raises Refused for what would be left as it is without a word; what says the same as before says nothing."""
    same = shown["attributes"]
    for name, value in body.attributes.items():
        if name not in names and value not in (None, "", same.get(name)):
            raise Refused(f"{name} can't be changed here, only {' and '.join(sorted(names))}: make a new oauth client")


@empties()
def remove(ask: Ask, client_id: str) -> Response:
    """Not while a workspace listens through it, whose pushes would be lost, nor before its commits' runs are over."""
    connection = ask.asker.connection(client_id)
    with conflicts(), ask.services.records.write():
        for repository in ask.services.repositories.all(connection.id):
            listening = ask.services.workspaces.of_repository(repository.id, also_local=True)
            if listening:
                raise Refused(
                    f"the workspace {listening[0].name} listens to {repository.path} through {connection.name}"
                )
            under_way = ask.services.runs.unfinished_of_repository(repository.id)
            if under_way:  # it could be neither fetched nor reported any more, and so never end
                raise Refused(f"{under_way[0].id} of {repository.path} is not over: discard or cancel it first")
        ask.services.outbox.forget_connection(connection.id)
        ask.services.dropped.note_connection(connection.id)
        ask.services.connections.remove(connection.id)
    ask.services.hosts.pop(connection.id, None)
    return nothing()


@pages("oauth-tokens")
def tokens(ask: Ask, organization: str) -> Response:
    owner, page = ask.asker.organization(organization), asked_page()
    found = ask.services.connections.all(owner.id)
    return paged([_token(connection) for connection in page.of(found)], page, len(found))


@pages("oauth-tokens")
def tokens_of_client(ask: Ask, client_id: str) -> Response:
    """Every client has one, as long as it is there."""
    connection, page = ask.asker.connection(client_id), asked_page()
    return paged([_token(connection)][page.offset :], page, 1)


@shows("oauth-tokens")
def token(ask: Ask, oauth_token_id: str) -> Response:
    return one(_token(_connection_of(ask, oauth_token_id)))


def _connection_of(ask: Ask, oauth_token_id: str) -> Connection:
    try:
        return ask.asker.connection(connection_id(oauth_token_id))
    except NotFound as error:
        raise NotFound(f"there is no oauth token {oauth_token_id}") from error


def _app_id(body: Body) -> str:
    """GitHub shows it as a number, so people send a number too."""
    value = body.attributes.get("app-id")
    return str(value) if type(value) is int else body.text("app-id")


def _provider(body: Body) -> Provider:
    text = body.text("service-provider")
    if text not in set(Provider):
        raise Refused(f"service-provider is one of {', '.join(Provider)}")
    return Provider(text)


def _client(ask: Ask, connection: Connection) -> Resource:
    return _clients(ask, [connection])[0]


def _clients(ask: Ask, connections: Sequence[Connection]) -> list[Resource]:
    owners = ask.services.people.organizations_with_ids({connection.organization_id for connection in connections})
    names = {organization.id: organization.name for organization in owners}
    return [_resource(ask, connection, names.get(connection.organization_id)) for connection in connections]


def _resource(ask: Ask, connection: Connection, organization: str | None) -> Resource:
    attributes = {
        "name": connection.name,
        "created-at": to_text(connection.created_at),
        "service-provider": connection.provider.value,
        "service-provider-display-name": NAMES[connection.provider],
        "http-url": connection.http_url,
        "api-url": connection.api_url,
        "app-id": connection.app_id or None,
        "webhook-url": webhook_url(ask.services, connection),
        "callback-url": None,
        "connect-path": None,
        "key": None,
        "rsa-public-key": None,
        "organization-scoped": True,
    }
    relationships = {
        "organization": to_one("organizations", organization),
        "oauth-tokens": to_many("oauth-tokens", [token_id(connection.id)]),
    }
    link = f"oauth-clients/{connection.id}"
    return resource("oauth-clients", connection.id, attributes, relationships, link=link)


def _token(connection: Connection) -> Resource:
    # No `service-provider-user`: nobody has written it down, and the SDK takes no null for it.
    attributes = {"created-at": to_text(connection.created_at), "has-ssh-key": False}
    ident = token_id(connection.id)
    relationships = {"oauth-client": to_one("oauth-clients", connection.id, link=f"oauth-clients/{connection.id}")}
    return resource("oauth-tokens", ident, attributes, relationships, link=f"oauth-tokens/{ident}")


RULES: tuple[Rule, ...] = (
    ("GET", "/organizations/<organization>/oauth-clients", index, Needs.MANAGE_VCS),
    ("POST", "/organizations/<organization>/oauth-clients", create, Needs.MANAGE_VCS),
    ("GET", "/organizations/<organization>/oauth-tokens", tokens, Needs.MANAGE_VCS),
    ("GET", "/oauth-clients/<client_id>", show, Needs.MANAGE_VCS),
    ("PATCH", "/oauth-clients/<client_id>", change, Needs.MANAGE_VCS),
    ("DELETE", "/oauth-clients/<client_id>", remove, Needs.MANAGE_VCS),
    ("GET", "/oauth-clients/<client_id>/oauth-tokens", tokens_of_client, Needs.MANAGE_VCS),
    ("GET", "/oauth-tokens/<oauth_token_id>", token, Needs.MANAGE_VCS),
    ("PATCH", "/oauth-tokens/<oauth_token_id>", change_token, Needs.MANAGE_VCS),
    ("DELETE", "/oauth-tokens/<oauth_token_id>", remove_token, Needs.MANAGE_VCS),
)
