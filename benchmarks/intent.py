"""Intent: are typed sentences understood as the filters they ask for, and are traps left alone?

    python -m benchmarks.intent
    python -m benchmarks.intent benchmarks/intent_queries_unseen.jsonl --wrong

Each line of `intent_queries.jsonl` has a query, its language, and the filters that a library should make of it, of
which there are none for a trap ("turkey sandwich", "the last supper"). The library knows people, places and cameras,
most of them words as well (May, Chase, Split, Bath, Orange); today is a Sunday, 2026-11-29. A filter counts if it is
the very filter: precision over all that were made, recall over all that were asked for, by language and by kind. The
rules were written with `intent_queries.jsonl` in view; `intent_queries_unseen.jsonl` was written afterwards, and no
rule changed for it. Half of what was added last are traps, on purpose: people's own queries hold fewer.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.measuring import finish
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.records import NewItem, SegmentRecord
from vasari.retrieval.domain import EmbeddingSpace, Modality
from vasari.retrieval.library.vocabulary import LibraryVocabulary
from vasari.retrieval.search.intent import understand
from vasari.retrieval.search.query import parse_query

QUERIES = Path(__file__).with_name("intent_queries.jsonl")
TODAY = date(2026, 11, 29)
PEOPLE = (
    "Anna",
    "Ben Miller",
    "Rose",
    "Mark",
    "小明",
    "花子",
    "May",
    "April Jones",
    "Florence",
    "Victoria",
    "Jordan Lee",
    "Sydney",
    "Tom",
    "Clara",
    "Jürgen Schmidt",
    "Sofía",
    "Grace",
    "Will",
    "Mars",
    "Chase",
    "Summer",
    "Lily",
    "Jack",
    "Claire",
    "Pierre",
    "Luz",
    "王芳",
    "美咲",
    "健太",
    "李雷",
    "さくら",
    "光",
    "June",
    "Augustus",
    "Drew",
    "Hope",
    "Angel",
    "Pilar",
    "Blanca",
    "Max",
    "Art",
    "Dean",
    "Ray",
    "Roman",
)
CAMERAS = (
    "X100V",
    "Canon EOS R5",
    "iPhone 12",
    "NIKON D750",
    "Canon EOS 5D Mark IV",
    "SONY ILCE-7M3",
    "Panasonic DMC-GX8",
    "Pixel 6",
    "Galaxy S21",
    "GoPro HERO8 Black",
    "FUJIFILM X-T3",
    "LEICA M10",
)
PLACES = (  # city, state, country, ISO 3166
    ("Lisbon", "Lisbon", "Portugal", "PT"),
    ("Munich", "Bavaria", "Germany", "DE"),
    ("Berlin", "Berlin", "Germany", "DE"),
    ("Paris", "Île-de-France", "France", "FR"),
    ("Nice", "Provence-Alpes-Côte d'Azur", "France", "FR"),
    ("London", "England", "United Kingdom", "GB"),
    ("New York City", "New York", "United States", "US"),
    ("Istanbul", "Istanbul", "Türkiye", "TR"),
    ("Kyoto", "Kyoto", "Japan", "JP"),
    ("Rome", "Lazio", "Italy", "IT"),
    ("Barcelona", "Catalonia", "Spain", "ES"),
    ("Cologne", "North Rhine-Westphalia", "Germany", "DE"),
    ("Florence", "Tuscany", "Italy", "IT"),
    ("Victoria", "British Columbia", "Canada", "CA"),
    ("Reading", "England", "United Kingdom", "GB"),
    ("Bath", "England", "United Kingdom", "GB"),
    ("Tbilisi", "Tbilisi", "Georgia", "GE"),
    ("Amman", "Amman", "Jordan", "JO"),
    ("Beijing", "Beijing", "China", "CN"),
    ("Vienna", "Vienna", "Austria", "AT"),
    ("Tokyo", "Tokyo", "Japan", "JP"),
    ("Osaka", "Osaka", "Japan", "JP"),
    ("Shanghai", "Shanghai", "China", "CN"),
    ("Hamburg", "Hamburg", "Germany", "DE"),
    ("Essen", "North Rhine-Westphalia", "Germany", "DE"),
    ("Orange", "California", "United States", "US"),
    ("Sydney", "New South Wales", "Australia", "AU"),
    ("Phoenix", "Arizona", "United States", "US"),
    ("Split", "Split-Dalmatia", "Croatia", "HR"),
    ("Santiago", "Santiago Metropolitan", "Chile", "CL"),
    ("Granada", "Andalusia", "Spain", "ES"),
    ("Toledo", "Castille-La Mancha", "Spain", "ES"),
    ("Tours", "Centre", "France", "FR"),
    ("Lyon", "Auvergne-Rhône-Alpes", "France", "FR"),
    ("Lourdes", "Occitanie", "France", "FR"),
    ("Frankfurt am Main", "Hesse", "Germany", "DE"),
    ("Dresden", "Saxony", "Germany", "DE"),
    ("Venice", "Veneto", "Italy", "IT"),
    ("Naples", "Campania", "Italy", "IT"),
    ("Milan", "Lombardy", "Italy", "IT"),
    ("Brussels", "Brussels Capital", "Belgium", "BE"),
    ("Amsterdam", "North Holland", "Netherlands", "NL"),
    ("Bologna", "Emilia-Romagna", "Italy", "IT"),
    ("Havana", "Havana", "Cuba", "CU"),
    ("Lima", "Lima", "Peru", "PE"),
    ("Panama City", "Panama", "Panama", "PA"),
    ("Boston", "Massachusetts", "United States", "US"),
    ("Washington", "District of Columbia", "United States", "US"),
    ("Cork", "Munster", "Ireland", "IE"),
    ("Manchester", "England", "United Kingdom", "GB"),
    ("Bern", "Bern", "Switzerland", "CH"),
    ("Hiroshima", "Hiroshima", "Japan", "JP"),
    ("Nara", "Nara", "Japan", "JP"),
    ("Nagasaki", "Nagasaki", "Japan", "JP"),
    ("Delhi", "Delhi", "India", "IN"),
)
Filters = frozenset[tuple[str, str]]  # kind and filter


@dataclass(frozen=True, slots=True)
class Query:
    """A typed sentence, and what it should be understood as."""

    text: str
    language: str
    filters: Filters


def queries(file: Path) -> list[Query]:
    """The queries of a file of JSON lines."""
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return [
        Query(
            row["query"], row["language"], frozenset((one["kind"], one["filter"]) for one in row["filters"])
        )
        for row in rows
    ]


@contextmanager
def vocabulary() -> Iterator[LibraryVocabulary]:
    """The names of a small library."""
    told: list[dict[str, Any]] = [{"person": [person]} for person in PEOPLE]
    told += [{"camera": camera} for camera in CAMERAS]
    for city, state, country, code in PLACES:
        place: dict[str, Any] = {"city": city, "state": state, "country": country, "country_code": code}
        told.append(place | {"latitude": 0.0, "longitude": 0.0})
    with TemporaryDirectory() as folder, Catalog.open(Path(folder) / "catalog.sqlite3") as catalog:
        _fill(catalog, told)
        yield LibraryVocabulary(catalog.names, world=True)


def _fill(catalog: Catalog, told: Sequence[Mapping[str, Any]]) -> None:
    catalog.spaces.ensure(EmbeddingSpace("none", "none", "", "", 1))
    ids = catalog.items.reserve(len(told))
    vector = np.ones(1, np.float32)
    rows = [NewItem(f"/{item}.jpg", f"{item}", id=item, bytes=1, mtime_ns=1, vector=vector) for item in ids]
    number = catalog.segments.reserve("none", Modality.IMAGE)
    catalog.segments.commit(SegmentRecord("none", Modality.IMAGE, number, len(rows), ""), rows)
    for item, attributes in zip(ids, told, strict=True):
        catalog.annotations.set_attributes(item, attributes)


class Tally:
    """Filters that were right, made and asked for."""

    def __init__(self) -> None:
        self.right = self.made = self.asked = 0

    def count(self, made: Filters, asked: Filters) -> None:
        """Take one query in."""
        self.right += len(made & asked)
        self.made += len(made)
        self.asked += len(asked)

    @property
    def precision(self) -> float:
        """Of the filters that were made, how many were asked for."""
        return self.right / self.made if self.made else 1.0

    @property
    def recall(self) -> float:
        """Of the filters that were asked for, how many were made."""
        return self.right / self.asked if self.asked else 1.0

    def fields(self) -> dict[str, float]:
        """As JSON."""
        return {
            "precision": round(self.precision, 4),
            "recall": round(self.recall, 4),
            "asked": self.asked,
            "made": self.made,
        }


def measure(asked: Sequence[Query], *, wrong: bool) -> dict[str, Any]:
    """Precision and recall over the queries; with `wrong` each that is not understood as it should be is printed."""
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    traps = caught = 0
    with vocabulary() as known:
        started = time.perf_counter()
        for query in asked:
            found = understand(parse_query(query.text), TODAY, known)
            made = frozenset((reading.kind, reading.filter) for reading in found.filters)
            tallies["all"].count(made, query.filters)
            tallies[f"language {query.language}"].count(made, query.filters)
            for kind in {kind for kind, _ in made | query.filters}:
                tallies[f"kind {kind}"].count(_of(made, kind), _of(query.filters, kind))
            traps += not query.filters
            caught += bool(made) and not query.filters
            if wrong and made != query.filters:
                sys.stdout.write(
                    f"{query.language}  {query.text}\n    made {sorted(made)}\n    asked {sorted(query.filters)}\n"
                )
        milliseconds = (time.perf_counter() - started) * 1000 / len(asked)
    told = {name: tally.fields() for name, tally in sorted(tallies.items())}
    return {
        "queries": len(asked),
        "traps": traps,
        "caught": caught,
        "ms_a_query": round(milliseconds, 3),
        **told,
    }


def _of(filters: Filters, kind: str) -> Filters:
    return frozenset(one for one in filters if one[0] == kind)


def main() -> None:
    """Print a table for people, then one JSON line."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=QUERIES)
    parser.add_argument("--wrong", action="store_true", help="print what is not understood as it should be")
    options = parser.parse_args()
    found = measure(queries(options.file), wrong=options.wrong)
    sys.stdout.write(f"{'':16}{'precision':>10}{'recall':>8}{'asked':>7}{'made':>6}\n")
    for name, told in found.items():
        if isinstance(told, dict):
            sys.stdout.write(
                f"{name:16}{told['precision']:10.3f}{told['recall']:8.3f}{told['asked']:7}{told['made']:6}\n"
            )
    sys.stdout.write(
        f"{found['queries']} queries, {found['traps']} traps, {found['caught']} of them caught\n"
    )
    finish("intent", **found)


if __name__ == "__main__":
    main()
