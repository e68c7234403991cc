"""Where does a page lead? To our own pages, and to a code host, whose addresses are text from outside."""

from urllib.parse import quote, urlsplit

from flask import Blueprint, url_for

from bot.connection import Provider, Repository
from bot.run import Run
from bot.workspace import Workspace


def workspace_url(workspace: Workspace) -> str:
    return url_for("pages.workspace", organization=workspace.organization_name, name=workspace.name)


def run_url(run: Run, workspace: Workspace) -> str:
    return url_for("pages.run", organization=workspace.organization_name, name=workspace.name, run_id=run.id)


def outside_url(url: str) -> str:
    """The address if it is http or https, else nothing: a host must not make a `javascript:` link of ours."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc else ""


def commit_url(repository: Repository | None, provider: Provider | None, commit_sha: str) -> str:
    """The commit at its host; empty where there is no page (plain Git)."""
    base = outside_url(repository.html_url) if repository else ""
    if not base or provider is None:
        return ""
    middle = "/-/commit/" if provider.is_gitlab else "/commit/"
    return f"{base.rstrip('/')}{middle}{quote(commit_sha, safe='')}"


def pull_url(repository: Repository | None, provider: Provider | None, number: int) -> str:
    base = outside_url(repository.html_url) if repository else ""
    if not base or provider is None:
        return ""
    middle = "/-/merge_requests/" if provider.is_gitlab else "/pull/"
    return f"{base.rstrip('/')}{middle}{number}"


def add_filters(door: Blueprint) -> None:
    door.add_app_template_filter(outside_url, "outside_url")
    door.add_app_template_global(workspace_url, "workspace_url")
    door.add_app_template_global(run_url, "run_url")
