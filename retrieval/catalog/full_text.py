"""Full-text search with ranking (FTS5, tsvector): which items speak of some words, the best first.

Both databases keep, beside each live item, its words as this module cuts them: folded to lower case without
accents, scripts that write no spaces cut into overlapping pairs of letters (小红船 → 小红 红船 船), so that any
two neighbouring letters can be found, and one by the beginning of a pair. SQLite (FTS5) ranks by BM25
(Robertson & Zaragoza, 2009), PostgreSQL by `ts_rank`, which knows no rarity of words. Captions, tags and text weigh
more than names of files.

`refresh` belongs into every transaction that changes what is said of an item.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, select, text

from vasari.retrieval.catalog.database import Repository, chunks
from vasari.retrieval.catalog.tables import LIVE, captions, items, tags
from vasari.retrieval.domain import ItemId, Modality
from vasari.retrieval.images.places import gazetteer

_LONGEST_WORD = 64  # letters; what is longer is no word, and PostgreSQL has a limit
_MOST_WORDS = 5000  # of one item
_MOST_ASKED = 64  # words of one query
_PAGE = 512  # ranked items looked at at once
_WEIGHT_NAME = 0.4  # a word in the file's name, against 1 in captions, tags and text
# Attributes that are words about a picture: what cameras, lenses and programs are called is left to filters.
_SPOKEN = frozenset(("title", "headline", "description", "keywords", "keyword_paths", "person", "creator"))
_SPOKEN |= {"sublocation", "city", "state", "country"}
_ACCENTS = re.compile("[\u0300-\u036f]")
# Letters of scripts without spaces: Thai to Khmer, kana, Han and its extensions. Hangul has spaces, but its words
# carry their endings with them.
_JOINED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_JOINED_LETTER = re.compile(f"[{_JOINED}]")
_RUNS = re.compile(f"([{_JOINED}]+)|([^{_JOINED}]+)")
# Stop words, in the languages of the captions: they are in every text and tell nothing.
_ENGLISH = {"a", "an", "the", "of", "in", "on", "at", "by", "to", "and", "or", "with", "is", "are"}
_SPANISH = {"el", "la", "los", "las", "un", "una", "de", "del", "en", "y", "con"}
_FRENCH = {"le", "la", "les", "un", "une", "de", "des", "du", "et", "au", "aux", "dans", "sur", "en"}
_GERMAN = {
    "der",
    "die",
    "das",
    "ein",
    "eine",
    "einer",
    "einem",
    "einen",
    "und",
    "im",
    "am",
    "auf",
    "mit",
    "von",
}
_GRAMMAR = _ENGLISH | _SPANISH | _FRENCH | _GERMAN


class FullText(Repository):
    """The words of a library's live items."""

    def search(
        self, words: str, modality: Modality, limit: int, allowed: NDArray[np.int64] | None = None
    ) -> list[ItemId]:
        """The `limit` best live items that hold at least one of the words, among the sorted ids `allowed` if given."""
        asked = list(dict.fromkeys(words_of(words, asked=True)))
        asked = [word for word in asked if word not in _GRAMMAR][:_MOST_ASKED] or asked[:_MOST_ASKED]
        if not asked or limit < 1 or (allowed is not None and not len(allowed)):
            return []
        found: list[ItemId] = []
        with self._database.read() as connection:
            for page in _ranked(connection, asked):
                if allowed is None:
                    known = _of_modality(connection, page, modality)
                else:
                    known = set(np.intersect1d(page, allowed).tolist())
                found += [item for item in page if item in known]
                if len(found) >= limit:
                    break
        return found[:limit]


def words_of(text: str, *, asked: bool = False) -> list[str]:
    """The words of a text, in order, as they are indexed; or as they are `asked` for, without the ends of pairs."""
    folded = _ACCENTS.sub("", unicodedata.normalize("NFKD", text).casefold())
    folded = unicodedata.normalize("NFC", folded)
    spaced = "".join(letter if unicodedata.category(letter)[0] in "LNM" else " " for letter in folded)
    found = [piece for word in spaced.split() for piece in _pieces(word, asked=asked)]
    return found[:_MOST_WORDS]


def refresh(connection: Connection, ids: Iterable[ItemId]) -> None:
    """Bring the words of these items up to date; those of deleted ones are forgotten."""
    for chunk in chunks(dict.fromkeys(ids)):
        forget(connection, chunk)
        _insert(connection, list(_documents(connection, chunk)))


def refresh_all(connection: Connection) -> None:
    """Write the words of every live item anew."""
    connection.execute(text("DELETE FROM words"))
    live = connection.execute(select(items.c.id).where(LIVE).order_by(items.c.id)).scalars()
    for chunk in chunks(live.all()):
        _insert(connection, list(_documents(connection, chunk)))


def forget(connection: Connection, ids: Sequence[ItemId]) -> None:
    """Drop the words of these items."""
    key = "rowid" if connection.dialect.name == "sqlite" else "item_id"
    connection.execute(
        text(f"DELETE FROM words WHERE {key} IN :ids").bindparams(bindparam("ids", expanding=True)),  # noqa: S608
        {"ids": list(ids)},
    )


def _pieces(word: str, *, asked: bool) -> Iterator[str]:
    for joined, plain in _RUNS.findall(word):
        if plain:
            yield plain[:_LONGEST_WORD]
        for start in range(len(joined) - (asked and len(joined) > 1)):
            yield joined[start : start + 2]


def _documents(
    connection: Connection, ids: Sequence[ItemId]
) -> Iterator[tuple[ItemId, list[str], list[str]]]:
    """(id, words said of the item, words of its name) of each live item."""
    said: dict[ItemId, list[str]] = {}
    for table, column in ((captions, captions.c.text), (tags, tags.c.tag)):
        query = select(table.c["item_id"], column).where(table.c["item_id"].in_(ids))
        for item, sentence in connection.execute(query):
            said.setdefault(item, []).append(sentence)
    query = select(items.c.id, items.c.uri, items.c.text, items.c.attributes).where(items.c.id.in_(ids), LIVE)
    for item, uri, written, attributes in connection.execute(query):
        sentences = [*said.get(item, []), *_spoken(attributes), *_elsewhere_called(attributes)]
        name = PurePosixPath(uri).stem
        yield item, words_of("\n".join([*sentences, written or ""])), words_of(name)


def _spoken(attributes: Mapping[str, Any]) -> Iterator[str]:
    """The texts among the attributes in which people look for words."""
    for name in _SPOKEN & attributes.keys():
        value = attributes[name]
        yield from (said for said in (value if isinstance(value, list) else [value]) if isinstance(said, str))


def _elsewhere_called(attributes: Mapping[str, Any]) -> Iterator[str]:
    """The names of its city and country in other languages, of an item with a position."""
    city, country = attributes.get("city"), attributes.get("country_code")
    if "latitude" in attributes and isinstance(city, str) and isinstance(country, str):
        yield from gazetteer().other_names(city, country)


def _insert(connection: Connection, documents: Sequence[tuple[ItemId, list[str], list[str]]]) -> None:
    if not documents:
        return
    if connection.dialect.name == "sqlite":
        statement = text("INSERT INTO words (rowid, said, name) VALUES (:item, :said, :name)")
        rows = [
            {"item": item, "said": " ".join(said), "name": " ".join(name)} for item, said, name in documents
        ]
    else:
        statement = text("INSERT INTO words (item_id, vector) VALUES (:item, CAST(:vector AS tsvector))")
        rows = [{"item": item, "vector": _vector(said, name)} for item, said, name in documents]
    connection.execute(statement, rows)


def _vector(said: Sequence[str], name: Sequence[str]) -> str:
    """The text of a tsvector: words in quotes (there are none inside), places, and A for said or D for the name."""
    places: dict[str, list[str]] = {}
    for weight, words in (("A", said), ("D", name)):
        for place, word in enumerate(words, start=1):
            places.setdefault(word, []).append(f"{min(place, 16_383)}{weight}")
    return " ".join(f"'{word}':{','.join(places[word][:255])}" for word in places)


def _ranked(connection: Connection, asked: Sequence[str]) -> Iterator[list[ItemId]]:
    """Pages of ids that hold at least one of the words, best first."""
    if connection.dialect.name == "sqlite":
        # In quotes nothing is syntax, and no word has a quote in it.
        wanted = " OR ".join(f'"{word}"{_rest(word)}' for word in asked)
        query = text(
            "SELECT rowid FROM words WHERE words MATCH :wanted ORDER BY bm25(words, 1.0, :name), rowid"
        )
        parameters = {"wanted": wanted, "name": _WEIGHT_NAME}
    else:
        wanted = " | ".join(f"'{word}'{':*' if _rest(word) else ''}" for word in asked)
        query = text(
            "SELECT item_id FROM words WHERE vector @@ CAST(:wanted AS tsquery)"
            " ORDER BY ts_rank(CAST(:weights AS real[]), vector, CAST(:wanted AS tsquery), 1) DESC, item_id"
        )
        parameters = {"wanted": wanted, "weights": [_WEIGHT_NAME, 0.0, 0.0, 1.0]}
    result = connection.execute(query, parameters).scalars()
    while page := result.fetchmany(_PAGE):
        yield list(page)


def _rest(word: str) -> str:
    """A lone letter of a joined script is also the beginning of its pairs."""
    return "*" if len(word) == 1 and _JOINED_LETTER.match(word) else ""


def _of_modality(connection: Connection, ids: Sequence[ItemId], modality: Modality) -> set[ItemId]:
    query = select(items.c.id).where(items.c.id.in_(ids), items.c.modality == modality.value, LIVE)
    return set(connection.execute(query).scalars())
