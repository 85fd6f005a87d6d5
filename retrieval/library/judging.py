"""Judging over a library: what people say of hits is checked, kept, written to files and read from them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from vasari.retrieval.catalog.records import Judgment
from vasari.retrieval.domain import Item, ItemId, Modality
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation import trec
from vasari.retrieval.evaluation.judgments import JudgedSearch, judged_searches, named_searches
from vasari.retrieval.evaluation.query_files import JudgmentLine, read_lines, read_query_file
from vasari.retrieval.search.query import parse_query
from vasari.retrieval.storage.atomic import write_bytes

if TYPE_CHECKING:
    from vasari.retrieval.library.ports import Contents

JUDGMENTS = "judgments"
"""Stands for the judgments of the library where a file of queries could be named."""
_NUMBER = re.compile(r"(?:item:)?([0-9]{1,18})")


def judge(
    library: Contents,
    query: str,
    ids: Collection[ItemId],
    grade: int,
    who: str,
    filter: str | None = None,  # noqa: A002
    within: str | None = None,
) -> int:
    """Say how right items are for a query: 0 is wrong, 1 right, up to 10; says how many.

    The filter is read as one whom there is nothing but what `within` accepts would have it read.
    Raises QueryError for a query or filter that cannot be read, UsageError for another grade, NotFoundError for an item
    that is not there.
    """
    parse_query(query)
    if filter:
        library.catalog.filters.matching(filter, Modality.IMAGE, within)
    return library.catalog.judgments.judge(query, dict.fromkeys(ids, grade), who, filter)


def searches(
    library: Contents, queries: str, qrels: Path | None = None, language: str | None = None
) -> tuple[list[JudgedSearch], list[str]]:
    """The judged searches of a file, or (`judgments`) of the library; and what of the file could not be used.

    Raises UsageError and NotFoundError, where none of the file's items is in the library, too.
    """
    if queries == JUDGMENTS:
        return judged_searches(library.catalog), []
    file = read_query_file(Path(queries), qrels, language)
    names = dict.fromkeys(name for query in file.queries for name in query.grades)
    ids = resolved(library, names, file.folder)
    left_out = [f"not in the library: {name}" for name in names if name not in ids]
    if not ids:
        raise UsageError(
            f"none of the {len(names):,} items of {queries} is in the library, {next(iter(names))} is not"
        )
    return named_searches(file, ids), [*file.broken, *left_out]


def resolved(library: Contents, names: Collection[str], folder: Path) -> dict[str, ItemId]:
    """The live pictures that names mean: a number, item:N, a uri, or a path, from `folder` or from here."""
    paths = {name: [str((base / name).absolute()) for base in (folder, Path())] for name in names}
    by_uri = library.catalog.items.ids_by_uri([*names, *chain(*paths.values())], Modality.IMAGE)
    live = set(library.catalog.items.live_ids(Modality.IMAGE).tolist())
    found: dict[str, ItemId] = {}
    for name in names:
        known = [by_uri[uri] for uri in (name, *paths[name]) if uri in by_uri]
        item = known[0] if known else _otherwise(library, name, paths[name])
        if item is not None and item in live:
            found[name] = item
    return found


def _otherwise(library: Contents, name: str, paths: Sequence[str]) -> ItemId | None:
    """A number, or a name that is spelled in other forms of its letters."""
    if (number := _NUMBER.fullmatch(name)) is not None:
        return int(number[1])
    if name.isascii():
        return None
    return next((item for path in paths for item in library.catalog.items.named(path)), None)


def export(library: Contents, folder: Path) -> int:
    """Write all judgments: `judgments.jsonl` for another library, and TREC's topics.tsv and qrels.txt; says how many.

    Items are told by uri and content in the first, by their numbers here in TREC's, which take no spaces.
    """
    said = library.catalog.judgments.all()
    items = library.items(sorted({one.item for one in said}))
    kept = [one for one in said if one.item in items]
    topics, qrels = _as_trec(judged_searches(library.catalog))
    _write(folder / "judgments.jsonl", (_line(one, items[one.item]) for one in kept))
    _write(folder / "topics.tsv", trec.topic_lines(topics))
    _write(folder / "qrels.txt", trec.qrels_lines(qrels))
    return len(kept)


def _as_trec(searches: list[JudgedSearch]) -> tuple[dict[str, trec.Topic], trec.Qrels]:
    topics = {one.name: trec.Topic(one.query, one.request.filter) for one in searches}
    qrels = {one.name: {str(item): grade for item, grade in one.grades.items()} for one in searches}
    return topics, qrels


def _line(said: Judgment, item: Item) -> str:
    fields = {
        "query": said.query,
        "filter": said.filter,
        "item": item.uri,
        "content_hash": item.content_hash,
        "grade": said.grade,
        "who": said.who,
        "at": said.at.astimezone(UTC).isoformat(),
    }
    return json.dumps(fields, ensure_ascii=False) + "\n"


def _write(file: Path, lines: Iterable[str]) -> None:
    write_bytes(file, "".join(lines).encode("utf-8", "surrogateescape"))


def bring_in(library: Contents, queries: Path, who: str, qrels: Path | None = None) -> tuple[int, list[str]]:
    """Keep the judgments of a file as if they had been given here; how many, and what of it could not be used.

    `queries` is a file of `export`, or TREC's topics with their `qrels`. An item is found by its uri, else by its
    content. What names nobody is by `who`. Raises UsageError and NotFoundError; then nothing is kept.
    """
    lines, folder, broken = _lines(queries, qrels)
    names = dict.fromkeys(name for line in lines for name in line.grades)
    ids = _by_content(library, lines) | resolved(library, names, folder)
    kept = 0
    with library.catalog.database.together():
        for line in lines:
            for name, grade in line.grades.items():
                if name in ids:
                    kept += library.catalog.judgments.judge(
                        line.query, {ids[name]: grade}, line.who or who, line.filter, line.at
                    )
    return kept, [*broken, *(f"not in the library: {name}" for name in names if name not in ids)]


def _lines(queries: Path, qrels: Path | None) -> tuple[list[JudgmentLine], Path, list[str]]:
    """The judgments of a file, the folder that their items are relative to, and what could not be used."""
    if qrels is None:
        lines, broken = read_lines(queries)
        return lines, queries.parent, broken
    file = read_query_file(queries, qrels)
    lines = [JudgmentLine(one.query, one.filter, one.grades) for one in file.queries]
    return lines, file.folder, list(file.broken)


def _by_content(library: Contents, lines: Sequence[JudgmentLine]) -> dict[str, ItemId]:
    """Live pictures that have the content a line tells, by the line's name of its item."""
    names = {line.content_hash: name for line in lines for name in line.grades if line.content_hash}
    catalog = library.catalog.items
    files = catalog.files_of_content(names, Modality.IMAGE)
    return {names[file.content_hash]: file.id for file in reversed(files) if not file.missing}
