"""What did people write on a run?"""

from flask import Response

from bot.errors import NotFound, Refused
from bot.needs import Needs
from bot.timestamps import to_text
from handlers.api.ask import Ask, Rule
from handlers.api.documents import Resource, one, paged, resource, to_one
from handlers.api.operations import large_pages, makes, shows
from handlers.api.requests import asked_large_page, read_body
from storage.run_comments import RunComment

LONGEST_COMMENT = 10_000  # characters


@large_pages("comments")
def index(ask: Ask, run_id: str) -> Response:
    """Oldest first."""
    (run, _), page = ask.asker.run(run_id), asked_large_page()
    found, total = ask.services.comments.page(run.id, limit=page.size, offset=page.offset)
    return paged([_resource(comment) for comment in found], page, total)


@makes("comments", takes="comment")
def create(ask: Ask, run_id: str) -> Response:
    run, _ = ask.asker.run(run_id)
    body = read_body().text("body", most=LONGEST_COMMENT).strip()
    if not body:
        raise Refused("a comment has a body")
    return one(_resource(ask.services.comments.add(run.id, ask.username, body)), status=201)


@shows("comments")
def show(ask: Ask, comment_id: str) -> Response:
    comment = ask.services.comments.get(comment_id)
    try:
        ask.asker.run(comment.run_id)
    except NotFound as error:
        raise NotFound(f"there is no comment {comment_id}") from error
    return one(_resource(comment))


def _resource(comment: RunComment) -> Resource:
    attributes = {"body": comment.body, "author": comment.author, "created-at": to_text(comment.created_at)}
    link = f"comments/{comment.id}"
    return resource("comments", comment.id, attributes, {"run": to_one("runs", comment.run_id)}, link=link)


RULES: tuple[Rule, ...] = (
    ("GET", "/runs/<run_id>/comments", index, Needs.RUNS_READ),
    ("POST", "/runs/<run_id>/comments", create, Needs.RUNS_PLAN),
    ("GET", "/comments/<comment_id>", show, Needs.RUNS_READ),
)
