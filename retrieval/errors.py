"""Every error a caller may meet.

    VasariError                    one line for a person: what is wrong and what to do next
    ├── UsageError                 the request itself is wrong (command line: exit 2, HTTP: 400)
    │   ├── QueryError             a query or filter cannot be parsed; knows the column
    │   └── UnsupportedError       the request is understood, but this model or build cannot do it (HTTP: 501)
    ├── NotFoundError              no such library, item, space, preset or file (HTTP: 404)
    ├── ImageError                 bytes that are no picture, or one beyond the limits; knows the stage (HTTP: 422)
    ├── ModelUnavailableError      weights are not on this machine and cannot be fetched
    ├── LibraryLockedError         another job writes this library; knows the holder (HTTP: 409)
    ├── LibraryCorruptError        files and catalog disagree; `vasari doctor --repair` mends it
    ├── MissingExtraError          an optional dependency is not installed; names the extra
    ├── StorageError               the disk is full or refuses to be written
    ├── ReadOnlyError              this process only reads the library (HTTP: 403)
    ├── OverloadedError            the service has more work than it accepts (HTTP: 429)
    └── DeadlineError              the work could not be finished in the time allowed (HTTP: 504)
        └── AbandonedError         whoever asked for the work has left; it ended early

The core raises these and never prints; the command line and the HTTP layer each turn them into words in one place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self


class Sentence(str):
    """A sentence for people that knows what it was made of, so that it can be said in another language.

    `template` is English with `{name}` where one of the `values` belongs. A value may be a sentence itself; a tuple of
    English phrases is joined by "or".
    """

    template: str
    values: Mapping[str, Any]

    def __new__(cls, template: str, **values: str | float | tuple[str, ...]) -> Self:
        """Fill the template; a count is written as `{name:,}` asks."""
        joined = {
            name: " or ".join(value) if isinstance(value, tuple) else value for name, value in values.items()
        }
        made = super().__new__(cls, template.format(**joined))
        made.template, made.values = template, values
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        """What a copy in another process is made of."""
        return (self.template,), dict(self.values)


class VasariError(Exception):
    """Base of all errors meant for people: the message is one line that says what to do next."""


class UsageError(VasariError):
    """The request itself is wrong."""


class QueryError(UsageError):
    """A query or filter cannot be parsed.

    `text` is what was given and `column` the 0-based place of the mistake in it, so that a caller can draw a caret.
    """

    def __init__(self, message: str, text: str = "", column: int | None = None) -> None:
        super().__init__(message)
        self.text = text
        self.column = column

    def with_caret(self) -> str:
        """The message, then the text with a caret under the mistake (three lines)."""
        if self.column is None:
            return str(self)
        in_a_line = re.sub(r"\s", " ", self.text)
        return f"{self}\n  {in_a_line}\n  {' ' * self.column}^"


class UnsupportedError(UsageError):
    """Understood, but this model or build cannot do it; the message says what can."""


class NotFoundError(VasariError):
    """No such library, item, space, preset or file."""


class ImageError(VasariError):
    """Bytes that are no picture, or a picture beyond the limits. `stage` is read, limit or decode."""

    def __init__(self, message: str, stage: str = "decode") -> None:
        super().__init__(message)
        self.stage = stage


class ModelUnavailableError(VasariError):
    """A model's weights are not on this machine and cannot be fetched.

    `model` names it in a few words and `command` fetches it, where they are known: what somebody may be told who has
    nothing to do with the machine.
    """

    def __init__(self, message: str, model: str = "", command: str = "") -> None:
        super().__init__(message)
        self.model = model
        self.command = command

    @property
    def brief(self) -> str:
        """What is missing and how it is had, without where this machine keeps its models."""
        if not self.model:
            return Sentence("a model that this needs is not on the machine, or is damaged")
        if not self.command:
            return Sentence("{model} is not on the machine", model=self.model)
        return Sentence(
            "{model} is not on the machine: `{command}` gets it", model=self.model, command=self.command
        )


class LibraryLockedError(VasariError):
    """Another job holds the library's write lease; `holder` names it (host, process, command).

    `brief` says that it holds it for a single write, after which it is free again.
    """

    def __init__(self, message: str, holder: str = "", *, brief: bool = False) -> None:
        super().__init__(message)
        self.holder = holder
        self.brief = brief


class LibraryCorruptError(VasariError):
    """Files and catalog disagree."""


class MissingExtraError(VasariError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs the package {package!r}: pip install 'vasari[{extra}]'")
        self.package = package
        self.extra = extra


class StorageError(VasariError):
    """The disk is full or refuses to be written."""


class ReadOnlyError(VasariError):
    """The library was opened to be read only: by VASARI_READ_ONLY, or as this user may not write its folder."""

    def __init__(
        self,
        message: str = "this library is only read here: it is a read-only replica (VASARI_READ_ONLY), or this user may"
        " not write its folder",
    ) -> None:
        super().__init__(message)


class OverloadedError(VasariError):
    """More work is waiting than is accepted; try again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineError(VasariError):
    """The work could not be finished in the time allowed."""


class AbandonedError(DeadlineError):
    """Whoever asked for the work has left, or its time is up: it ended early (see `vasari.retrieval.cancellation`)."""
