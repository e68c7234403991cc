"""What happens to a merge request of the double? It is pushed to, approved, commented, closed and merged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from tests.fakes import gitlab_events as events
from tests.fakes.github_git import Files
from tests.fakes.gitlab_model import FakeComment, FakeRepository, Person
from tests.fakes.gitlab_pipelines import UNFINISHED, Pipeline


class NotMergeable(Exception):
    """Why GitLab won't merge, with the status that it answers."""

    def __init__(self, reason: str, status: int = 405) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(eq=False)
class FakePull:
    """A merge request. `id` is unique over the instance, `number` is its iid. Made by `FakeRepository.open_pull`."""

    id: int
    number: int
    repository: FakeRepository
    author: Person
    plain_title: str
    body: str
    head_branch: str
    base_branch: str
    head_sha: str
    created_at: datetime
    updated_at: datetime
    source: FakeRepository
    draft: bool = False
    state: str = "opened"
    merge_commit_sha: str = ""
    squash_commit_sha: str = ""
    start_sha: str = ""  # the target's head when the head was last pushed
    approvers: list[Person] = field(default_factory=list)
    brought: set[str] = field(default_factory=set)  # commits that its merge brought
    has_open_threads: bool = False
    unknown_answers: int = 0  # how often "mergeable" is still being computed when asked

    @property
    def title(self) -> str:
        """At GitLab the draft is in the title."""
        return f"Draft: {self.plain_title}" if self.draft else self.plain_title

    @property
    def is_open(self) -> bool:
        return self.state == "opened"

    @property
    def merged(self) -> bool:
        return self.state == "merged"

    @property
    def head_repository(self) -> FakeRepository | None:
        return None if self.source.deleted else self.source

    @property
    def base_sha(self) -> str:
        return self.repository.head(self.base_branch)

    @property
    def commits(self) -> list[str]:
        return self.repository.bare.between(self.base_sha, self.head_sha) or sorted(self.brought)

    @property
    def comments(self) -> list[FakeComment]:
        found = [note for note in self.repository.all_comments if note.pull is self]
        return [note for note in found if not note.deleted and not note.system]

    @property
    def last_comment(self) -> str:
        return self.comments[-1].body if self.comments else ""

    @property
    def is_mergeable(self) -> bool:
        """Whether the two sides fit together; rules are another matter."""
        return self.repository.bare.merged_tree(self.base_sha, self.head_sha) is not None

    @property
    def behind(self) -> int:
        return len(self.repository.bare.between(self.head_sha, self.base_sha))

    @property
    def head_pipeline(self) -> Pipeline | None:
        own = f"refs/merge-requests/{self.number}/head"
        fitting = [p for p in self.repository.pipelines if p.sha == self.head_sha and p.ref in (own, self.head_branch)]
        return max(fitting, key=lambda pipeline: pipeline.id, default=None)

    @property
    def approvals_left(self) -> int:
        return max(0, self.repository.required_approvals - len(self.approvers))

    def merge_status(self, *, asked: bool = False) -> str:
        """GitLab's `detailed_merge_status`; `asked` uses up one of `unknown_answers`."""
        if self.unknown_answers:  # also of a closed one, which GitLab doesn't check any more
            self.unknown_answers -= 1 if asked and self.is_open else 0
            return "checking" if self.is_open else "unchecked"
        return next(self._failed_checks(), "mergeable")

    def _failed_checks(self) -> Iterator[str]:
        """In GitLab's order: the pipeline comes last."""
        if not self.is_open:
            yield "not_open"
        if self.draft:
            yield "draft_status"
        if self.source.bare.head(self.head_branch) is None:
            yield "commits_status"
        if self.approvals_left:
            yield "not_approved"
        if self.has_open_threads:
            yield "discussions_not_resolved"
        if self.repository.merge_method != "merge" and self.behind:
            yield "need_rebase"
        if not self.is_mergeable:
            yield "conflict"
        if self.repository.pipelines_must_succeed:
            pipeline = self.head_pipeline
            if pipeline is not None and pipeline.status in UNFINISHED:
                yield "ci_still_running"
            elif pipeline is None or pipeline.status != "success":
                yield "ci_must_pass"

    def push(
        self, files: Files | None = None, message: str = "Change", *, by: Person | None = None, **how: bool
    ) -> str:
        """Push to its branch; the new head."""
        return self.source.push(self.head_branch, files, message, by=by or self.author, **how)  # type: ignore[arg-type]

    def comment(self, body: str, by: Person) -> FakeComment:
        """Comment, telling the webhooks."""
        with self.repository.host.lock:
            self._touch()
            return self.repository.write(body, by, pull=self)

    def approve(self, by: Person) -> None:
        """Approve; GitLab writes a note of its own about it."""
        self.approvers.append(by)
        self.repository.write("approved this merge request", by, pull=self, system=True)
        events.pull(self, "approved" if not self.approvals_left else "approval", by)

    def close(self, by: Person | None = None) -> None:
        self._enter("closed", "close", by)

    def reopen(self, by: Person | None = None) -> None:
        self._enter("opened", "reopen", by)

    def _enter(self, state: str, action: str, by: Person | None) -> None:
        self.state, self.updated_at = state, self.repository.host.now
        events.pull(self, action, by or self.author)

    def ready(self, by: Person | None = None) -> None:
        self._set_draft(False, by)

    def to_draft(self, by: Person | None = None) -> None:
        self._set_draft(True, by)

    def _set_draft(self, draft: bool, by: Person | None) -> None:
        before, title = self.draft, self.title
        self.draft = draft
        self._touch()
        changes = {"draft": _change(before, draft), "title": _change(title, self.title)}
        events.pull(self, "update", by or self.author, changes=changes)

    def retarget(self, base: str, by: Person | None = None) -> None:
        before, self.base_branch = self.base_branch, base
        self.start_sha = self.base_sha
        self._touch()
        events.pull(self, "update", by or self.author, changes={"target_branch": _change(before, base)})

    def edit(self, title: str, by: Person | None = None) -> None:
        before, self.plain_title = self.title, title
        self._touch()
        events.pull(self, "update", by or self.author, changes={"title": _change(before, self.title)})

    def merge(self, method: str = "", by: Person | None = None, head_sha: str = "", *, admin: bool = True) -> str:
        """Merge for real; the commit that the base branch is at then. Raises NotMergeable.

        `method`: merge, squash, rebase (a rebase of the source, then a fast-forward), ff; else the project's own.
        `admin` merges past the rules, as a person with the pipeline's result in mind would.
        """
        repo, person = self.repository, by or self.author
        with repo.host.lock:
            self._check(head_sha, admin=admin)
            method = method or self._own_method
            if method == "rebase":
                self._rebase(person)
            before = self.base_sha
            made = self._merged("ff" if method == "rebase" else method, person)
            self.brought = set(repo.bare.between(before, made))
            repo.bare.move(f"refs/heads/{self.base_branch}", made)
            self.state, self.updated_at = "merged", repo.host.now
            repo.moved(self.base_branch, before, made, person)
            events.pull(self, "merge", person)
            return made

    @property
    def _own_method(self) -> str:
        if self.repository.squash:
            return "squash"
        return "ff" if self.repository.merge_method == "ff" else "merge"

    def head_moved(self, head_sha: str, by: Person) -> None:
        """Its branch was pushed to."""
        before, self.head_sha = self.head_sha, head_sha
        self.start_sha = self.base_sha
        self._fetch()
        self._touch()
        events.pull(self, "update", by, oldrev=before)

    def became_merged(self, by: Person) -> None:
        """Somebody pushed its commits to the base branch: GitLab sees that by itself, and names no merge commit."""
        self.brought = {*self.repository.bare.between(None, self.head_sha)}
        self._enter("merged", "merge", by)

    def _check(self, head_sha: str, *, admin: bool) -> None:
        if not self.is_open:
            raise NotMergeable("405 Method Not Allowed")
        if head_sha and head_sha != self.head_sha:
            raise NotMergeable(f"SHA does not match HEAD of source branch: {self.head_sha}", 409)
        if not self.is_mergeable:
            raise NotMergeable("Branch cannot be merged", 422)
        if not admin and self.merge_status() != "mergeable":
            raise NotMergeable("405 Method Not Allowed")

    def _rebase(self, by: Person) -> None:
        """What the button Rebase does: the source branch itself is pushed anew."""
        made = self.repository.bare.rebased(self.base_sha, self.head_sha, by.signature())
        if made is None:
            raise NotMergeable("Rebase failed", 422)
        self.source.bare.bring(self.repository.bare, made)
        self.source.move_branch(self.head_branch, made, by=by)

    def _merged(self, method: str, by: Person) -> str:
        bare = self.repository.bare
        if method == "ff":
            if not bare.is_ancestor(self.base_sha, self.head_sha):
                raise NotMergeable("405 Method Not Allowed")
            return self.head_sha
        tree = bare.merged_tree(self.base_sha, self.head_sha)
        assert tree is not None
        head = self.head_sha
        if method == "squash":
            base = bare.merge_base(self.base_sha, head) or self.base_sha
            head = self.squash_commit_sha = bare.commit_tree(bare.facts(head).tree, [base], self.title, by.signature())
        words = f"Merge branch '{self.head_branch}' into '{self.base_branch}'\n\nSee merge request !{self.number}"
        self.merge_commit_sha = bare.commit_tree(tree, [self.base_sha, head], words, by.signature())
        return self.merge_commit_sha

    def _touch(self) -> None:
        self.updated_at = self.repository.host.now

    def _fetch(self) -> None:
        self.repository.bare.bring(self.source.bare, self.head_sha)
        self.repository.bare.move(f"refs/merge-requests/{self.number}/head", self.head_sha)


def _change(previous: object, current: object) -> dict[str, object]:
    return {"previous": previous, "current": current}


def open_pull(
    repo: FakeRepository, source: FakeRepository, branch: str, into: str, by: Person, said: tuple[str, str], draft: bool
) -> FakePull:
    """Open one with a title and a body, telling the webhooks. Raises LookupError if a branch isn't there."""
    host = repo.host
    pull = FakePull(
        id=host.next_id(),
        number=len(repo.pulls) + 1,
        repository=repo,
        author=by,
        plain_title=said[0],
        body=said[1],
        head_branch=branch,
        base_branch=into,
        head_sha=source.head(branch),
        created_at=host.now,
        updated_at=host.now,
        source=source,
        draft=draft,
        start_sha=repo.head(into),
    )
    pull._fetch()
    repo.pulls.append(pull)
    events.pull(pull, "open", by)
    return pull
