"""Which dual encoder for photos: recall in a language against time, memory and licence.

Recall is as published (`registry.published`): in English R@1 on COCO, which nearly all models have; in other languages
the mean of R@1, R@5 and R@10 on XM3600. Times are this machine's (`speed`), memory is an estimate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from vasari.retrieval.errors import UsageError
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.models.registry.preset_table import PRESETS, Preset
from vasari.retrieval.models.registry.published import (
    LANGUAGE_SOURCE,
    languages,
    recall_in,
    sources,
)
from vasari.retrieval.models.speed import Speed

ENGLISH = "en"
A_NIGHT = 8 * 3600  # seconds: how long a first run may take, of models that differ in recall
_AS_GOOD = 1.0  # percent of recall: what is found alike, the faster model finds better
_ALIKE = 1.05
_WORTH_A_LICENCE = 5.0  # percent of recall for which a licence that restricts use is put up with
# Peak memory of a first `vasari index` of 500 photos: 973 MiB with `fast`, 1,163 with `siglip2-b32`, whose towers are
# exported without torch: the program and both towers, but for the table of words (`siglip2-l16`, of 5 photos: 2,676 of
# 2,848). With torch (`small`: 1,773) the program is larger, and all weights are there twice while they are exported.
_WITH_TORCH = 1190 * 2**20
_COPIES = 2.04
_WITHOUT_TORCH = 485 * 2**20
_SIZES = {"": 1, "B": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that knows the language. `recall` is in percent, `seconds` for the whole collection.

    `fits` tells whether memory suffices, `outdone_by` which model finds more in less time and memory.
    """

    preset: Preset
    recall: float
    pictures_per_second: float
    seconds: float
    memory_bytes: int
    fits: bool
    outdone_by: str | None = None

    @property
    def restricted(self) -> bool:
        """Whether its licence has to be agreed to."""
        return self.preset.ask_before_download


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The models by recall, and the one to take: None where memory suffices for none."""

    language: str
    recall_is: str
    source: str
    images: int
    memory: int | None
    speed: Speed
    candidates: tuple[Candidate, ...]
    choice: Candidate | None
    open_choice: Candidate | None  # of those with an open licence, where `choice` has none


def recommend(
    speed: Speed, *, language: str = ENGLISH, memory: int | None = None, images: int = 10_000
) -> Recommendation:
    """Rank the presets for a language and a collection.

    The choice has the best recall of those that embed the collection here within a night, else it is the fastest;
    among models within one percent of recall the fastest. A licence that restricts use is worth five percent. Raises
    UsageError for a language without published figures.
    """
    code = _code(language)
    found = [
        _candidate(preset, recall, rate, memory, images)
        for preset in PRESETS.values()
        if (recall := _recall(preset, code)) is not None
        and preset.tower is not None
        and (rate := speed.pictures_per_second(preset.tower)) is not None
    ]
    ranked = tuple(_compared(sorted(found, key=lambda candidate: -candidate.recall)))
    usable = [candidate for candidate in ranked if candidate.fits and candidate.outdone_by is None]
    best = _best(usable)
    free = _best([candidate for candidate in usable if not candidate.restricted])
    if best and free and best.restricted and best.recall - free.recall < _WORTH_A_LICENCE:
        best = free
    english = code == ENGLISH
    return Recommendation(
        language=languages()[code],
        recall_is="R@1 on COCO" if english else "mean of R@1, R@5 and R@10 on XM3600",
        source="each model's own table" if english else sources()[LANGUAGE_SOURCE].title,
        images=images,
        memory=memory,
        speed=speed,
        candidates=ranked,
        choice=best,
        open_choice=free if best and best.restricted else None,
    )


def memory_of(preset: Preset) -> int:
    """Bytes that a first `vasari index` takes at its peak, about; a search takes a sixth of it, or less."""
    if preset.preprocessing is None:
        return _WITH_TORCH + int(_COPIES * 4 * preset.parameters)
    return _WITHOUT_TORCH + 4 * (preset.parameters - preset.words)


def parse_bytes(text: str) -> int:
    """`4GB`, `512 MB`, `2GiB` or a number of bytes; UsageError for anything else."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is no size: write 4GB, 512MB or a number of bytes")
    number, unit, binary = found[1], found[2].upper(), found[3]
    power = "BKMGT".index(unit or "B")
    return int(float(number) * (1024**power if binary else _SIZES[unit]))


def _code(language: str) -> str:
    """The code of a language, by that or by its English name."""
    known = languages()
    wanted = language.strip().lower().replace("_", "-")
    short = wanted.partition("-")[0]
    by_name = {name.lower(): code for code, name in known.items()}
    for code in (wanted, short, {"tl": "fil", "nb": "no", "iw": "he", "qu": "quz"}.get(short, "")):
        if code in known:
            return code
    if wanted in by_name:
        return by_name[wanted]
    close = get_close_matches(wanted, by_name, n=1, cutoff=0.7)
    hint = f"did you mean {by_name[close[0]]!r}? " if close else ""
    raise UsageError(
        f"nobody published how well models find in {language!r}: {hint}there are {', '.join(known)}"
    )


def _recall(preset: Preset, code: str) -> float | None:
    if preset.kind is not ModelKind.DUAL_ENCODER:
        return None
    if code == ENGLISH:
        coco = preset.published.coco
        return None if coco is None else coco.text_to_image
    return recall_in(preset.reference, code)


def _candidate(preset: Preset, recall: float, rate: float, memory: int | None, images: int) -> Candidate:
    needed = memory_of(preset)
    return Candidate(
        preset=preset,
        recall=recall,
        pictures_per_second=rate,
        seconds=images / rate,
        memory_bytes=needed,
        fits=memory is None or needed <= memory,
    )


def _compared(ranked: Sequence[Candidate]) -> Iterable[Candidate]:
    """Each with the first that outdoes it: finds more, in no more time and memory (but for a twentieth).

    A model whose licence restricts use outdoes none that is free, and one that does not fit none that does.
    """
    for candidate in ranked:
        better = (other for other in ranked if _outdoes(other, candidate))
        found = next(better, None)
        yield candidate if found is None else replace(candidate, outdone_by=found.preset.name)


def _outdoes(one: Candidate, other: Candidate) -> bool:
    return (
        one.recall > other.recall
        and one.seconds <= _ALIKE * other.seconds
        and one.memory_bytes <= _ALIKE * other.memory_bytes
        and (other.restricted or not one.restricted)
        and (one.fits or not other.fits)
    )


def _best(candidates: Sequence[Candidate]) -> Candidate | None:
    in_time = [candidate for candidate in candidates if candidate.seconds <= A_NIGHT]
    if not in_time:
        return min(candidates, key=lambda candidate: candidate.seconds, default=None)
    enough = max(candidate.recall for candidate in in_time) - _AS_GOOD
    as_good = (candidate for candidate in in_time if candidate.recall >= enough)
    return min(as_good, key=lambda candidate: candidate.seconds)
