"""Which runs does a command mean? Those that are talked about here, narrowed by what it names."""

from bot.comment_commands import Command
from bot.messages import replies
from bot.run import Run
from handlers.reactions.answering import Asked
from handlers.reactions.gathering import Gatherer
from handlers.services import Services


def runs_here(services: Services, asked: Asked) -> list[Run]:
    """The runs of this conversation: the pull request's own, and those of the commits that it brought."""
    repository_id, number = asked.repository.id, asked.thread.pull_number
    if number is None:
        return services.runs.at_commit(repository_id, asked.thread.commit_sha)
    runs = services.runs.of_pull(repository_id, number)
    for commit_sha in services.pulls.commits_of(repository_id, number):
        runs += [run for run in services.runs.at_commit(repository_id, commit_sha) if run.pull_number is None]
    return runs


def chosen(services: Services, asked: Asked, command: Command) -> list[Run] | str:
    """The runs that a command names, or the answer that says why it names none."""
    runs = runs_here(services, asked)
    for target in command.targets:
        fitting = [run for run in runs if _names(target, run)]
        unfinished = [run for run in fitting if not run.is_final] or fitting
        if len({run.id for run in unfinished}) > 1:
            return replies.ambiguous(target, Gatherer(services).lines(unfinished))
    if command.targets:
        runs = [run for run in runs if any(_names(target, run) for target in command.targets)]
    runs = [run for run in runs if _is_in(services, run, command)]
    if not runs and (command.targets or command.workspaces or command.directories):
        return replies.nothing_chosen(command)
    return runs


def _names(target: str, run: Run) -> bool:
    """A run is named by its id, or by the beginning of its manifest's or its plan's digest."""
    if target.startswith("run-"):
        return run.id.lower() == target.lower()
    return run.manifest_digest.startswith(target) or (run.plan_digest != "" and run.plan_digest.startswith(target))


def _is_in(services: Services, run: Run, command: Command) -> bool:
    workspace = services.workspaces.get(run.workspace_id)
    by_name = not command.workspaces or workspace.name in command.workspaces
    return by_name and (not command.directories or workspace.working_directory in command.directories)
