"""Cameras in a typed sentence: a model by its name, or a make behind "taken with".

A model that is to be seen in the picture ("an iPhone 12 on a table") stays words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from vasari.retrieval.patterns import Pattern
from vasari.retrieval.search import name_words as words
from vasari.retrieval.search.lone_years import goes_on
from vasari.retrieval.search.media_kinds import Asked
from vasari.retrieval.search.typed_words import Token, fold
from vasari.retrieval.search.vocabulary import Vocabulary, one_of

_YEAR = 4  # digits: a number like that alone is no model
_TAKEN = (
    r"(?:shot|taken|captured|photographed|made|photos?|pictures?|images?|files?"
    r"|aufgenommen|fotografiert|geschossen|gemacht|fotos?|bilder|bild|aufnahmen|dateien"
    r"|tomad[oa]s?|hech[oa]s?|sacad[oa]s?|im[aá]genes|archivos|ficheros|prises?|pris|faites?|fichiers)"
)
_BY = r"(?:on|with|by|from|using|via|mit|von|vom|auf|con|de|desde|avec|par|au|à)"
_MY = r"(?:the|my|der|dem|meiner|meinem|la|el|mi|le|mon|ma|l['’])"
_ARTICLE = rf"(?:{_MY}|our|a|an|einer|einem|una|un|une)"
_MARK = Pattern(
    rf"(?:\b{_TAKEN}\s+{_BY}|\b(?:using|with|mit|con|avec)(?=\s+{_MY}))\s+(?:{_ARTICLE}\s*)*$|用\s?$",
    re.IGNORECASE,
)
_CJK_TAKEN = Pattern(r"\s?(?:で|に)?(?:撮|拍|摄|攝)(?:った|影した|影|的)?(?:の)?")
_HELD = Pattern(
    r"\b(?:a|an|the|of|new|old|ein|eine|einer|un|una|une|holding|broken|case|for|box|with|and|my|der|die|das)\s*$",
    re.IGNORECASE,
)
_BEHIND_HELD = Pattern(
    r"\s*(?:on|next|in (?:his|her|its|their|a)|lying|camera|kamera|cámara|case|box|and|with|body|lens|auf|neben|sobre"
    r"|sur)\b",
    re.IGNORECASE,
)

_ITS_PHOTOS = Pattern(r"\s*(?:photos|pictures|images|pics|shots|fotos|bilder|aufnahmen)\b", re.IGNORECASE)


def cameras_in(text: str, runs: Iterable[Sequence[Token]], vocabulary: Vocabulary) -> Iterator[Asked]:
    """Cameras of a text: a model by its name, or a make behind "taken with"."""
    runs = [list(run) for run in runs]
    tokens = [token for run in runs for token in run]
    numbers = [token.text for token in tokens if not (token.text.isdigit() and len(token.text) == _YEAR)]
    named = any(letter.isdigit() for text in numbers for letter in text)
    if not named and words.TAKING.isdisjoint(token.folded for token in tokens) and "用" not in text:
        return
    known = _spellings(vocabulary.cameras())
    for run in runs:
        at = 0
        while at < len(run):
            asked, at = _camera(text, run, at, known, vocabulary)
            if asked is not None:
                yield asked


def _spellings(cameras: Sequence[str]) -> dict[str, list[str]]:
    """Cameras by what people call them: the whole name, the model without its make, and the make."""
    known: dict[str, list[str]] = {}
    for camera in cameras:
        whole = _bare(camera)
        _make, _, model = camera.partition(" ")
        names = (
            {whole, _bare(model)}
            if any(letter.isdigit() for letter in model) and len(_bare(model)) > 2
            else {whole}
        )
        for name in names | ({_bare(_make)} if model else set()):
            known.setdefault(name, []).append(camera)
    return known


def _bare(name: str) -> str:
    return "".join(letter for letter in fold(name) if letter.isalnum())


def _camera(
    text: str, run: Sequence[Token], at: int, known: dict[str, list[str]], vocabulary: Vocabulary
) -> tuple[Asked | None, int]:
    """The camera that a run asks for from this token on, if any, and the token to go on from."""
    for end in range(min(len(run), at + 7), at, -1):
        name = _bare(text[run[at].start : run[end - 1].end])
        if not run[at].is_word or not run[end - 1].is_word or name not in known:
            continue
        start, until = run[at].start, run[end - 1].end
        mark, taken = _MARK.search(text[:start]), _CJK_TAKEN.match(text[until:])
        behind = run[end].folded if end < len(run) else ""
        if behind in words.CAMERA_TAILS or (
            mark is None
            and taken is None
            and (
                (goes_on(run, end) and not _is_before_a_place(run, end, vocabulary))
                or not _stands_alone(text, start, until, name)
            )
        ):
            return None, end if _is_model(name) else at + 1
        begun = max(mark.start(), run[0].start) if mark else start
        asked = Asked(
            "camera",
            one_of("camera", known[name]),
            begun,
            start,
            until,
            until + (taken.end() if taken else 0),
        )
        return asked, end
    return None, at + 1


def _is_before_a_place(run: Sequence[Token], at: int, vocabulary: Vocabulary) -> bool:
    """Whether the library knows the next word as a place, and as nothing else: x100v tokyo 2019."""
    named = vocabulary.named(run[at].text)
    return not named.people and any(place.is_here and not place.is_word for place in named.places)


def _stands_alone(text: str, start: int, until: int, name: str) -> bool:
    """A model in full that is no thing to be seen in the picture."""
    held = _HELD.search(text[:start]) or _BEHIND_HELD.match(text[until:])
    return _is_model(name) and len(name) > 2 and (not held or _ITS_PHOTOS.match(text[until:]) is not None)


def _is_model(name: str) -> bool:
    return any(letter.isdigit() for letter in name) and any(letter.isalpha() for letter in name)
