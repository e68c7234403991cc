"""How do people talk in these stories? A team, a repository, a workspace, and what they say to each other."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from bot.run import Run, RunStatus, Stage
from bot.workspace import Workspace
from handlers.jobs import Job, Verb
from tests.fakes.github import FakeGitHub
from tests.scenarios.world import HELLO, World

BEFORE_MERGE: dict[str, Any] = {"vcs_workflow": "apply-before-merge"}
ANY_BASE = {**BEFORE_MERGE, "apply_requirements": []}
MORE = 'resource "terraform_data" "more" {}\n'
OTHER = 'resource "terraform_data" "hello" {\n  input = "other"\n}\n'
BROKEN = 'resource "terraform_data" "broken" {\n  input = var.nowhere\n}\n'


class Team:
    """alice and bob may write, rhea reads; they have the repository acme/infra and the workspace prod."""

    def __init__(self, world: World, files: dict[str, Any] | None = None, **settings: Any) -> None:
        self.world = world
        self.host: Any = world.host
        self.repo = self.host.create_repository("acme/infra", files={"README.md": "infra"} if files is None else files)
        self.alice = self.host.person("alice", role="write", repo=self.repo)
        self.bob = self.host.person("bob", role="write", repo=self.repo)
        self.rhea = self.host.person("rhea", role="read", repo=self.repo)
        self.prod: Workspace = world.workspace("prod", self.repo, **settings)

    def open(self, branch: str = "feature", files: dict[str, Any] | None = None, **how: Any) -> Any:
        """alice pushes a branch and opens a pull request, and all that follows happens."""
        self.repo.push(branch, {"main.tf": HELLO} if files is None else files, by=self.alice)
        pull = self.repo.open_pull(branch, by=self.alice, **how)
        self.world.settle()
        return pull

    def merged(self, branch: str = "feature", files: dict[str, Any] | None = None, method: str = "merge") -> Any:
        """alice opens a pull request and merges it."""
        pull = self.open(branch, files)
        pull.merge(method, by=self.alice)
        self.world.settle()
        return pull

    def a_moment_passes(self, **span: float) -> None:
        """Time passes here and at the host, and nothing else happens."""
        by = timedelta(**span) if span else timedelta(seconds=2)
        self.world.offset += by
        self.host.advance(by)

    def the_host_is_asked_for_two_minutes(self) -> None:
        """Until nobody expects a pull request for a pushed commit any more."""
        for _ in range(7):
            self.world.wait(minutes=1, seconds=6)

    def say(self, place: Any, text: str, by: Any = None) -> str:
        """Comment on a pull request or on a commit; what Runlock writes anew because of it, as one text."""
        self.a_moment_passes()
        before = [comment.id for comment in self.comments_at(place)]
        if isinstance(place, str):
            said = self.repo.comment_on(place, text, by or self.alice)
        else:
            said = place.comment(text, by or self.alice)
        self.world.settle()
        fresh = [comment for comment in self.comments_at(place) if comment.id not in [*before, said.id]]
        return "\n\n".join(comment.body for comment in fresh)

    def comments_at(self, place: Any) -> list[Any]:
        return self.repo.comments_on(place) if isinstance(place, str) else place.comments

    def status(self, commit_sha: str, context: str) -> str:
        """`pending: planning`, or nothing where there is no such status; news of less weight take some seconds."""
        self.world.wait(seconds=6)
        found = self.repo.statuses(commit_sha).get(context)
        return f"{found.state}: {found.description}" if found else ""

    def sweep(self) -> None:
        """What a minute does: whatever was dropped is found."""
        self.world.enqueue([Job(Verb.SWEEP)])
        self.world.settle()

    def nothing_was_applied(self) -> bool:
        """No run has ever entered `applying`, and no state was written."""
        runs = self.world.runs()
        never = not any(RunStatus.APPLYING.value in run.times for run in runs)
        return never and all(
            self.world.services.states.current(workspace_id) is None for workspace_id in {r.workspace_id for r in runs}
        )

    def how_often_applied(self, run: Run) -> int:
        return self.world.services.jobs.count(run.id, Stage.APPLY)


def marked(body: str) -> str:
    """Our comment without its marker, so that a test can look at what people read."""
    return re.sub(r"<!-- runlock:[0-9a-f]{40} -->", "", body).strip()


def digest_in(answer: str) -> str:
    """The digest of the `apply 3f2a9c` that an answer offers."""
    found = re.search(r"apply ([0-9a-f]{6,})", answer)
    assert found, answer
    return found[1]


def made_last(world: World, pull: Any = None) -> Run:
    """The newest run, of this pull request if one is given."""
    runs = [run for run in world.runs() if pull is None or run.pull_number == pull.number]
    return max(runs, key=lambda run: run.created_at)


def two_pulls(world: World, **settings: Any) -> tuple[Team, Any, Any]:
    """Both want to change prod, and each has its plan."""
    team = Team(world, **{**ANY_BASE, **settings})
    return team, team.open("one", {"main.tf": HELLO}), team.open("other", {"other.tf": MORE})


def sign(team: Team) -> str:
    """What the host writes before a pull request's number."""
    return "#" if isinstance(team.host, FakeGitHub) else "!"
