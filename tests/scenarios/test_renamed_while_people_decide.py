"""A plan is reviewed; before the yes, names and even Runlock's address change: what is applied is still that plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import requests

from bot.run import Run, RunStatus, Stage
from bot.workspace import Workspace
from handlers.reactions.decisions import confirm
from storage.tokens import TokenKind
from tests.bot.runner.conftest import OLD_ENGINES
from tests.fakes.states import a_state
from tests.scenarios.world import World

pytestmark = pytest.mark.engine
# What is read from `network` is read in the apply, by the names that the configuration has from the plan's days.
TOLD = """
variable "TFC_WORKSPACE_SLUG" {}
variable "TFC_PROJECT_NAME" {}
resource "terraform_data" "one" {
  input = "${terraform.workspace} as ${var.TFC_WORKSPACE_SLUG} in ${var.TFC_PROJECT_NAME}"
  provisioner "local-exec" {
    command = "echo told $TFC_WORKSPACE_SLUG in $TFC_PROJECT_NAME"
  }
}
data "terraform_remote_state" "network" {
  backend    = "remote"
  depends_on = [terraform_data.one]
  config = {
    hostname     = "HOST"
    organization = "acme"
    workspaces   = { name = "network" }
  }
}
output "name" {
  value = terraform_data.one.output
}
output "vpc" {
  value = data.terraform_remote_state.network.outputs.vpc
}
"""
SAID_OVER_HTTP = """
variable "TFC_WORKSPACE_SLUG" {}
output "name" {
  value = "${terraform.workspace} as ${var.TFC_WORKSPACE_SLUG}"
}
"""


class Reviewed:
    """acme's workspace prod has a plan that waits for somebody's yes."""

    def __init__(self, world: World, configuration: str, address: str = "", **settings: Any) -> None:
        """`address`: Runlock's, at the plan."""
        self.world, self.runner = world, world.runner
        acme, services = world.organization(), world.services
        network = services.workspaces.add(acme.id, "network")
        services.states.store(network.id, a_state(1, vpc="vpc-1"), run_id=None)
        owner = services.people.add_user("ada", "ada@acme.test")
        services.people.make_owner(acme.id, owner.id)
        self.token = services.tokens.give(TokenKind.USER, owner.id, "for a test")
        host: Any = world.host
        netloc = (address or world.address).removeprefix("http://")
        repo = host.create_repository("acme/infra", files={"README.md": "infra"})
        self.prod = world.workspace("prod", repo, **settings)
        repo.push("main", {"main.tf": configuration.replace("HOST", netloc)})
        world.work_until(lambda: bool(world.runs()))
        if address:
            self.runlock_moves_to(address)
        world.settle()
        self.run = world.only_run()
        assert self.run.status is RunStatus.PLANNED, self.log(Stage.PLAN)

    def log(self, stage: Stage) -> str:
        job = self.world.services.jobs.of_run(self.run.id, stage)
        assert job is not None
        assert job.log_blob_id is not None
        return self.world.services.blobs.read(job.log_blob_id).decode()

    def ask(self, method: str, path: str, kind: str, **attributes: str) -> None:
        document = {"data": {"type": kind, "attributes": attributes}}
        url, bearer = f"{self.world.address}/api/v2/organizations/{path}", {"Authorization": f"Bearer {self.token}"}
        assert requests.request(method, url, json=document, headers=bearer, timeout=10).ok

    def runlock_moves_to(self, address: str) -> None:
        """And its runner finds it elsewhere than before."""
        self.world.settings = replace(self.world.settings, address=address)
        self.world.restart()
        here, there = self.world.address, self.world.address.replace("127.0.0.1", "localhost")
        self.runner = replace(self.runner, url=there if self.runner.url == here else here)
        self.world.runner = self.runner

    def all_is_renamed(self) -> Workspace:
        """The workspace, then the organization; and others take the old names. The workspace with the name of ours."""
        services = self.world.services
        self.ask("PATCH", "acme/workspaces/prod", "workspaces", name="production")
        services.projects.change(services.projects.get(self.prod.project_id), "Payments", "")
        self.ask("PATCH", "acme", "organizations", name="globex")
        self.ask("POST", "globex/workspaces", "workspaces", name="prod")
        self.ask("POST", "", "organizations", name="acme", email="ops@other.test")
        self.ask("POST", "acme/workspaces", "workspaces", name="prod")
        taker = services.workspaces.by_name(self.prod.organization_id, "prod")
        assert taker is not None
        services.states.store(taker.id, a_state(7, lineage="lineage-2"), run_id=None)
        return taker

    def is_applied(self) -> Run:
        self.world.enqueue(confirm(self.world.services, self.run.id, "alice"))
        self.world.settle()
        run = self.world.run(self.run)
        assert run.status is RunStatus.APPLIED, self.log(Stage.APPLY)
        return run


def test_what_was_renamed_is_applied_as_it_was_reviewed(github_world: World) -> None:
    reviewed = Reviewed(github_world, TOLD)
    taker = reviewed.all_is_renamed()
    reviewed.is_applied()

    state = github_world.state(reviewed.prod)
    assert b'"prod as acme/prod in Default Project"' in state
    assert b'"vpc-1"' in state
    assert "told acme/prod in Default Project" in reviewed.log(Stage.APPLY)
    current = github_world.services.workspaces.get(reviewed.prod.id)
    assert current.slug == "globex/production"
    assert github_world.state(taker) == a_state(7, lineage="lineage-2")
    for other in github_world.services.people.organizations():
        for each in github_world.services.workspaces.of_organization(other.id):
            if each.name == "prod" and each.id != taker.id:
                assert github_world.services.states.current(each.id) is None


def test_over_http_as_well(github_world: World) -> None:
    """Terraform before 1.1, and OpenTofu."""
    github_world.runner = replace(github_world.runner, engines_folder=OLD_ENGINES)
    reviewed = Reviewed(github_world, SAID_OVER_HTTP, engine_version="1.0.3")
    taker = reviewed.all_is_renamed()
    reviewed.runlock_moves_to("http://runlock.new.test")
    reviewed.is_applied()
    assert b'"default as acme/prod"' in github_world.state(reviewed.prod)
    assert github_world.state(taker) == a_state(7, lineage="lineage-2")


def test_runlock_has_another_address_meanwhile(github_world: World) -> None:
    """The plan knows it by its old one, under which nobody answers any more."""
    reviewed = Reviewed(github_world, TOLD, address="http://runlock.old.test")
    reviewed.runlock_moves_to("http://runlock.new.test")
    reviewed.is_applied()
    assert b'"vpc-1"' in github_world.state(reviewed.prod)
