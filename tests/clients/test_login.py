"""Somebody runs `terraform login`: a page asks them, and the CLI has a token of theirs."""

import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import requests

from storage.people import User
from storage.tokens import TokenKind
from tests.fakes.live_server import LiveServer
from tests.fakes.terraform_cli import Running

QUERY = {
    "client_id": "terraform-cli",
    "response_type": "code",
    "code_challenge": "a" * 43,
    "code_challenge_method": "S256",
    "redirect_uri": "http://localhost:10003/login",
    "state": "s",
}
_numbers = itertools.count(1)


@pytest.fixture
def owner(server: LiveServer) -> User:
    return server.organization(f"login-{next(_numbers)}")[1]


@pytest.fixture
def page(server: LiveServer) -> str:
    return f"{server.address}/app/.authorize"


def browser_of(server: LiveServer, user: User) -> requests.Session:
    """A browser in which that user has logged in."""
    browser = requests.Session()
    link = server.services.tokens.give(TokenKind.LOGIN_LINK, user.id, "for a test")
    browser.post(f"{server.address}/login/{link}", timeout=30)
    return browser


def started(server: LiveServer, folder: Path) -> Running:
    login = requests.get(f"{server.address}/.well-known/terraform.json", timeout=30).json()["login.v1"]
    (folder / "cli.tfrc").write_text(
        f"""host "{server.netloc}" {{
  services = {{
    "tfe.v2"   = "{server.address}/api/v2/"
    "login.v1" = {{
      client      = "{login["client"]}"
      grant_types = {json.dumps(login["grant_types"])}
      authz       = "{server.address}{login["authz"]}"
      token       = "{server.address}{login["token"]}"
      ports       = {json.dumps(login["ports"])}
    }}
  }}
}}
"""
    )
    (folder / ".terraform.d").mkdir()
    terraform = shutil.which("terraform")
    assert terraform
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TF_CLI_CONFIG_FILE": str(folder / "cli.tfrc")}
    return Running(
        subprocess.Popen(
            [terraform, "login", server.netloc],
            cwd=folder,
            env={**environment, "CHECKPOINT_DISABLE": "1", "BROWSER": "true"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    )


def test_the_cli_gets_a_token_of_whoever_says_yes(server: LiveServer, owner: User, tmp_path: Path) -> None:
    cli = started(server, tmp_path)
    cli.wait_for("Enter a value:")
    cli.type("yes")
    cli.wait_for("/app/.authorize?")
    cli.wait_for("to signal that login was successful")
    url = re.search(r"http://\S+/app/\.authorize\?\S+", cli.text)
    assert url, cli.text
    with browser_of(server, owner) as browser:
        page = browser.get(url[0], timeout=30)
        assert "Let Terraform in?" in page.text
        assert owner.username in page.text
        back = browser.post(url[0], allow_redirects=False, timeout=30).headers["Location"]
        with contextlib.suppress(requests.ConnectionError):  # once it has the code, the CLI may hang up at once
            browser.get(back, timeout=30)
    assert cli.end().code == 0, cli.text

    kept = json.loads((tmp_path / ".terraform.d" / "credentials.tfrc.json").read_text())
    headers = {"Authorization": f"Bearer {kept['credentials'][server.netloc]['token']}"}
    account = requests.get(f"{server.address}/api/v2/account/details", headers=headers, timeout=30).json()
    assert account["data"]["attributes"]["username"] == owner.username


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "http://evil.test:10003/login"},
        {"redirect_uri": "http://localhost:80/login"},
        {"redirect_uri": "http://localhost:10003/login/../x"},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
        {"client_id": "somebody"},
        {"response_type": "token"},
    ],
)
def test_a_code_goes_nowhere_else(server: LiveServer, owner: User, page: str, change: dict[str, str]) -> None:
    with browser_of(server, owner) as browser:
        answer = browser.post(page, params={**QUERY, **change}, allow_redirects=False, timeout=30)
    assert answer.status_code == 422


def test_a_code_is_good_once_and_only_with_its_verifier(server: LiveServer, owner: User, page: str) -> None:
    with browser_of(server, owner) as browser:
        answer = browser.post(page, params=QUERY, allow_redirects=False, timeout=30)
    assert answer.status_code == 303
    code = re.search(r"code=([^&]+)", answer.headers["Location"])
    assert code
    form = {
        "grant_type": "authorization_code",
        "client_id": "terraform-cli",
        "code": code[1],
        "code_verifier": "wrong",
        "redirect_uri": QUERY["redirect_uri"],
    }
    for _ in range(2):
        refused = requests.post(f"{server.address}/oauth/token", data=form, timeout=30)
        assert (refused.status_code, refused.json()) == (400, {"error": "invalid_grant"})


def test_nobody_is_asked_who_is_not_logged_in(page: str) -> None:
    assert requests.post(page, params=QUERY, allow_redirects=False, timeout=30).status_code == 401


def test_another_sites_form_lets_nobody_in(server: LiveServer, owner: User, page: str) -> None:
    with browser_of(server, owner) as browser:
        headers = {"Sec-Fetch-Site": "cross-site"}
        answer = browser.post(page, params=QUERY, headers=headers, allow_redirects=False, timeout=30)
    assert answer.status_code == 403
