"""How do we answer somebody who commented? A reaction at once, a comment of our own, each once."""

from dataclasses import dataclass

from bot.connection import Repository
from bot.host_roles import HostRole
from bot.vcs.code_host import HostComment, Thread
from handlers.jobs import Job, Verb
from handlers.services import Services
from storage.outbox import Channel, commit_lane, pull_lane


@dataclass(frozen=True)
class Asked:
    """Who asked, where, and in which role at the host, read at this moment (invariant 13)."""

    repository: Repository
    thread: Thread
    comment: HostComment
    key: str
    role: HostRole

    @property
    def who(self) -> str:
        return self.comment.author.login

    @property
    def lane(self) -> str:
        if self.thread.pull_number is not None:
            return pull_lane(self.repository.id, self.thread.pull_number)
        return commit_lane(self.repository.id, self.thread.commit_sha)


def answer(services: Services, asked: Asked, body: str) -> list[Job]:
    """Answer the comment, and note that it was acted on."""
    services.pulls.comment_is_new(asked.repository.id, asked.key)
    content = {**_place(asked), "kind": "answer", "body": body}
    return _want(services, asked, Channel.COMMENT, f"answer/{asked.key}", content)


def acknowledge(services: Services, asked: Asked) -> list[Job]:
    """Show that the command was seen, where the host has reactions."""
    content = {**_place(asked), "comment_id": asked.comment.id, "reaction": "eyes"}
    return _want(services, asked, Channel.REACTION, asked.key, content)


def _want(services: Services, asked: Asked, channel: Channel, slot: str, content: dict[str, object]) -> list[Job]:
    repository = asked.repository
    services.outbox.want(repository.connection_id, repository.id, asked.lane, channel, slot, content)
    return [Job(Verb.SEND, asked.lane)]


def _place(asked: Asked) -> dict[str, object]:
    return {"pull_number": asked.thread.pull_number, "commit_sha": asked.thread.commit_sha}
