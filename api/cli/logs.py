"""Logging on a terminal: what the engine tells while it works, on stderr, by `--debug` or VASARI_LOG_LEVEL."""

from __future__ import annotations

import logging

from vasari.api.cli import output
from vasari.retrieval.settings import log_level

_PACKAGES = ("vasari",)
_WAITED_FOR = "vasari.retrieval.catalog.migrate"  # told at any level: a command stands still meanwhile


class _Notes(logging.Handler):
    """Records as lines on stderr, where a line that waits or a progress bar makes room for them."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line, and those of a traceback."""
        for line in self.format(record).splitlines():
            output.note(line)


def show(*, debug: bool) -> None:
    """Show records from the level on that was asked for; where none was, only what is waited for.

    UsageError for a wrong level.
    """
    level = "debug" if debug else log_level()
    handler = logging.NullHandler() if level is None else _Notes()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))
    for name in _PACKAGES:
        logging.getLogger(name).handlers[:] = [handler]
        logging.getLogger(name).setLevel(level.upper() if level else logging.NOTSET)
    waited = _Notes(logging.WARNING)
    waited.setFormatter(logging.Formatter("vasari: %(message)s"))
    logging.getLogger(_WAITED_FOR).handlers[:] = [] if level else [waited]


def shown() -> str | None:
    """The level that was asked for."""
    level = logging.getLogger(_PACKAGES[0]).level
    return logging.getLevelName(level).lower() if level else None
