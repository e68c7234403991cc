"""A site admin says at a terminal which versions of Terraform there are."""

import re

import pytest

from tests.fakes.command_line import Terminal

URL, SHA = "https://mirror.test/terraform.zip", "ab" * 32


def listed(acme: Terminal) -> dict[str, str]:
    lines = acme.runlock("engine", "list").splitlines()
    return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}


def test_a_version_is_registered_with_an_archive_for_each_architecture(acme: Terminal) -> None:
    said = acme.runlock("engine", "add", "v1.9.8", "--url", URL, "--sha", SHA, "--beta")
    assert re.fullmatch(rf"Terraform 1\.9\.8 \(tool-\w+\): enabled, beta; linux/amd64: {URL}\n", said)
    acme.runlock("engine", "add", "1.9.8", "--url", f"{URL}?arm", "--sha", SHA, "--arch", "arm64")
    places = f"linux/amd64: {URL} linux/arm64: {URL}?arm"
    assert listed(acme) == {"1.9.8": f"enabled, beta 0 workspaces {places}"}
    assert "one archive for each" in acme.refused("engine", "add", "1.9.8", "--url", URL, "--sha", SHA)
    assert "registered already" in acme.refused("engine", "add", "1.9.8")


def test_a_version_is_disabled_enabled_deprecated_and_forgotten(acme: Terminal) -> None:
    acme.runlock("workspace", "create", "prod", "--engine-version", "1.9.8")
    said = acme.runlock("engine", "disable", "1.9.8")
    assert said == "Terraform 1.9.8 is disabled; workspaces that are set to it, and can't run now: 1\n"
    refused = acme.refused("workspace", "create", "more", "--engine-version", "1.9.8")
    assert refused == "Terraform 1.9.8 is disabled on this site; choose another version"
    acme.runlock("engine", "deprecate", "1.9.8", "--reason", "it leaks")
    assert listed(acme) == {"1.9.8": "disabled, deprecated 1 workspaces"}
    assert "disabled on this site (it leaks)" in acme.refused(
        "workspace", "create", "more", "--engine-version", "1.9.8"
    )
    assert acme.runlock("engine", "enable", "1.9.8") == "Terraform 1.9.8 is enabled\n"
    acme.runlock("engine", "deprecate", "1.9.8", "--remove")
    assert listed(acme) == {"1.9.8": "enabled 1 workspaces"}
    acme.runlock("engine", "disable", "1.9.8")
    acme.runlock("engine", "enable", "1.9.8")
    assert "1 workspace is set to Terraform 1.9.8" in acme.refused("engine", "remove", "1.9.8")
    acme.runlock("workspace", "set", "prod", "--engine-version", "~> 1.9.0")
    assert "not registered any more" in acme.runlock("engine", "remove", "1.9.8")
    assert listed(acme) == {}


def test_a_version_that_nobody_registered_is_deprecated(acme: Terminal) -> None:
    assert acme.runlock("engine", "deprecate", "1.9.8", "--reason", "it leaks") == "Terraform 1.9.8 is deprecated\n"
    assert listed(acme) == {"1.9.8": "enabled, deprecated 0 workspaces"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("add", "1.9"), "three numbers"),
        (("add", "1.9.8", "--url", URL, "--sha", "ab"), "64 hex digits"),
        (("add", "1.9.8", "--url", "mirror.test", "--sha", SHA), "url begins with"),
        (("disable", "newest"), "three numbers"),
        (("enable", "1.9.8"), "is not registered"),
        (("deprecate", "1.9.8", "--remove"), "is not registered"),
        (("remove", "1.9.8"), "is not registered"),
    ],
)
def test_what_makes_no_sense_is_refused(acme: Terminal, arguments: tuple[str, ...], reason: str) -> None:
    assert reason in acme.refused("engine", *arguments)
    assert listed(acme) == {}


def test_an_address_needs_its_sum(acme: Terminal) -> None:
    assert "belong together" in acme.misused("engine", "add", "1.9.8", "--url", URL)
    assert "can't be combined" in acme.misused("engine", "deprecate", "1.9.8", "--reason", "old", "--remove")
