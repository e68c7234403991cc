"""Where does a page lead? To our own pages; what leads to a code host is in `bot/host_links.py`."""

from flask import Blueprint, url_for

from bot.host_links import outside_url
from bot.run import Run
from bot.workspace import Workspace


def workspace_url(workspace: Workspace) -> str:
    return url_for("pages.workspace", organization=workspace.organization_name, name=workspace.name)


def run_url(run: Run, workspace: Workspace) -> str:
    return url_for("pages.run", organization=workspace.organization_name, name=workspace.name, run_id=run.id)


def add_filters(door: Blueprint) -> None:
    door.add_app_template_filter(outside_url, "outside_url")
    door.add_app_template_global(workspace_url, "workspace_url")
    door.add_app_template_global(run_url, "run_url")
