"""How does a client read a log? Raw bytes; the path's secret is all that it needs (tfe-contract 2.6)."""

from flask import Response, request

from handlers.api.documents import ApiError
from handlers.api.operations import Query, sends
from handlers.run_logs import MOST_BYTES, open_log, read_part, whole
from handlers.services import Services

MEDIA_TYPE = "text/plain; charset=utf-8"
OFFSET = Query("offset", "From which byte on; past the end there is nothing yet.", is_number=True)
LIMIT = Query("limit", "How many bytes at most.", is_number=True)


@sends(MEDIA_TYPE, "The log, or a part of it.", OFFSET, LIMIT)
def read(services: Services, object_id: str, mark: str) -> Response:
    """`limit` bytes from `offset`, or all of it. Past the end: 200 and nothing, for a reader comes again."""
    found = open_log(services, object_id, mark)
    if found is None:
        raise ApiError(404, "not found", "there is no such log, or its address is too old")
    offset, limit = _number("offset"), _number("limit")
    if offset is None and limit is None:
        return Response(whole(services, *found), content_type=MEDIA_TYPE)
    part = read_part(services, *found, offset or 0, MOST_BYTES if limit is None else limit)
    return Response(part, content_type=MEDIA_TYPE)


def _number(name: str) -> int | None:
    text = request.args.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise ApiError(400, "bad request", f"{name} is a whole number of bytes")
    return int(text)
