"""Errors as RFC 9457 problem documents: the one place where an exception becomes a status code.

No answer ever holds a traceback or the text of an unforeseen exception: those go to the log, with the request's id.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from vasari.api.contract.problems import problem_members, problem_of
from vasari.api.contract.sentences import sentence_fields
from vasari.api.service.logs import printable
from vasari.api.service.request_id import current_request_id
from vasari.retrieval import errors

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger("vasari.service")


class ProblemError(errors.VasariError):
    """An error that only the HTTP layer knows: status, short name, and one line for a person."""

    def __init__(
        self, status: int, name: str, detail: str, headers: Mapping[str, str] | None = None, **more: str
    ) -> None:
        """`more` are extension members of the problem document."""
        super().__init__(detail)
        self.status = status
        self.name = name
        self.headers = dict(headers or {})
        self.more = more


_TITLES = {
    400: "The request is wrong",
    401: "A key is needed",
    403: "Not allowed",
    404: "Not found",
    405: "This address has other methods",
    408: "The request came too slowly",
    409: "In conflict with what is there",
    413: "The request is too large",
    416: "Beyond the end of the file",
    415: "This content type is not understood",
    421: "Sent to the wrong host",
    422: "The request does not fit the schema",
    429: "Too many requests",
    503: "Not now",
    507: "The storage refuses",
}


def problem(
    status: int,
    name: str,
    detail: str,
    *,
    title: str | None = None,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem document; `more` are extension members."""
    body = {
        "type": f"urn:vasari:problem:{name}",
        "title": title or _TITLES.get(status, "It failed"),
        "status": status,
        "detail": plain(cut(detail, _LONGEST_DETAIL)),
        "instance": f"urn:vasari:request:{current_request_id()}",
        **more,
    }
    return JSONResponse(body, status, dict(headers or {}), media_type=MEDIA_TYPE)


_SETTINGS = re.compile(r"\s*\(VASARI_\w+(?:, VASARI_\w+)*\)")
_ERROR_NUMBER = re.compile(r"\[Errno -?\d+\] ")


def plain(text: str) -> str:
    """`text` for callers: without the settings by which whoever runs the service changes a limit."""
    return printable(_ERROR_NUMBER.sub("", _SETTINGS.sub("", text)))


def _field(place: Sequence[int | str]) -> str:
    """Where in the body; the name of an unknown key may be as long as the body."""
    return ".".join(cut(printable(str(part)), _LONGEST_NAME) for part in place[:_DEEPEST])


_LONGEST_NAME = 80
_LONGEST_MESSAGE = 300
_LONGEST_DETAIL = 2000
_DEEPEST = 12


def cut(text: str, most: int) -> str:
    """The first `most` characters, with an ellipsis for the rest: nobody is sent back a megabyte of his own."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def answer_to(error: Exception) -> Response:
    """The problem document of any exception."""
    match error:
        case ProblemError():
            more = {name: printable(value) for name, value in error.more.items()}
            return problem(
                error.status, error.name, str(error), headers=error.headers, **more, **members(error)
            )
        case HTTPException():
            return problem(error.status_code, "http", str(error.detail), headers=error.headers)
        case RequestValidationError():
            return _invalid(error)
        case errors.VasariError():
            return _foreseen(error)
    _LOG.error("unforeseen error", exc_info=error)
    return problem(
        500,
        "internal",
        "an unforeseen error; the service's log has it under this request's id",
        title="It failed",
    )


def _foreseen(error: errors.VasariError) -> Response:
    status, name, title = problem_of(error)
    headers: dict[str, str] = {}
    if status >= 500:
        _LOG.error("%s: %s", type(error).__name__, error)
    match error:
        case errors.QueryError(column=int(column)):
            error = _around(error, column)
        case errors.ImageError(stage="limit"):
            status = 413
        case errors.LibraryLockedError():
            headers = {"Retry-After": "5"}
        case errors.OverloadedError():
            headers = {"Retry-After": str(max(1, round(error.retry_after)))}
    return problem(status, name, outward(error), title=title, headers=headers, **members(error))


def members(error: errors.VasariError) -> dict[str, Any]:
    """Extension members of the error's problem document; `said` is the message in its parts."""
    known = {
        member: printable(told) if isinstance(told, str) else told
        for member, told in problem_members(error).items()
    }
    match error.args:
        case (errors.Sentence() as sentence, *_):
            return known | {
                "said": sentence_fields(sentence, lambda text: plain(cut(text, _LONGEST_MESSAGE)))
            }
    return known


def kind_of(error: errors.VasariError) -> dict[str, Any]:
    """What a job that failed tells beside its message: the problem's type, and its members."""
    return {"type": f"urn:vasari:problem:{problem_of(error).name}", **members(error)}


def outward(error: errors.VasariError) -> str:
    """The message without paths of the machine, for callers; the log has the rest."""
    match error:
        case errors.ModelUnavailableError():
            return plain(error.brief)
        case errors.LibraryCorruptError() | errors.StorageError():  # name files of the machine
            return next(words for kind, words in _ELSEWHERE.items() if isinstance(error, kind))
    return plain(str(error))


_ELSEWHERE: Mapping[type[errors.VasariError], str] = {
    errors.LibraryCorruptError: "the library needs repair on its own machine; the service's log says more",
    errors.StorageError: "the disk of the service's machine is full or cannot be written; its log says more",
}


def _around(error: errors.QueryError, column: int) -> errors.QueryError:
    """The error with the part of a long query that the mistake is in."""
    start = max(0, column - _LONGEST_QUERY // 2) if len(error.text) > _LONGEST_QUERY else 0
    return errors.QueryError(error.args[0], error.text[start : start + _LONGEST_QUERY], column - start)


_LONGEST_QUERY = 500


def _invalid(error: RequestValidationError) -> Response:
    """What does not fit the schema, field by field; never the value itself, which may be a whole picture."""
    found = [
        {"field": _field(entry["loc"]), "message": cut(printable(entry["msg"]), _LONGEST_MESSAGE)}
        for entry in error.errors()[:20]
    ]
    detail = "; ".join(f"{entry['field']}: {entry['message']}" for entry in found[:3])
    return problem(422, "schema", detail or "the body is not valid", errors=found)


async def _handle(request: Request, error: Exception) -> Response:
    response = answer_to(error)
    if not _speaks_openai(request.scope["path"]):
        return response
    # OpenAI's client shows `error.message`, and nothing else of a body.
    body = json.loads(bytes(response.body))
    body["error"] = {"message": body["detail"], "type": body["type"], "code": None, "param": None}
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return JSONResponse(body, response.status_code, headers, media_type=MEDIA_TYPE)


def _speaks_openai(path: str) -> bool:
    one = path.startswith("/v1/models/") and path != "/v1/models/recommend"
    return one or path in ("/v1/embeddings", "/v1/models")


def install(app: FastAPI) -> None:
    """Let `app` answer every foreseen exception by a problem document.

    The unforeseen ones are caught further out, by `vasari.api.service.middleware.gate`: Starlette's own outermost
    handler would raise them again after answering.
    """
    for kind in (errors.VasariError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _handle)
