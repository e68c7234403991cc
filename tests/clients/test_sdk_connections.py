"""Somebody keeps VCS connections, variables and old configurations with HashiCorp's Python SDK."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytfe import TFEClient
from pytfe.errors import TFEError
from pytfe.models import ConfigurationVersionCreateOptions, WorkspaceCreateOptions
from pytfe.models.oauth_client import OAuthClientCreateOptions, OAuthClientUpdateOptions, ServiceProviderType
from pytfe.models.oauth_token import OAuthTokenUpdateOptions
from pytfe.models.variable import CategoryType, VariableCreateOptions, VariableUpdateOptions

from tests.clients.conftest import Desk
from tests.fakes.terraform_cli import CONFIGURATION
from tests.fakes.who_am_i import TOKEN, WhoAmI, who_am_i


@pytest.fixture
def name(desk: Desk) -> str:
    return desk.organization.name


@pytest.fixture
def host() -> Iterator[WhoAmI]:
    with who_am_i() as found:
        yield found


def test_a_connection_from_its_making_to_its_end(client: TFEClient, name: str, host: WhoAmI) -> None:
    options = OAuthClientCreateOptions(
        name="ours",
        http_url=host.url,
        api_url=f"{host.url}/api/v3",
        service_provider=ServiceProviderType.GITHUB_EE,
        oauth_token=TOKEN,
    )
    made = client.oauth_clients.create(name, options)
    assert made.id is not None
    assert (made.name, made.http_url) == ("ours", host.url)
    assert [each.id for each in client.oauth_clients.list(name)] == [made.id]
    assert client.oauth_clients.read(made.id).service_provider is ServiceProviderType.GITHUB_EE
    changed = client.oauth_clients.update(made.id, OAuthClientUpdateOptions(name="theirs", oauth_token=f"{TOKEN}-2"))
    assert changed.name == "theirs"
    with pytest.raises(TFEError):
        client.oauth_clients.update(made.id, OAuthClientUpdateOptions(oauth_token="wrong"))
    with pytest.raises(TFEError, match="only name and oauth-token-string"):
        client.oauth_clients.update(made.id, OAuthClientUpdateOptions(secret="s"))
    (token,) = client.oauth_tokens.list(name)
    read = client.oauth_tokens.read(token.id)
    assert (read.id, read.has_ssh_key) == (token.id, False)
    assert client.oauth_tokens.update(token.id, OAuthTokenUpdateOptions()).id == token.id
    with pytest.raises(TFEError, match="ssh-key can't be changed"):
        client.oauth_tokens.update(token.id, OAuthTokenUpdateOptions(private_ssh_key="-----BEGIN"))
    client.oauth_clients.delete(made.id)
    assert list(client.oauth_clients.list(name)) == []
    assert list(client.oauth_tokens.list(name)) == []


def test_a_variable_from_its_making_to_its_end(client: TFEClient, name: str) -> None:
    workspace = client.workspaces.create(name, WorkspaceCreateOptions(name="w"))
    options = VariableCreateOptions(key="region", value="eu", category=CategoryType.TERRAFORM, description="where")
    made = client.variables.create(workspace.id, options)
    assert made.id is not None
    read = client.variables.read(workspace.id, made.id)
    assert (read.key, read.value, read.description, read.sensitive) == ("region", "eu", "where", False)
    with pytest.raises(TFEError, match="already been taken"):
        client.variables.create(workspace.id, options)
    changed = client.variables.update(workspace.id, made.id, VariableUpdateOptions(value="us", sensitive=True))
    assert (changed.key, changed.value, changed.sensitive) == ("region", None, True)
    client.variables.delete(workspace.id, made.id)
    assert list(client.variables.list(workspace.id)) == []


def test_an_old_configuration_is_put_away(client: TFEClient, name: str, tmp_path: Path) -> None:
    workspace = client.workspaces.create(name, WorkspaceCreateOptions(name="w"))
    folder = tmp_path / "configuration"
    folder.mkdir()
    (folder / "main.tf").write_text(CONFIGURATION)
    versions = []
    for _ in range(2):
        version = client.configuration_versions.create(
            workspace.id, ConfigurationVersionCreateOptions(auto_queue_runs=False)
        )
        assert version.upload_url
        client.configuration_versions.upload(version.upload_url, str(folder))
        versions.append(version.id)
    old, newest = versions
    with pytest.raises(TFEError, match="upload another one first"):
        client.configuration_versions.archive(newest)
    assert client.configuration_versions.download(old)
    client.configuration_versions.archive(old)
    assert client.configuration_versions.read(old).status.value == "archived"
    with pytest.raises(TFEError):
        client.configuration_versions.download(old)
