"""Which versions of Terraform does the site have? For its admins, who are nothing more by being that.

Source: https://developer.hashicorp.com/terraform/enterprise/api-docs/admin/terraform-versions
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Response
from packaging.version import Version

from bot.errors import Refused
from bot.needs import Needs
from bot.terraform_version import (
    FACTS,
    FIRST_PLATFORM,
    LONGEST_REASON,
    Archive,
    TerraformVersion,
    check_archive,
    check_archives,
    check_reason,
    check_version,
)
from bot.timestamps import to_text
from handlers.api.ask import Ask, Rule
from handlers.api.documents import Resource, nothing, one, paged, resource
from handlers.api.operations import Query, empties, makes, pages, shows
from handlers.api.requests import Body, asked, asked_page, read_body

EXACTLY = Query("filter[version]", "All of one version.")
PART = Query("search[version]", "A part of the version.")
MOST_ARCHIVES = 20  # of one request; refused by their platforms, but read first


@pages("terraform-versions", EXACTLY, PART)
def index(ask: Ask) -> Response:
    """The registered versions, the newest first. `filter[version]` is all of one, `search[version]` a part."""
    page, exactly = asked_page(), asked("filter[version]").removeprefix("v")
    found, total = ask.services.engine_versions.page(
        exactly=exactly, search=asked("search[version]"), limit=page.size, offset=page.offset
    )
    usage = ask.services.engine_versions.usage()
    return paged([_resource(each, usage) for each in found], page, total)


@makes("terraform-versions", takes="terraform version")
def create(ask: Ask) -> Response:
    """Register a version: where it is taken from, and whether it may be used."""
    body = read_body()
    first = TerraformVersion("", check_version(body.attributes.get("version")), ask.services.now())
    return _answer(ask, ask.services.engine_versions.add(_changed(first, body)), status=201)


@shows("terraform-versions")
def show(ask: Ask, version_id: str) -> Response:
    return _answer(ask, ask.services.engine_versions.get(version_id))


@shows("terraform-versions", takes="terraform version")
def update(ask: Ask, version_id: str) -> Response:
    """What isn't given stays; `archs`, where given, are all that there will be. Runs that were begun go on with it."""
    body, versions = read_body(), ask.services.engine_versions
    with ask.services.records.write():
        before = versions.get(version_id)
        after = _changed(before, body)
        if body.attributes.get("version") is not None:
            after = replace(after, version=check_version(body.attributes["version"]))
        changed = versions.change(before, after)
    return _answer(ask, changed)


@empties()
def remove(ask: Ask, version_id: str) -> Response:
    """Not an official one, nor one that a workspace is set to, or that an unfinished run was begun with."""
    ask.services.engine_versions.remove(version_id)
    return nothing()


def _changed(before: TerraformVersion, body: Body) -> TerraformVersion:
    """With what the request says anew; what it leaves out stays. Raises Refused for what can't be."""
    names = ("official", "enabled", "beta", "deprecated")
    flags: dict[str, Any] = {name: flag for name in names if (flag := body.flag(name)) is not None}
    after = replace(before, archives=_archives(before.archives, body), **flags)
    if "deprecated-reason" in body.attributes:
        after = replace(after, deprecated_reason=check_reason(body.text("deprecated-reason", most=10 * LONGEST_REASON)))
        if after.deprecated_reason and not after.deprecated:
            raise Refused("deprecated-reason is for a version that is deprecated")
    return after if after.deprecated else replace(after, deprecated_reason="")


def _archives(before: tuple[Archive, ...], body: Body) -> tuple[Archive, ...]:
    """`archs` name an archive for each platform; `url` and `sha`, from before there were others, the first one's."""
    listed = body.attributes.get("archs")
    found = before if listed is None else _read_archives(listed)
    url, sha = body.text("url").strip(), body.text("sha").strip()
    if not url and not sha:
        return found
    own = next((each for each in found if each.platform == FIRST_PLATFORM), None)
    first = check_archive(*FIRST_PLATFORM, url or (own.url if own else ""), sha or (own.sha if own else ""))
    if listed is not None and own is not None and first != own:
        raise Refused(f"url and sha are not those of {'/'.join(FIRST_PLATFORM)} in archs")
    return check_archives([first, *(each for each in found if each.platform != FIRST_PLATFORM)])


def _read_archives(listed: Any) -> tuple[Archive, ...]:
    if not isinstance(listed, list) or not all(isinstance(entry, Mapping) for entry in listed):
        raise Refused("archs is a list of objects")
    if len(listed) > MOST_ARCHIVES or not all(isinstance(entry.get(name), str) for entry in listed for name in FACTS):
        raise Refused(f"each of archs has the texts {', '.join(FACTS)}")
    return check_archives(check_archive(**{name: entry[name].strip() for name in FACTS}) for entry in listed)


def _answer(ask: Ask, version: TerraformVersion, *, status: int = 200) -> Response:
    return one(_resource(version, ask.services.engine_versions.usage()), status=status)


def _resource(version: TerraformVersion, usage: Mapping[Version, int]) -> Resource:
    first = version.archive
    attributes = {
        "version": version.version,
        "url": first.url if first else None,
        "sha": first.sha if first else None,
        "official": version.official,
        "enabled": version.enabled,
        "beta": version.beta,
        "deprecated": version.deprecated,
        "deprecated-reason": version.deprecated_reason or None,
        "usage": usage.get(version.number, 0),
        "created-at": to_text(version.created_at),
        "archs": [{"url": each.url, "sha": each.sha, "os": each.os, "arch": each.arch} for each in version.archives],
    }
    return resource("terraform-versions", version.id, attributes, link=f"admin/terraform-versions/{version.id}")


_ALL = "/admin/terraform-versions"
_ONE = "/admin/terraform-versions/<version_id>"
RULES: tuple[Rule, ...] = (
    ("GET", _ALL, index, Needs.SITE_ADMIN),
    ("POST", _ALL, create, Needs.SITE_ADMIN),
    ("GET", _ONE, show, Needs.SITE_ADMIN),
    ("PATCH", _ONE, update, Needs.SITE_ADMIN),
    ("DELETE", _ONE, remove, Needs.SITE_ADMIN),
)
