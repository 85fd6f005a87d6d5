"""Validation of rows that other programs wrote: every field is checked, and what is wrong is said.

A row that cannot be used is a `Refused`, one failure among records: it never stops an import.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vasari.indexer.exchange.records import Record
from vasari.retrieval.catalog.albums import LONGEST_NAME
from vasari.retrieval.catalog.annotations import LONGEST_TAG
from vasari.retrieval.catalog.encoding import json_text, original_uri, stored_text
from vasari.retrieval.catalog.judgments import HIGHEST_GRADE, usable_query
from vasari.retrieval.catalog.records import Judgment
from vasari.retrieval.domain import MOST_ATTRIBUTES, Caption, CaptionSource, Modality, TextLine, direction
from vasari.retrieval.errors import UsageError
from vasari.retrieval.storage.layout import is_content_hash
from vasari.retrieval.storage.text_files import is_shallow, parse_json
from vasari.retrieval.storage.uris import UNREAD

_LARGEST = 2**63 - 1  # of a column of whole numbers
_WIDEST = 2**31 - 1  # pixels, as the catalog keeps them
_LONGEST_TEXT = 1_000_000  # characters of a text item
_LONGEST_CAPTION = 100_000  # characters
_MOST_CAPTIONS = 1_000
_MOST_TAGS = 1_000
_MOST_JUDGMENTS = 10_000  # of one item
_MOST_LINES = 10_000  # of text in one picture
_CORNERS = 4  # of a line of text
_FORMAT = re.compile(r"[a-z0-9][a-z0-9.+-]{0,31}")
_LANGUAGE = re.compile(r"[A-Za-z0-9]{1,8}([-_][A-Za-z0-9]{1,8}){0,7}")  # BCP 47


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be used: its number, the first being 1, and why."""

    number: int
    reason: str


def checked(number: int, make: Callable[[], Record]) -> Record | Refused:
    """The record that `make` makes of a row, or why it is none."""
    try:
        return make()
    except UsageError as error:
        return Refused(number, str(error))
    except KeyError as error:
        return Refused(number, f"it has no {error.args[0]}")
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        return Refused(number, " ".join(str(error).split())[:200])


def from_row(row: Mapping[str, Any], vector: object, number: int | None = None) -> Record:
    """The inverse of `records.as_row`; raises KeyError or ValueError that names the field which is wrong."""
    modality = _modality(row.get("modality"))
    own = _attributes(row.get("user_attributes"))
    return Record(
        uri=_uri(row["uri"]),
        vector=_vector(vector),
        modality=modality,
        content_hash=_content_hash(row.get("content_hash")),
        bytes=_whole("bytes", row.get("bytes"), 0, _LARGEST) or 0,
        mtime_ns=_whole("mtime_ns", row.get("mtime_ns"), -_LARGEST - 1, _LARGEST) or 0,
        width=_whole("width", row.get("width"), 1, _WIDEST),
        height=_whole("height", row.get("height"), 1, _WIDEST),
        format=_format(row.get("format")),
        text=_text(row.get("text"), modality),
        captions=_captions(row.get("captions")),
        tags=_tags(row.get("tags")),
        attributes=_attributes(row.get("attributes"), own),
        user_attributes=own,
        albums=_albums(row.get("albums")),
        stack=_whole("stack", row.get("stack"), 0, _LARGEST),
        judgments=judgments_of(row.get("judgments"), modality),
        text_lines=text_lines_of(row.get("text_lines")),
        missing_since=_moment("missing_since", row.get("missing_since")),
        number=number if number is not None else _whole("id", row.get("id"), -_LARGEST, _LARGEST) or 0,
    )


def caption_of(said: object) -> Caption:
    """A caption as words, or as an object of text, language and source."""
    if isinstance(said, str):
        said = {"text": said.strip(), "source": CaptionSource.FILE}  # as other tools write them
    if not isinstance(said, Mapping) or not isinstance(said.get("text"), str):
        raise TypeError("captions must be words, or objects with a text")
    language = said.get("language") or None
    if language is not None and not (isinstance(language, str) and _LANGUAGE.fullmatch(language)):
        raise ValueError(f"a caption's language must be a code such as en, not {_shown(language)}")
    source = said.get("source") or CaptionSource.FILE
    if source not in list(CaptionSource):
        raise ValueError(f"a caption's source is {' or '.join(CaptionSource)}, not {_shown(source)}")
    if len(said["text"]) > _LONGEST_CAPTION:
        raise ValueError(f"a caption has at most {_LONGEST_CAPTION:,} characters")
    return Caption(said["text"], language, CaptionSource(source))


def _uri(value: object) -> str:
    if isinstance(value, bytes):
        return os.fsdecode(value)
    if not isinstance(value, str) or not value:
        raise ValueError(f"uri must be a path or URL, not {_shown(value)}")
    return original_uri(value)


def _vector(values: object) -> NDArray[np.float32]:
    try:
        numbers = np.asarray(values, np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError("its vector is no list of numbers") from error
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError("its vector is no list of numbers")
    largest = np.abs(numbers).max()
    if not np.isfinite(largest) or largest == 0:
        raise ValueError("its vector has no direction")
    # Only what float32 cannot hold is scaled: all others come out again bit by bit.
    return numbers.astype(np.float32) if 1e-12 < largest < 1e12 else direction(numbers)


def _modality(value: object) -> Modality:
    if value is None or value == "":
        return Modality.IMAGE
    if not isinstance(value, str) or value not in list(Modality):
        raise ValueError(f"modality is {' or '.join(Modality)}, not {_shown(value)}")
    return Modality(value)


def _content_hash(value: object) -> str | None:
    """None where there is none, or where the original was not read: its hash is made of the uri then."""
    if value is None or value == "":
        return None
    plain = value.lower() if isinstance(value, str) else ""
    if is_content_hash(plain.removeprefix(UNREAD)):
        return None if plain.startswith(UNREAD) else plain
    raise ValueError(f"content_hash must be 32 hexadecimal digits (BLAKE2b-128), not {_shown(value)}")


def _whole(name: str, value: object, least: int, most: int) -> int | None:
    """A whole number; as a fraction of .0 too, as pandas writes a column where some are missing."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise ValueError(f"{name} must be a whole number from {least:,} to {most:,}, not {_shown(value)}")
    return number


def _format(value: object) -> str | None:
    if value is None or value == "":
        return None
    plain = value.lower() if isinstance(value, str) else ""
    if not _FORMAT.fullmatch(plain):
        raise ValueError(f"format must be a name such as jpeg, not {_shown(value)}")
    return plain


def _text(value: object, modality: Modality) -> str | None:
    if value is None:
        if modality is Modality.TEXT:
            raise ValueError("a text needs text")
        return None
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise ValueError(f"text must be words, at most {_LONGEST_TEXT:,} characters")
    return value


def _captions(value: object) -> tuple[Caption, ...]:
    said = map(caption_of, _list("captions", value, _MOST_CAPTIONS))
    return tuple(one for one in said if stored_text(one.text).strip())


def _tags(value: object) -> tuple[str, ...]:
    tags = _list("tags", value, _MOST_TAGS)
    for tag in tags:
        if not isinstance(tag, str) or not 0 < len(stored_text(tag).strip()) <= LONGEST_TAG:
            raise ValueError(f"a tag has 1 to {LONGEST_TAG} characters, not {_shown(tag)}")
    return tuple(stored_text(tag).strip() for tag in tags)


def _albums(value: object) -> tuple[str, ...]:
    names = _list("albums", value, _MOST_TAGS)
    for name in names:
        if not isinstance(name, str) or not 0 < len(stored_text(name).strip()) <= LONGEST_NAME:
            raise ValueError(f"an album's name has 1 to {LONGEST_NAME} characters, not {_shown(name)}")
    return tuple(stored_text(name).strip() for name in names)


def judgments_of(value: object, modality: Modality) -> tuple[Judgment, ...]:
    """For which queries an item is right or wrong: a list of judgments, or its JSON. Their item is not known yet."""
    found = parse_json(value) if isinstance(value, str) and value else value
    return tuple(_judgment(said, modality) for said in _list("judgments", found, _MOST_JUDGMENTS))


def _judgment(said: object, modality: Modality) -> Judgment:
    if not isinstance(said, Mapping) or not all(isinstance(said.get(name), str) for name in ("query", "who")):
        raise TypeError("judgments must be objects with a query and who judged")
    narrowed, grade = said.get("filter"), _whole("a grade", said.get("grade"), 0, HIGHEST_GRADE)
    at = _moment("when it was judged", said.get("at"))
    if not isinstance(narrowed, str | None) or grade is None or at is None:
        raise TypeError("a judgment has a grade, the time, and a filter or none")
    usable_query(said["query"])
    return Judgment(said["query"], narrowed, 0, modality, grade, said["who"], datetime.fromisoformat(at))


def text_lines_of(value: object) -> tuple[TextLine, ...] | None:
    """What was read in a picture: a list of lines, or its JSON; None where it was not read."""
    if value is None or value == "":
        return None
    found = parse_json(value) if isinstance(value, str) else value
    return tuple(map(_text_line, _list("text_lines", found, _MOST_LINES)))


def _text_line(line: object) -> TextLine:
    if not isinstance(line, Mapping) or not isinstance(line.get("text"), str):
        raise TypeError("text_lines must be objects with a text")
    if len(line["text"]) > _LONGEST_CAPTION:
        raise ValueError(f"a line of text has at most {_LONGEST_CAPTION:,} characters")
    confidence, corners = line.get("confidence", 1.0), line.get("corners")
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        raise ValueError(
            f"the confidence of a line of text is a number from 0 to 1, not {_shown(confidence)}"
        )
    points = [tuple(corner) for corner in corners] if isinstance(corners, list) else []
    if len(points) != _CORNERS or not all(map(_is_point, points)):
        raise ValueError("the corners of a line of text are four points, in pixels")
    return TextLine(stored_text(line["text"]), float(confidence), tuple((x, y) for x, y in points))


def _is_point(point: Sequence[object]) -> bool:
    return len(point) == 2 and all(type(each) is int and abs(each) <= _WIDEST for each in point)


def _attributes(value: object, own: Container[str] = ()) -> Mapping[str, Any]:
    """The object in a field; those of `own`, which a person set, are bounded apart."""
    if value is None or value == "":
        return {}
    found = parse_json(value) if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise TypeError(f"attributes must be an object, not {_shown(value)}")
    found = {str(name): entry for name, entry in found.items()}
    if not is_shallow(found):
        raise ValueError("attributes are nested too deeply")
    said = {name: entry for name, entry in found.items() if name not in own}
    if (size := len(json_text(said).encode())) > MOST_ATTRIBUTES:
        raise ValueError(f"attributes take {size:,} bytes as JSON, the limit is {MOST_ATTRIBUTES:,}")
    return found


def _moment(name: str, value: object) -> str | None:
    if value is None or value == "":
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, datetime):
            return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):  # no time, or in UTC of the year 0 or 10000
        pass
    raise TypeError(f"{name} must be a time such as 2026-01-31T12:00:00Z, not {_shown(value)}")


def _list(name: str, value: object, most: int) -> Sequence[Any]:
    if value is None or value == "":
        return ()
    if not isinstance(value, list | tuple) or len(value) > most:
        raise ValueError(f"{name} must be a list of at most {most:,}, not {_shown(value)}")
    return value


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
