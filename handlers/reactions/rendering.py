"""What does this comment say now? Text is made when it is sent, from what is true then."""

import hashlib
import hmac
from dataclasses import dataclass

from bot.connection import Repository
from bot.ids import RunId
from bot.messages import apply_result, approval_request, living_comment
from bot.messages.check_run import check_run
from bot.messages.facts import NoLines, RunLine
from bot.run import Run
from bot.vcs.code_host import CheckRun, Thread
from handlers.reactions.gathering import (
    Gatherer,
    commit_url,
    host_words,
    newest_each,
    serves_several_organizations,
    still_meant,
)
from handlers.services import Services
from storage.outbox import Channel, Wanted, commit_lane


@dataclass(frozen=True)
class Rendered:
    """A comment's text, where it goes, and the runs whose plans can be read in it."""

    thread: Thread
    body: str
    plans: tuple[RunId, ...] = ()


def render(services: Services, wanted: Wanted, limit: int) -> Rendered | None:
    """None if there is nothing to say any more."""
    repository = services.repositories.get(wanted.repository_id)
    match wanted.content["kind"]:
        case "living":
            return _living(services, repository, wanted, limit)
        case "approval":
            return _approval(services, repository, wanted, limit)
        case "result":
            return _result(services, repository, wanted, limit)
        case "answer":
            return Rendered(_thread(wanted), f"{wanted.content['body']}\n\n{marker(services, wanted)}")
        case kind:
            raise ValueError(f"there is no comment of kind {kind!r}")


def render_check_run(services: Services, repository: Repository, commit_sha: str) -> CheckRun:
    """The check run of a commit as it should be now."""
    runs = newest_each(services.runs.at_commit(repository.id, commit_sha))
    lines = Gatherer(services, with_output=True).lines(runs)
    url = commit_url(services, repository, commit_sha)
    return check_run(commit_sha, lines, url, with_organization=serves_several_organizations(services, repository))


def marker(services: Services, wanted: Wanted) -> str:
    """The invisible line that tells our comment from every other, signed so that nobody can forge it."""
    text = f"{wanted.lane}/{wanted.slot}"
    mark = hmac.new(services.keyring.derive("comment markers"), text.encode(), hashlib.sha256).hexdigest()[:40]
    return f"<!-- runlock:{mark} -->"


def _living(services: Services, repository: Repository, wanted: Wanted, limit: int) -> Rendered | None:
    number = int(wanted.content["pull_number"])
    pull = services.pulls.find(repository.id, number)
    if pull is None:
        return None
    runs = [run for run in services.runs.of_pull(repository.id, number) if run.commit_sha == pull.head_sha]
    if not runs and not wanted.remote_id:
        return None  # nothing to say, and nothing said before that would be wrong now
    lines = Gatherer(services, with_output=True).lines(newest_each(still_meant(services, runs)))
    comment = living_comment.LivingComment(
        head_sha=pull.head_sha,
        lines=lines,
        url=commit_url(services, repository, pull.head_sha),
        marker=marker(services, wanted),
        no_lines=_why_none(services, repository, pull.head_sha),
        words=host_words(services, repository),
        with_organization=serves_several_organizations(services, repository),
    )
    return Rendered(_thread(wanted), living_comment.render(comment, limit), _plans(lines))


def _why_none(services: Services, repository: Repository, commit_sha: str) -> NoLines:
    speaker = services.repositories.twins(repository)[0]
    refresh = services.outbox.find(speaker.id, commit_lane(speaker.id, commit_sha), Channel.REFRESH, "commit")
    return NoLines[str(refresh.content.get("why_none") or "NONE_AFFECTED")] if refresh else NoLines.NONE_AFFECTED


def _approval(services: Services, repository: Repository, wanted: Wanted, limit: int) -> Rendered:
    runs = _runs(services, wanted)
    lines = Gatherer(services, with_output=True).lines(runs)
    request = approval_request.ApprovalRequest(
        commit_sha=str(wanted.content["commit_sha"]),
        ref=runs[0].tag or (runs[0].branch if runs[0].pull_number is None else ""),
        lines=lines,
        url=commit_url(services, repository, str(wanted.content["commit_sha"])),
        marker=marker(services, wanted),
        with_organization=serves_several_organizations(services, repository),
    )
    return Rendered(_thread(wanted), approval_request.render(request, limit), _plans(lines))


def _result(services: Services, repository: Repository, wanted: Wanted, limit: int) -> Rendered:
    commit_sha = str(wanted.content["commit_sha"])
    waiting = [run for run in services.runs.at_commit(repository.id, commit_sha) if run.needs_decision]
    result = apply_result.ApplyResult(
        lines=Gatherer(services, with_output=True).lines(_runs(services, wanted)),
        url=commit_url(services, repository, commit_sha),
        marker=marker(services, wanted),
        left=len(waiting),
        with_organization=serves_several_organizations(services, repository),
    )
    return Rendered(_thread(wanted), apply_result.render(result, limit))


def _runs(services: Services, wanted: Wanted) -> list[Run]:
    return [services.runs.get(run_id) for run_id in wanted.content["run_ids"]]


def _plans(lines: tuple[RunLine, ...]) -> tuple[RunId, ...]:
    return tuple(line.run.id for line in lines if line.run.plan_digest)


def _thread(wanted: Wanted) -> Thread:
    number = wanted.content.get("pull_number")
    return Thread(pull_number=number) if number else Thread(commit_sha=str(wanted.content["commit_sha"]))
