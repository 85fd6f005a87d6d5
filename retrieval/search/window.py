"""The window of ranks that a search request asks for, and whether its numbers are sensible."""

from __future__ import annotations

from vasari.retrieval.domain import GroupScore, Modality, Rerank, SearchRequest
from vasari.retrieval.errors import Sentence, UsageError

MAX_WINDOW = 10_000  # offset + limit; deeper pages are an export, not a search
MAX_DEADLINE_MS = 86_400_000  # a day


def check_window(request: SearchRequest) -> int:
    """Offset + limit of this page, checked; UsageError when it is no sensible number."""
    if request.limit < 1 or request.offset < 0:
        raise UsageError("limit is at least 1, offset at least 0")
    window = request.limit + request.offset
    if window > MAX_WINDOW:
        raise UsageError(
            Sentence("limit + offset is at most {most}; use `vasari export` for everything", most=MAX_WINDOW)
        )
    if request.regions and request.modality is not Modality.IMAGE:
        raise UsageError("regions are parts of pictures: search for pictures, or leave regions out")
    if request.rerank is not None:
        _check_rerank(request.rerank)
    if request.group_score is not GroupScore.BEST and request.group_by is None:
        raise UsageError("group_score is said of groups: say group_by, too")
    if request.group_score is not GroupScore.BEST and request.hybrid:
        raise UsageError("groups by their mean are found by vectors alone: leave hybrid out")
    for name, value in (("diversify", request.diversify), ("min_relevance", request.min_relevance)):
        if value is not None and not 0 <= value <= 1:
            raise UsageError(f"{name} is between 0 and 1")
    return window


def _check_rerank(options: Rerank) -> None:
    """Raise UsageError for numbers that are none of their kind: a negative time, NaN."""
    if options.deadline_ms is not None and not 0 <= options.deadline_ms <= MAX_DEADLINE_MS:
        raise UsageError(f"a deadline is a number of milliseconds, at most {MAX_DEADLINE_MS:,}")
    if options.depth < 1 or not 0 <= options.share <= 1:
        raise UsageError("reranking takes at least 1 candidate, and a weight between 0 and 1")
