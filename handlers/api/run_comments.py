"""What did people write on a run?"""

from flask import Response

from bot.errors import NotFound, Refused
from bot.needs import Needs
from bot.timestamps import to_text
from handlers.api.ask import Ask, Rule
from handlers.api.documents import Resource, many, one, resource, to_one
from handlers.api.operations import lists, makes, shows
from handlers.api.requests import read_body
from storage.run_comments import RunComment

LONGEST_COMMENT = 10_000  # characters


@lists("comments")
def index(ask: Ask, run_id: str) -> Response:
    run, _ = ask.asker.run(run_id)
    return many([_resource(comment) for comment in ask.services.comments.of(run.id)])


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
