"""Users from the command line: made, listed, and linked to their accounts at the hosts."""

from __future__ import annotations

import re

import pytest

from tests.fakes.command_line import Terminal


def connection_of(acme: Terminal) -> str:
    found = re.search(r"oc-\w+", acme.runlock("connect", "list"))
    assert found
    return found[0]


def test_a_user_is_made_linked_listed_and_unlinked(acme: Terminal) -> None:
    said = acme.runlock("user", "add", "bob", "--email", "bob@acme.test")
    assert re.search(r"User bob \(user-\w+\), a member of acme", said)
    connection = connection_of(acme)
    assert "Account 42 at" in acme.runlock("user", "link", "bob", connection, "42")
    (line,) = [line for line in acme.runlock("user", "list").splitlines() if line.startswith("bob")]
    assert line.split() == ["bob", "bob@acme.test", "-", f"{connection}:42"]
    assert "nobody's now" in acme.runlock("user", "unlink", "bob", connection, "42")
    assert connection not in acme.runlock("user", "list")
    assert "is not linked to bob" in acme.refused("user", "unlink", "bob", connection, "42")


def test_a_user_is_put_into_teams(acme: Terminal) -> None:
    acme.runlock("user", "add", "bea", "--email", "bea@acme.test", "--team", "owners")
    listed = {line.split()[0]: line.split()[2] for line in acme.runlock("user", "list").splitlines()}
    assert listed == {"ada": "owners", "bea": "owners"}
    assert "no team named ops" in acme.refused("user", "add", "joe", "--email", "j@acme.test", "--team", "ops")
    assert "joe" not in acme.runlock("user", "list")


def test_an_account_has_one_user(acme: Terminal) -> None:
    connection = connection_of(acme)
    for name in ("bob", "bea"):
        acme.runlock("user", "add", name, "--email", f"{name}@acme.test")
        acme.runlock("user", "link", name, connection, "42")
    listed = [line.split()[0] for line in acme.runlock("user", "list").splitlines() if connection in line]
    assert listed == ["bea"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("add", "ada", "--email", "ada@acme.test"), "there is a user named ada already"),
        (("add", "a b", "--email", "ab@acme.test"), "a username has"),
        (("add", "bob", "--email", "nobody"), "email address"),
        (("link", "nobody", "oc-none", "1"), "there is no user named nobody"),
        (("link", "ada", "oc-none", "1"), "there is no connection oc-none"),
    ],
)
def test_what_makes_no_sense_is_refused(acme: Terminal, arguments: tuple[str, ...], reason: str) -> None:
    assert reason in acme.refused("user", *arguments)


def test_an_account_is_named_by_its_number(acme: Terminal) -> None:
    assert "not its name" in acme.refused("user", "link", "ada", connection_of(acme), "octocat")


def test_a_member_gets_a_login_link_by_name(acme: Terminal) -> None:
    acme.runlock("user", "add", "bob", "--email", "bob@acme.test")
    assert "/login/" in acme.runlock("login-link")  # the only owner's
    assert "/login/" in acme.runlock("login-link", "--user", "bob")
    assert "say whose session" in acme.refused("login-link", "--user", "eve")


def test_the_first_user_is_the_sites_admin_and_may_let_others_be(acme: Terminal) -> None:
    acme.runlock("init", "--organization", "umbrella", "--email", "eve@umbrella.test", "--token-file", "eve")
    acme.runlock("user", "add", "bob", "--email", "bob@acme.test", "--organization", "acme")
    assert admins(acme) == ["ada"]
    assert acme.runlock("user", "site-admin", "BOB@acme.test") == "bob (bob@acme.test) is a site admin\n"
    assert acme.runlock("user", "site-admin", "eve") == "eve (eve@umbrella.test) is a site admin\n"
    assert admins(acme) == ["ada", "bob", "eve"]
    listed = acme.runlock("user", "list", "--organization", "acme").splitlines()
    assert [line.split()[0] for line in listed if line.endswith("(site admin)")] == ["ada", "bob"]
    assert "is no site admin" in acme.runlock("user", "site-admin", "bob@acme.test", "--remove")
    assert admins(acme) == ["ada", "eve"]


def test_a_site_admin_is_named_without_doubt(acme: Terminal) -> None:
    for name in ("bob", "bea"):
        acme.runlock("user", "add", name, "--email", "both@acme.test")
    assert "the address of bob, bea" in acme.refused("user", "site-admin", "both@acme.test")
    assert "nobody here has the address" in acme.refused("user", "site-admin", "joe@acme.test")
    assert "no user named joe" in acme.refused("user", "site-admin", "joe")
    assert admins(acme) == ["ada"]


def admins(acme: Terminal) -> list[str]:
    with acme.services() as services:
        return [user.username for user in services.people.users() if user.is_site_admin]
