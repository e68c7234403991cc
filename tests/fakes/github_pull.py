"""What happens to a pull request of the double? It is pushed to, reviewed, commented, closed and merged."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tests.fakes import github_events as events
from tests.fakes.github_git import Files
from tests.fakes.github_model import FakeRepository
from tests.fakes.github_things import FakeComment, Person, Protection

FAILED = ("failure", "error", "cancelled", "timed_out", "action_required", "startup_failure")
PASSED = ("success", "neutral", "skipped")


class NotMergeable(Exception):
    """Why the host won't merge, with the status that it answers."""

    def __init__(self, reason: str, status: int = 405) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(eq=False)
class FakePull:
    """Made by `FakeRepository.open_pull`."""

    id: int
    number: int
    repository: FakeRepository
    author: Person
    title: str
    body: str
    head_branch: str
    base_branch: str
    head_sha: str
    created_at: datetime
    updated_at: datetime
    source: FakeRepository
    draft: bool = False
    is_open: bool = True
    merged: bool = False
    merge_commit_sha: str = ""
    closed_at: datetime | None = None
    merged_by: Person | None = None
    comments_ever: list[FakeComment] = field(default_factory=list)
    reviews: list[tuple[Person, str]] = field(default_factory=list)  # (who, APPROVED | CHANGES_REQUESTED)
    brought: set[str] = field(default_factory=set)  # commits that its merge brought
    base_at_end: str = ""
    unknown_answers: int = 0  # how often "mergeable" is still being computed when asked

    @property
    def head_repository(self) -> FakeRepository | None:
        return None if self.source.deleted else self.source

    @property
    def base_sha(self) -> str:
        return self.base_at_end or self.repository.head(self.base_branch)

    @property
    def commits(self) -> list[str]:
        return self.repository.bare.between(self.base_sha, self.head_sha) or sorted(self.brought)

    @property
    def comments(self) -> list[FakeComment]:
        return [comment for comment in self.comments_ever if not comment.deleted]

    @property
    def last_comment(self) -> str:
        return self.comments[-1].body if self.comments else ""

    @property
    def protection(self) -> Protection:
        return self.repository.protections.get(self.base_branch, Protection())

    @property
    def is_mergeable(self) -> bool:
        """Whether the two sides fit together; rules are another matter."""
        return self.repository.bare.merged_tree(self.base_sha, self.head_sha) is not None

    @property
    def is_behind(self) -> bool:
        return not self.repository.bare.is_ancestor(self.base_sha, self.head_sha)

    @property
    def opinions(self) -> list[str]:
        """The latest opinion of everyone who may write."""
        latest = {who: said for who, said in self.reviews if self.repository.may(who, "write")}
        return list(latest.values())

    @property
    def review_decision(self) -> str | None:
        """As at GitHub, there is none where no rule asks for reviews."""
        if not self.protection.reviews:
            return None
        if "CHANGES_REQUESTED" in self.opinions:
            return "CHANGES_REQUESTED"
        return "APPROVED" if self.opinions.count("APPROVED") >= self.protection.reviews else "REVIEW_REQUIRED"

    @property
    def checks(self) -> dict[str, str]:
        """Every context and check run at the head → its state."""
        statuses = {name: status.state for name, status in self.repository.statuses(self.head_sha).items()}
        runs = [run for run in self.repository.check_runs if run.body["head_sha"] == self.head_sha]
        return statuses | {run.body["name"]: run.body.get("conclusion") or "pending" for run in runs}

    @property
    def merge_state(self) -> str:
        checks = self.checks
        if self.draft:
            return "DRAFT"
        if not self.is_mergeable:
            return "DIRTY"
        if self.protection.strict and self.is_behind:
            return "BEHIND"
        missing = [name for name in self.protection.contexts if checks.get(name) not in PASSED]
        if missing or self.review_decision in ("REVIEW_REQUIRED", "CHANGES_REQUESTED"):
            return "BLOCKED"
        return "UNSTABLE" if any(state not in PASSED for state in checks.values()) else "CLEAN"

    def push(
        self, files: Files | None = None, message: str = "Change", *, by: Person | None = None, force: bool = False
    ) -> str:
        """Push to its branch; the new head."""
        return self.source.push(self.head_branch, files, message, by=by or self.author, force=force)

    def comment(self, body: str, by: Person) -> FakeComment:
        """Comment, telling the webhooks."""
        host = self.repository.host
        with host.lock:
            comment = FakeComment(host.next_id(), self.repository, by, body, host.now, host.now, pull=self)
            self.comments_ever.append(comment)
            self.repository.all_comments.append(comment)
            self.updated_at = host.now
            events.commented(comment, "created")
            return comment

    def approve(self, by: Person) -> None:
        self.review(by, "APPROVED")

    def review(self, by: Person, opinion: str) -> None:
        self.reviews.append((by, opinion))

    def close(self, by: Person | None = None) -> None:
        self._end(by or self.author)
        events.pull(self, "closed", by or self.author)

    def reopen(self, by: Person | None = None) -> None:
        self.is_open, self.closed_at, self.base_at_end = True, None, ""
        self._touch()
        events.pull(self, "reopened", by or self.author)

    def ready(self, by: Person | None = None) -> None:
        self.draft = False
        self._touch()
        events.pull(self, "ready_for_review", by or self.author)

    def to_draft(self, by: Person | None = None) -> None:
        self.draft = True
        self._touch()
        events.pull(self, "converted_to_draft", by or self.author)

    def retarget(self, base: str, by: Person | None = None) -> None:
        before, old_sha = self.base_branch, self.base_sha
        self.base_branch = base
        self._touch()
        changes = {"base": {"ref": {"from": before}, "sha": {"from": old_sha}}}
        events.pull(self, "edited", by or self.author, changes=changes)

    def edit(self, title: str, by: Person | None = None) -> None:
        before, self.title = self.title, title
        self._touch()
        events.pull(self, "edited", by or self.author, changes={"title": {"from": before}})

    def merge(self, method: str = "merge", by: Person | None = None, head_sha: str = "", *, admin: bool = True) -> str:
        """Merge for real; the commit that the base branch is at then. Raises NotMergeable.

        `ff` is a person who pushes the head to the base branch. `admin` merges past the branch's rules.
        """
        repo, person = self.repository, by or self.author
        with repo.host.lock:
            if method == "ff":
                repo.move_branch(self.base_branch, self.head_sha, by=person)
                return self.head_sha
            self._check(method, head_sha, admin=admin)
            before = self.base_sha
            made = self._merged(method, person)
            self.brought = set(repo.bare.between(before, made))
            repo.bare.move(f"refs/heads/{self.base_branch}", made)
            self.base_at_end = before
            self._end(person, merge_commit_sha=made)
            repo._moved(self.base_branch, before, made, person)
            events.pull(self, "closed", person)
            return made

    def head_moved(self, head_sha: str, by: Person) -> None:
        """Its branch was pushed to."""
        before, self.head_sha = self.head_sha, head_sha
        self._fetch()
        self._touch()
        events.pull(self, "synchronize", by, before=before, after=head_sha)

    def became_merged(self, commit_sha: str, by: Person) -> None:
        """Somebody pushed its commits to the base branch."""
        self.brought = {*self.repository.bare.between(None, self.head_sha)}
        self._end(by, merge_commit_sha=commit_sha)
        events.pull(self, "closed", by)

    def _check(self, method: str, head_sha: str, *, admin: bool) -> None:
        if not self.is_open:
            raise NotMergeable("Pull Request is not mergeable")
        if head_sha and head_sha != self.head_sha:
            raise NotMergeable("Head branch was modified. Review and try the merge again.", 409)
        if method not in self.repository.merge_methods:
            raise NotMergeable(f"{method.capitalize()} merges are not allowed on this repository.")
        if self.draft:
            raise NotMergeable("Pull Request is still a draft")
        if not self.is_mergeable:
            raise NotMergeable("Pull Request has merge conflicts")
        if not admin and self.merge_state in ("BLOCKED", "BEHIND"):
            raise NotMergeable("At least one requirement of the base branch is not met.")

    def _merged(self, method: str, by: Person) -> str:
        bare = self.repository.bare
        if method == "rebase":
            made = bare.rebased(self.base_sha, self.head_sha, by.signature())
            if made is None:
                raise NotMergeable("This branch can't be rebased")
            return made
        tree = bare.merged_tree(self.base_sha, self.head_sha)
        assert tree is not None
        parents = [self.base_sha] if method == "squash" else [self.base_sha, self.head_sha]
        title = f"{self.title} (#{self.number})" if method == "squash" else f"Merge pull request #{self.number}"
        return bare.commit_tree(tree, parents, title, by.signature())

    def _end(self, by: Person, *, merge_commit_sha: str = "") -> None:
        self.base_at_end = self.base_at_end or self.base_sha
        self.is_open, self.closed_at = False, self.repository.host.now
        self.merged, self.merge_commit_sha = bool(merge_commit_sha), merge_commit_sha
        self.merged_by = by if merge_commit_sha else None
        self._touch()

    def _touch(self) -> None:
        self.updated_at = self.repository.host.now

    def _fetch(self) -> None:
        self.repository.bare.bring(self.source.bare, self.head_sha)
        self.repository.bare.move(f"refs/pull/{self.number}/head", self.head_sha)


def open_pull(
    repo: FakeRepository,
    source: FakeRepository,
    branch: str,
    into: str,
    by: Person,
    title: str,
    body: str,
    *,
    draft: bool,
) -> FakePull:
    """Open a pull request, telling the webhooks. Raises LookupError if a branch isn't there."""
    host = repo.host
    repo.head(into)
    pull = FakePull(
        id=host.next_id(),
        number=len(repo.pulls) + 1,
        repository=repo,
        author=by,
        title=title,
        body=body,
        head_branch=branch,
        base_branch=into,
        head_sha=source.head(branch),
        created_at=host.now,
        updated_at=host.now,
        source=source,
        draft=draft,
    )
    pull._fetch()
    repo.pulls.append(pull)
    events.pull(pull, "opened", by)
    return pull
