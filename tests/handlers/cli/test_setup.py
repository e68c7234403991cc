"""How an installation begins: init, connections, variables, login links, settings; secrets show once or never."""

import re
import stat
from pathlib import Path

import pytest

from bot.connection import Provider
from storage.tokens import TokenKind
from tests.fakes.command_line import Terminal
from tests.fakes.git_repositories import new_bare
from tests.fakes.github import FakeGitHub
from tests.handlers.cli.conftest import TOKEN

SECRET = "s3cr3t-of-a-person"


def test_init_shows_the_token_once(terminal: Terminal) -> None:
    said = terminal.runlock("init", "--organization", "acme", "--email", "ada@example.com")

    match = re.fullmatch(
        r"Organization acme, owner ada \(ada@example.com\)\.\nAPI token, shown this once: (\S+)\n", said
    )
    assert match
    with terminal.services() as services:
        assert services.tokens.find(match[1], TokenKind.USER) is not None
    for command in (["workspace", "list"], ["connect", "list"], ["settings"], ["run", "list"], ["explain"]):
        assert match[1] not in terminal.runlock(*command)


def test_init_writes_the_token_into_a_file_for_this_user_only(terminal: Terminal) -> None:
    place = terminal.folder / "token"
    place.write_text("an old one that is longer than the new one\n" * 9)
    place.chmod(0o644)

    said = terminal.runlock("init", "--organization", "acme", "--email", "ada@example.com", "--token-file", "token")

    token = place.read_text()
    assert re.fullmatch(r"\S+\.runlock\.\S+\n", token)
    assert token.strip() not in said
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_init_twice_says_that_it_is_there_and_leaves_the_token_alone(terminal: Terminal) -> None:
    arguments = ("init", "--organization", "acme", "--email", "ada@example.com", "--token-file", "token")
    terminal.runlock(*arguments)
    token = (terminal.folder / "token").read_text()

    assert terminal.refused(*arguments) == "there is an organization named acme already"
    assert (terminal.folder / "token").read_text() == token


def test_init_gives_no_token_of_somebody_else_of_the_same_name(acme: Terminal) -> None:
    (acme.folder / "theirs").write_text("kept\n")
    arguments = ("init", "--organization", "second", "--email", "ada@elsewhere.example", "--token-file", "theirs")

    said = acme.refused(*arguments)

    assert said == "the user ada has another address; give this owner another name with --user NAME"
    assert (acme.folder / "theirs").read_text() == "kept\n"
    assert "username has" in acme.refused(*arguments, "--user", "a da")
    assert "owner ada2 (ada@elsewhere.example)" in acme.runlock(*arguments, "--user", "ada2")
    with acme.services() as services:
        token = services.tokens.find((acme.folder / "theirs").read_text().strip(), TokenKind.USER)
        owner = services.people.user_named("ada2")
    assert token is not None
    assert owner is not None
    assert token.holder_id == owner.id


def test_the_same_address_is_the_same_owner(acme: Terminal) -> None:
    with acme.services() as services:
        (ada,) = services.people.users()
    acme.runlock("init", "--organization", "second", "--email", ada.email.upper(), "--user", "ada")
    with acme.services() as services:
        assert services.people.users() == [ada]


def test_a_token_that_can_not_be_written_makes_no_organization(terminal: Terminal) -> None:
    arguments = ("init", "--organization", "acme", "--email", "ada@example.com")
    assert "can't be written" in terminal.refused(*arguments, "--token-file", "nowhere/token")
    terminal.runlock(*arguments)


@pytest.mark.parametrize("name", ["", "a b", "acme/infra", "..", "x" * 41, "akmé", "a\nb"])
def test_an_organization_s_name_with_odd_characters_is_refused(terminal: Terminal, name: str) -> None:
    said = terminal.refused("init", "--organization", name, "--email", "ada@example.com")
    assert said == "an organization's name has 1 to 40 letters, digits, - and _"


@pytest.mark.parametrize("email", ["", "ada", "@example.com", "ada@", "a b@example.com"])
def test_an_address_that_is_none_is_refused(terminal: Terminal, email: str) -> None:
    assert "email address" in terminal.refused("init", "--organization", "acme", "--email", email)


def test_before_init_every_command_says_what_to_do(terminal: Terminal) -> None:
    for command in (["workspace", "list"], ["run", "list"], ["login-link"], ["var", "list", "prod"]):
        said = terminal.refused(*command)
        assert said == "there are 0 organizations; runlock init --organization NAME --email EMAIL makes one"


def test_with_two_organizations_one_is_named(acme: Terminal) -> None:
    acme.runlock("init", "--organization", "beta", "--email", "bob@example.com", "--token-file", "other")

    assert acme.refused("workspace", "list") == "there are 2 organizations; say which: --organization NAME"
    acme.runlock("workspace", "create", "prod", "-o", "beta")
    assert acme.runlock("workspace", "list", "-o", "acme") == ""
    assert acme.runlock("workspace", "list", "-o", "beta").startswith("prod ")
    assert acme.refused("workspace", "list", "-o", "gamma") == "there is no organization named gamma"


def test_a_login_link_is_for_now(acme: Terminal) -> None:
    result = acme.run("login-link")
    assert result.exit_code == 0
    assert re.fullmatch(r"http://runlock\.test/login/\S+\n", result.stdout)
    assert result.stderr == "It works once, within 10 minutes.\n"
    assert acme.refused("login-link", "--user", "eve") == "say whose session with --user NAME: ada"


def test_plain_git_is_connected_again_and_again_through_one_connection(acme: Terminal) -> None:
    new_bare(acme.folder / "other.git")

    said = acme.runlock("connect", "git", "infra.git")
    acme.runlock("connect", "git", "other.git")

    place = (acme.folder / "infra.git").resolve()
    assert re.fullmatch(rf"Connected {place} \(connection (oc-\w+)\); its post-receive hook is in place\.\n", said)
    assert len(acme.runlock("connect", "list").splitlines()) == 1
    secret_file = place / "runlock-hook.json"
    assert stat.S_IMODE(secret_file.stat().st_mode) == 0o600


def test_what_is_no_repository_is_refused(acme: Terminal) -> None:
    (acme.folder / "folder").mkdir()
    assert "isn't a Git repository" in acme.refused("connect", "git", "folder")
    assert "does not exist" in acme.misused("connect", "git", "nowhere")


def a_file(folder: Path, content: str) -> str:
    (folder / "token.txt").write_text(content)
    return str(folder / "token.txt")


def test_github_is_connected_by_a_token_from_a_file(acme: Terminal, code_host: str) -> None:
    token = a_file(acme.folder, TOKEN + "\n")

    said = acme.runlock("connect", "github", "--url", code_host, "--token-file", token, "--name", "ours")

    connection = re.fullmatch(
        r"Connected GitHub as (oc-\w+)\. Webhook address: http://runlock\.test/webhooks/(oc-\w+)\n", said
    )
    assert connection
    assert connection[1] == connection[2]
    assert f"{connection[1]}  github_enterprise" in acme.runlock("connect", "list")
    assert TOKEN not in acme.said
    with acme.services() as services:
        assert services.connections.get(connection[1]).token == TOKEN


def test_gitlab_is_connected_by_a_token_from_standard_input(acme: Terminal, code_host: str) -> None:
    acme.runlock("connect", "gitlab", "--url", code_host, "--token-file", "-", typed=TOKEN + "\n")
    assert "gitlab_enterprise_edition" in acme.runlock("connect", "list")
    assert TOKEN not in acme.said


def test_a_workspace_shows_its_webhook_secret_once(acme: Terminal) -> None:
    with FakeGitHub(acme.folder / "host") as host:
        host.create_repository("acme/infra", files={"main.tf": ""})
        with acme.services() as services:
            connection = services.connections.add(
                services.people.organizations()[0].id,
                Provider.GITHUB_ENTERPRISE,
                name="the host",
                http_url=host.url,
                api_url=host.api_url,
                token=host.token,
            )
        place = ("--repository", "acme/infra", "--connection", connection.id)
        assert "say which connection" in acme.refused("workspace", "create", "prod", *place[:2])
        made = acme.runlock("workspace", "create", "prod", *place)
        again = acme.runlock("workspace", "set", "prod", *place)

    match = re.search(r"^Webhook secret of acme/infra, shown this once: (\S+)$", made, re.MULTILINE)
    assert match
    assert match[1] not in again + acme.runlock("workspace", "show", "prod")


def test_a_token_that_the_host_refuses_is_not_kept(acme: Terminal, code_host: str) -> None:
    said = acme.refused("connect", "github", "--url", code_host, "--token-file", a_file(acme.folder, SECRET))
    assert SECRET not in said
    assert "github" not in acme.runlock("connect", "list")


@pytest.mark.parametrize("content", [SECRET + "\nsecond line", "gêheim" + SECRET, "", "  \n"])
def test_what_is_no_token_is_refused_without_being_shown(acme: Terminal, code_host: str, content: str) -> None:
    said = acme.refused("connect", "github", "--url", code_host, "--token-file", a_file(acme.folder, content))
    assert SECRET not in said


@pytest.mark.parametrize(
    "options",
    [[], ["--app-id", "1"], ["--token-file", "token.txt", "--app-id", "1"], ["--private-key-file", "token.txt"]],
)
def test_github_takes_a_token_or_an_app(acme: Terminal, options: list[str]) -> None:
    a_file(acme.folder, SECRET)
    said = acme.refused("connect", "github", *options)
    assert said == "give either --token-file, or --app-id with --private-key-file"


def test_variables_are_set_listed_and_unset(acme: Terminal) -> None:
    acme.runlock("workspace", "create", "prod")

    said = acme.runlock("var", "set", "prod", "region", "eu-central-1")
    acme.runlock("var", "set", "prod", "zones", '["a", "b"]', "--hcl")
    acme.runlock("var", "set", "prod", "AWS_KEY", "--env", "--sensitive", "--value-file", "-", typed=SECRET + "\n")

    assert said == "region is set in prod; it counts for runs that are made from now on\n"
    assert acme.runlock("var", "list", "prod").splitlines() == [
        "env        AWS_KEY = (sensitive)",
        "terraform  region = eu-central-1",
        'terraform  zones = ["a", "b"]  (HCL)',
    ]
    assert SECRET not in acme.said
    with acme.services() as services:
        (workspace,) = services.workspaces.of_organization(services.people.organizations()[0].id)
        assert SECRET in {each.value for each in services.variables.all(workspace.id)}
    assert acme.runlock("var", "unset", "prod", "region") == "region is gone from prod\n"
    assert acme.refused("var", "unset", "prod", "region") == "prod has no terraform variable named region"
    assert acme.refused("var", "unset", "prod", "AWS_KEY") == "prod has no terraform variable named AWS_KEY"


def test_a_value_can_not_steer_the_terminal(acme: Terminal) -> None:
    acme.runlock("workspace", "create", "prod")
    acme.runlock("var", "set", "prod", "title", "a\x1b]0;owned\x07b\nc")
    assert acme.runlock("var", "list", "prod") == "terraform  title = ab c\n"


@pytest.mark.parametrize("key", ["", "a b", "TF_DATA_DIR", "LD_PRELOAD"])
def test_an_odd_name_of_a_variable_is_refused(acme: Terminal, key: str) -> None:
    acme.runlock("workspace", "create", "prod")
    assert acme.refused("var", "set", "prod", key, "x", "--env")


def test_a_variable_has_one_value(acme: Terminal) -> None:
    acme.runlock("workspace", "create", "prod")
    assert acme.misused("var", "set", "prod", "region") == "give the value, or --value-file"
    (acme.folder / "value").write_text("y")
    assert acme.misused("var", "set", "prod", "region", "x", "--value-file", "value")
