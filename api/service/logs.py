"""Logging: formatters for people and JSON lines for programs; the access log is a line a request."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from vasari.api.service.request_id import current_request_id


class JsonLines(logging.Formatter):
    """One JSON object a line; line breaks in anything a caller sent are escaped by JSON itself."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "request": current_request_id(),
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return printable(json.dumps(entry, ensure_ascii=False, default=str))


class Lines(logging.Formatter):
    """Time, level, request, message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; control characters in messages become escapes, so that nobody can forge a second one."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")
        message = "".join(
            letter if letter.isprintable() else repr(letter)[1:-1] for letter in record.getMessage()
        )
        line = f"{at} {record.levelname.lower():7} {current_request_id()[:8]:8} {message}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return printable(line)


def configure_logs(*, json_lines: bool, level: str = "INFO") -> None:
    """Send the lines of the service, the server and the engine to stderr in one form."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if json_lines else Lines())
    for name in ("vasari", "uvicorn", "opentelemetry"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level.upper())
        logger.propagate = False


def printable(text: str) -> str:
    """`text` as JSON over HTTP can carry it: characters that are no Unicode become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
