"""Problem details (RFC 9457): which error has which HTTP status and name, there and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from vasari.api.contract.scalars import Fields
from vasari.retrieval import errors


class Problem(NamedTuple):
    """How HTTP answers with an error: its status, the last part of the problem's type, and a title."""

    status: int
    name: str
    title: str


PROBLEMS: Mapping[type[errors.VasariError], Problem] = {
    errors.UsageError: Problem(400, "usage", "The request is wrong"),
    errors.QueryError: Problem(400, "query", "The query cannot be read"),
    errors.UnsupportedError: Problem(501, "unsupported", "This model or build cannot do it"),
    errors.NotFoundError: Problem(404, "not-found", "Not found"),
    errors.ImageError: Problem(422, "image", "Not a usable picture"),
    errors.ModelUnavailableError: Problem(503, "model-unavailable", "The model is not on this machine"),
    errors.LibraryLockedError: Problem(409, "library-locked", "Another job writes the library"),
    errors.LibraryCorruptError: Problem(500, "library-corrupt", "The library needs repair"),
    errors.MissingExtraError: Problem(501, "missing-extra", "A package is not installed"),
    errors.ReadOnlyError: Problem(403, "read-only", "This service only reads"),
    errors.StorageError: Problem(507, "storage", "The storage refuses"),
    errors.OverloadedError: Problem(429, "overloaded", "Too many requests"),
    errors.DeadlineError: Problem(504, "deadline", "Not finished in time"),  # abandoned work, too
    errors.VasariError: Problem(500, "failed", "It failed"),
}


_KINDS = {problem.name: kind for kind, problem in PROBLEMS.items()} | {"schema": errors.UsageError}


def problem_of(error: errors.VasariError) -> Problem:
    """The problem of the error's class, or of the nearest above it."""
    return next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)


def problem_members(error: errors.VasariError) -> Fields:
    """What an error knows beside its message, as extension members of its problem document."""
    match error:
        case errors.QueryError(column=int(column)):
            return {"query": error.text, "column": column}
        case errors.ImageError():
            return {"stage": error.stage}
        case errors.ModelUnavailableError():
            return {name: value for name in ("model", "command") if (value := getattr(error, name))}
        case errors.LibraryLockedError():
            return {"holder": error.holder}
        case errors.MissingExtraError():
            return {"package": error.package, "extra": error.extra}
    return {}


def read_problem(body: Mapping[str, Any], retry_after: float) -> errors.VasariError | None:
    """The library's own error that a problem document stands for; None for what only a service can refuse.

    Raises KeyError for what is no problem document.
    """
    detail = str(body["detail"])
    match _KINDS.get(str(body["type"]).rpartition(":")[2]):
        case errors.QueryError:
            return errors.QueryError(detail, body.get("query", ""), body.get("column"))
        case errors.ImageError:
            return errors.ImageError(detail, body.get("stage", "decode"))
        case errors.ModelUnavailableError:
            return errors.ModelUnavailableError(detail, body.get("model", ""), body.get("command", ""))
        case errors.LibraryLockedError:
            return errors.LibraryLockedError(detail, body.get("holder", ""))
        case errors.MissingExtraError:
            known = "package" in body  # an older service does not tell
            return errors.MissingExtraError(body["package"], body["extra"]) if known else None
        case errors.OverloadedError:
            return errors.OverloadedError(detail, retry_after)
        case None:
            return None
        case kind:
            return kind(detail)
