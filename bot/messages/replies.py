"""What do we answer to a command? One function per answer; each is finished Markdown.

A refusal says what stands in the way and what the person can do about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.comment_commands import Command, CommandVerb
from bot.messages.escape import code, link, prose
from bot.messages.facts import GITHUB_WORDS, HostWords, RunLine
from bot.messages.fit import bounded_list
from bot.messages.words import clock, count, exact_name, listing, short, standing
from bot.needs import Needs
from bot.run import Run
from bot.workspace import ApplyPermission

_MOST_BYTES = 30_000  # Less than half of the smallest limit.

_HELP = {
    CommandVerb.PLAN: "plans again, at the newest commit",
    CommandVerb.APPLY: "applies the plans that were shown before you wrote it",
    CommandVerb.DISCARD: "drops plans, so that they can't be applied any more",
    CommandVerb.CANCEL: "stops what is waiting or running",
    CommandVerb.UNLOCK: "frees the workspaces that this conversation holds",
    CommandVerb.OVERRIDE: "lets a run go on although a policy failed",
    CommandVerb.EXPLAIN: "says why a workspace runs or doesn't, and what it waits for",
    CommandVerb.HELP: "shows this",
}


def help_text(word: str = "runlock") -> str:
    """All commands and how to choose runs."""
    table = "\n".join(f"| `{verb}` | {says} |" for verb, says in _HELP.items())
    return (
        "A comment that is one of these commands and nothing else is carried out:\n\n"
        f"| Command | What it does |\n| --- | --- |\n{table}\n\n"
        "Without more, a command is for all workspaces here. To choose, add `-w WORKSPACE`, `-d DIRECTORY`, "
        "a run's id, or at least 6 characters of a manifest's or a plan's digest, as in `apply 3f2a9c`. "
        f"If another bot listens too, write {code(f'{word} apply')}."
    )


def plan_changed(line: RunLine, changed_at: datetime, among: Sequence[Run] = ()) -> str:
    """The plan that the comment meant is not the current one any more. `among`: what else could be named here."""
    again = f"apply {exact_name(line.run, among)}"
    return (
        f"Nothing was applied: the plan of {_name(line)} changed at {clock(changed_at)} (UTC), and you may not have "
        f"seen the new one. If {link('the new one', line.url)} is right, comment {code(again)}."
    )


def still_planning(lines: Sequence[RunLine]) -> str:
    """There is no finished plan to apply yet."""
    return f"Nothing was applied, because not everything is planned yet:\n\n{_standings(lines)}"


def nothing_to_apply() -> str:
    return "There is nothing to apply here: no plan with changes is waiting for approval."


def nothing_to(verb: CommandVerb) -> str:
    """A command that found nothing in the right state, such as `discard` after the apply."""
    return f"There is nothing here to {verb.value}."


def approved_already() -> str:
    """`discard` came behind the approval."""
    return "There is nothing here to discard: it was approved already. To take that back, comment `cancel`."


def nothing_chosen(command: Command) -> str:
    """The flags or targets of a command fit no run."""
    chosen = [
        *(f"workspace {code(name, 60)}" for name in command.workspaces),
        *(f"directory {code(name or '.', 60)}" for name in command.directories),
        *(code(target, 70) for target in command.targets),
    ]
    return f"No run here fits {listing(chosen)}. Nothing was done."


def ambiguous(target: str, lines: Sequence[RunLine]) -> str:
    """A digest's beginning names several runs."""
    said = f"{code(target, 70)} fits {count(len(lines), 'run')}; give more characters of it, or a run's id:"
    return f"{said}\n\n{_standings(lines)}"


def approved(lines: Sequence[RunLine]) -> str:
    """The apply was accepted; its result comes as a comment of its own."""
    return f"Approved:\n\n{_standings(lines)}"


def already_approved(line: RunLine) -> str:
    """Two people commented `apply`: the second is told who was first."""
    who = f" by {code(line.run.confirmed_by, 100)}" if line.run.confirmed_by else ""
    return f"{_name(line)} was approved{who} already; it is: {prose(standing(line))}."


def discarded(lines: Sequence[RunLine]) -> str:
    return f"Discarded: {_names(lines)}. Nothing of it was applied. To plan again, comment `plan`."


def cancelled(lines: Sequence[RunLine]) -> str:
    """Cancel was accepted; what runs is interrupted and ends by itself."""
    return f"Cancelled, or asked to stop: {_names(lines)}."


def unlocked(names: Sequence[str]) -> str:
    """The workspaces' holds were given up."""
    return f"Freed: {listing([code(name, 100) for name in names], 30)}. Other plans may be applied there now."


def nothing_to_unlock() -> str:
    return "There is nothing to unlock: no workspace is held from here."


def planning(names: Sequence[str], commit_sha: str) -> str:
    return f"Planning {listing([code(name, 100) for name in names], 30)} at {code(short(commit_sha))}."


def waits_for_pull(line: RunLine, words: HostWords = GITHUB_WORDS) -> str:
    """Another pull request has applied here and isn't merged yet."""
    return (
        f"Nothing was applied: {_name(line)} waits for {words.sign}{line.held_by_pull}, which has applied there and is "
        f"not merged yet. Merge or close that {words.pull}, or comment `unlock` there."
    )


def not_allowed(login: str, name: str, needed: ApplyPermission) -> str:
    """The person's role at the host doesn't reach the workspace's `apply-permission`."""
    return (
        f"{code(login, 100)} may not do that in {code(name, 100)}: it takes the role "
        f"{needed.value} or more in this repository. Somebody who has it can comment the same."
    )


def user_not_allowed(login: str, username: str, name: str, needs: Needs) -> str:
    """The person's role at the host would do, but the user that their account is linked to may not."""
    return (
        f"{code(login, 100)} may not do that in {code(name, 100)}: the account belongs to the user "
        f"{code(username, 100)} here, whose teams have no access for {needs.value} there. "
        "Whoever administers the workspace can give it; until then somebody else can comment the same."
    )


def own_pull(words: HostWords = GITHUB_WORDS) -> str:
    """The workspace asks for four eyes."""
    return f"The author of a {words.pull} may not approve it in this workspace. Somebody else can comment `apply`."


def requirements_missing(line: RunLine, reasons: Sequence[str]) -> str:
    """What the host says is missing before the plan may be applied; `reasons` are words from outside too."""
    missing = bounded_list([f"- {prose(reason, 200)}" for reason in reasons], _MOST_BYTES)
    return f"Nothing was applied: {_name(line)} asks for more before that.\n\n{missing}"


def newer_commit(name: str, branch: str, commit_sha: str) -> str:
    """An older commit of a branch is not planned again: it would undo the newer one."""
    return (
        f"{code(name, 100)} is not planned again here: a newer commit of {code(branch, 100)}, "
        f"{code(short(commit_sha))}, has a run there."
    )


def head_moved(planned_sha: str, head_sha: str) -> str:
    return (
        f"Nothing was applied: the plan is of {code(short(planned_sha))}, and the newest commit is "
        f"{code(short(head_sha))}. Wait for its plan, or comment `plan`."
    )


def retargeted(base_branch: str, words: HostWords = GITHUB_WORDS) -> str:
    """The pull request goes into another branch than the workspace tracks."""
    return (
        f"Nothing was applied: this {words.pull} goes into {code(base_branch, 100)} now, "
        "and the plan was made for another branch."
    )


def state_moved(line: RunLine) -> str:
    """Somebody else changed the state that the plan was made on."""
    return (
        f"Nothing was applied: the state of {_name(line)} has changed since the plan was made. "
        "Comment `plan` for a new plan."
    )


def pull_is_over(words: HostWords = GITHUB_WORDS) -> str:
    return f"This {words.pull} is closed, so there is nothing to plan or apply here any more."


def fork_refused(words: HostWords = GITHUB_WORDS) -> str:
    return (
        f"This {words.pull} comes from a fork. Planning runs its code, so forks are not planned. "
        "Somebody who trusts it can push it to a branch of this repository."
    )


def refused(reason: str) -> str:
    """Any other refusal, in the words of its reason."""
    return f"That was refused: {prose(reason.rstrip('. '))}."


@dataclass(frozen=True)
class Explanation:
    """Why one workspace runs, or doesn't, for the commit at hand; `line` is its run, if there is one."""

    name: str
    runs: bool
    reason: str
    line: RunLine | None = None


def explain(explanations: Sequence[Explanation], words: HostWords = GITHUB_WORDS) -> str:
    """One line per workspace: what is, and why."""
    if not explanations:
        return "No workspace is connected to this repository."
    ordered = sorted(explanations, key=lambda found: (not found.runs, found.name))
    return bounded_list([_explained(found, words) for found in ordered], _MOST_BYTES)


def _explained(found: Explanation, words: HostWords) -> str:
    name = code(found.name, 100)
    if found.line is None:
        return f"- {name} {'runs' if found.runs else 'does not run'}: {prose(found.reason, 300)}"
    run = code(found.line.run.id)
    held = "" if found.line.held_by_pull is None else f"; waits for {words.sign}{found.line.held_by_pull}"
    standing_now = prose(standing(found.line), 200)
    return f"- {name} runs ({link(run, found.line.url)}: {standing_now}{held}): {prose(found.reason, 300)}"


def _standings(lines: Sequence[RunLine]) -> str:
    return bounded_list(
        [f"- {_name(line)}, {link(code(line.run.id), line.url)}: {prose(standing(line), 200)}" for line in lines],
        _MOST_BYTES,
    )


def _names(lines: Sequence[RunLine]) -> str:
    return listing([_name(line) for line in lines], 30)


def _name(line: RunLine) -> str:
    return code(line.workspace_name, 100)
