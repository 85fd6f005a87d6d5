"""Dry run of an index job: list and compare, and change nothing, not even by taking the write lease.

A listing tells new, changed and vanished files apart by path, size and times alone. That a new file is a vanished one
under another name is known once it is read, which a dry run does not do.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from vasari.indexer.job import IndexOptions, Job
from vasari.indexer.plan import Places, Plan, make_plan
from vasari.indexer.progress import Silent
from vasari.indexer.removal import Withheld, judge
from vasari.indexer.sources.source import Source
from vasari.retrieval.domain import EmbeddingSpace
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library.library import Library


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a job would do, as uris in the order of the listing."""

    new: Sequence[str] = ()
    changed: Sequence[str] = ()  # to be read again, or embedded by a model that has not seen them
    gone: Sequence[str] = ()  # hidden, unless they turn out to be new ones under another name
    unchanged: int = 0
    failed: Sequence[str] = ()  # what the listing itself could not use
    still_failed: int = 0  # failed before, and as they were: not tried again
    withheld: Sequence[Withheld] = ()  # places that lost so much that nothing would be removed
    skipped: Mapping[str, int] = field(default_factory=dict)  # files that are taken for no pictures, by kind

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


def forecast(
    library: Library | None, source: Source, options: IndexOptions | None = None, model: str | None = None
) -> Forecast:
    """What `index` would do with these arguments; `library` is None where there is none yet.

    Raises UsageError for a model that the library has no space of: all would be embedded anew.
    """
    options = options or IndexOptions()
    space = None if library is None else _space(library, model)
    if library is None or space is None:
        plan = make_plan(source.candidates(), (), lambda _uri: False, places=source.places)
    else:
        job = Job(library, space, source, options, Silent(), threading.Event())
        plan = job.plan(library.glance or library.catalog)
    return _told(plan, source, options.allow_removal)


def _space(library: Library, model: str | None) -> EmbeddingSpace | None:
    """The space that would be filled; None in a library that has none yet."""
    default = library.default_space()
    if model is None or default is None or default.model == model:
        return default
    found = next((each for each in library.catalog.spaces.all() if each.model == model), None)
    if found is None:
        raise UsageError(f"no picture of this library has a vector of {model}: all would be embedded")
    return found


def _told(plan: Plan, source: Source, allowed: int) -> Forecast:
    removal = judge(plan, Places(source.places), allowed)
    missing = frozenset(removal.missing)
    return Forecast(
        new=[task.candidate.uri for task in plan.tasks if task.known is None],
        changed=[task.candidate.uri for task in plan.tasks if task.known is not None],
        gone=[file.uri for item, file in plan.gone.items() if item in missing],
        unchanged=plan.unchanged,
        failed=[skipped.uri for skipped in plan.skipped],
        still_failed=plan.still_failed,
        withheld=removal.withheld,
        skipped=dict(source.left_out),
    )
