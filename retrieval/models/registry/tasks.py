"""Tasks of models that write about pictures: what is known of them by name, and the refusal of one that is missing."""

from __future__ import annotations

import re

from vasari.retrieval.errors import UnsupportedError
from vasari.retrieval.models.ports import Task
from vasari.retrieval.models.registry.preset_table import FLORENCE_TASKS, PRESETS

_RELEASED = re.compile(r"florence-2-(base|large)(-ft)?/?$", re.IGNORECASE)


def known_tasks(reference: str) -> frozenset[Task] | None:
    """The tasks of a preset, or of Florence-2 as it was released; None where the model has to be asked."""
    if (preset := PRESETS.get(reference)) is not None:
        return preset.tasks
    return FLORENCE_TASKS if _RELEASED.search(reference) else None


def require(task: Task, reference: str, tasks: frozenset[Task]) -> None:
    """UnsupportedError where a model has not the task: in one line, with what to pull and how to choose it."""
    if task in tasks:
        return
    able = next(p for p in PRESETS.values() if task in p.tasks and not p.drawings_only)
    raise UnsupportedError(
        f"{reference} does not {task}: `vasari models pull {able.name}` gets a model that does, and"
        f" {able.kind.choosing(able.name)} chooses it"
    )
