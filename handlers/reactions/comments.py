"""What follows from a comment? A command is read back from the host, its author's role asked, and it acts once."""

from bot.comment_commands import Command, CommandVerb, Misspelled, NotForUs, parse
from bot.connection import Repository
from bot.events import ButtonPressed, Commented
from bot.messages import replies
from bot.messages.check_run import covered_digests
from bot.vcs.code_host import HostComment, Thread
from handlers.jobs import Job
from handlers.reactions.answering import Asked, acknowledge, answer
from handlers.reactions.commands import carry_out
from handlers.services import Services


def on_comment(services: Services, repository: Repository, event: Commented) -> tuple[str, list[Job]]:
    """Carry a command out, or leave the comment alone. Raises OutsideTrouble before anything was done."""
    told = parse(event.body, services.settings.command_words)
    if isinstance(told, NotForUs):
        return "the comment is no command", []
    thread = Thread(event.pull_number, event.commit_sha or "")
    key = comment_key(thread, event.comment_id)
    if services.pulls.comment_was_seen(repository.id, key):
        return "the comment was acted on already", []
    host = services.host_of(repository)
    host.check_identity(repository)  # before a stranger's comment is read as one of ours
    comment = host.read_comment(repository, thread, event.comment_id)
    if comment is None:
        return "the comment was deleted before it was read", []
    if is_ours(services, repository, comment):
        return "the comment is our own", []
    if parse(comment.body, services.settings.command_words) != told:
        # Whoever may edit other people's comments must not speak in their names.
        return "the comment was edited before it was read", []
    asked = Asked(repository, thread, comment, key, host.role_of(repository, comment.author))
    return _act(services, asked, told)


def _act(services: Services, asked: Asked, told: Command | Misspelled) -> tuple[str, list[Job]]:
    if isinstance(told, Misspelled):
        return "the command was not understood", answer(services, asked, told.reply)
    acknowledged = acknowledge(services, asked)
    match told.verb:
        case CommandVerb.HELP:
            word = services.settings.command_words[0] if services.settings.command_words else "runlock"
            return "help was given", [*acknowledged, *answer(services, asked, replies.help_text(word))]
        case _:
            sentence, jobs = carry_out(services, asked, told)
            return sentence, [*acknowledged, *jobs]


def comment_key(thread: Thread, comment_id: str) -> str:
    """A comment's id with its kind: a host may count comments on commits apart from the others."""
    return f"{'pull' if thread.pull_number is not None else 'commit'}/{comment_id}"


def is_ours(services: Services, repository: Repository, comment: HostComment) -> bool:
    """Our comments are known by the ids that we created, never by their author."""
    return services.outbox.is_ours(repository.id, comment.id)


def on_button(services: Services, repository: Repository, event: ButtonPressed, key: str) -> tuple[str, list[Job]]:
    """Apply or Discard was pressed on our check run (GitHub App): the same as the comment, from that person."""
    pulls = [pull for pull in services.pulls.open(repository.id) if pull.head_sha == event.head_sha]
    number = pulls[0].number if pulls else None
    thread = Thread(number) if number else Thread(commit_sha=event.head_sha)
    host = services.host_of(repository)
    host.check_identity(repository)
    now = services.now()
    pressed = HostComment(event.external_id, event.sender, event.button, now, now)
    asked = Asked(repository, thread, pressed, f"button/{key}", host.role_of(repository, event.sender))
    targets = covered_digests(event.external_id)
    if event.button not in ("apply", "discard") or not targets:
        return f"the button {event.button!r} is not ours", []
    return carry_out(services, asked, Command(CommandVerb(event.button), targets=targets))
