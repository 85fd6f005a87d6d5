"""Does `min_relevance` tell nonsense from what a collection shows?

    python -m benchmarks.relevance LIBRARY CAPTIONS [--captions 300]

LIBRARY holds the pictures of a captioned collection (`vasari scenes render`, then `vasari index`), CAPTIONS is that
collection's folder. Asks the library for what it does not show (everyday things, abstract things, plain nonsense; none
of them is among the background queries that calibrate it) and for what it does show (captions of its own pictures, the
short ones too) and the single words of `queries.jsonl`, at several settings of `min_relevance`:

- false alarms: share of foreign queries that are answered with anything at all;
- misses: share of true captions that are answered with nothing;
- lost: share of captions whose own picture was among the first ten before, and is refused;
- words: share of the words, in six languages, that are answered with nothing.

Prints a table and ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring import finish
from vasari.retrieval.domain import Modality, SearchRequest, Term, TermKind
from vasari.retrieval.library.library import Library
from vasari.retrieval.search.relevance import BACKGROUND

SETTINGS = (0.5, 0.8, 0.9, 0.95, 0.98)
K = 10

FOREIGN = (
    # things and places that no postcard of this kind shows
    "a circuit diagram", "a plate of sushi", "an operating theatre", "a man in a suit at a desk",
    "a football player scoring a goal", "the cockpit of an airliner", "a bunch of keys", "a washing machine",
    "an electric guitar on a stage", "a close-up of a human eye", "a supermarket shelf", "traffic jam on a motorway",
    "a passport photo", "a birthday cake with candles", "a pair of running shoes", "a microscope image of bacteria",
    "an oil refinery", "a swimming pool with lanes", "a bar chart", "a receipt from a restaurant",
    "a dentist's chair", "a satellite dish", "a bride and groom", "a bowl of cereal with milk", "a parking garage",
    "a queue at the airport", "a roulette table", "a tattooed arm", "a shelf of wine bottles", "a laptop keyboard",
    "an ultrasound scan", "a soldier with a rifle", "a tiger in a cage", "a submarine control room",
    "a basketball hoop", "sheet music", "a tangle of cables", "a hospital corridor", "an ATM machine", "a toothbrush",
    # what no picture shows
    "inflation expectations", "the proof of Fermat's last theorem", "a promise", "yesterday's weather forecast",
    "the sound of a trumpet", "customer satisfaction", "a reason to stay", "the smell of coffee",
    "gross domestic product", "due process of law",
    "a password reset link", "a subordinate clause", "existential dread", "a software licence",
    "the year 1848", "a vitamin deficiency", "minutes of the board meeting", "unit testing", "an insurance claim",
    "the offside rule",
    # nonsense
    "qwpoe rutiy alskd", "zzzzzz", "blorp glimmer snood fax", "1234567890", "!!??", "foo bar baz", "the the the the",
    "colorless green ideas sleep furiously", "hjkl hjkl", "uvwxyz abc",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", type=Path)
    parser.add_argument("collection", type=Path)
    parser.add_argument("--captions", type=int, default=300, help="how many to ask for")
    options = parser.parse_args(arguments)
    assert not set(FOREIGN) & set(BACKGROUND)
    captions = true_captions(options.collection, options.captions)
    words = true_words(options.collection)
    with Library.open(options.library) as library:
        rows = [measure(library, captions, words, least) for least in SETTINGS]
        report = {
            "pictures": len(library.gallery(Modality.IMAGE)),
            "space": library.space().name,
            "foreign": len(FOREIGN),
            "captions": len(captions),
            "words": len(words),
            "settings": rows,
        }
    print(f"{'min_relevance':>13} {'false alarms':>13} {'misses':>8} {'lost':>8} {'words':>8}")
    for row in rows:
        print(
            f"{row['min_relevance']:>13} {row['false_alarms']:>13.1%} {row['misses']:>8.1%} {row['lost']:>8.1%} "
            f"{row['words']:>8.1%}"
        )
    finish("relevance", **report)


def measure(
    library: Library, captions: Sequence[tuple[str, str]], words: Sequence[str], least: float
) -> dict[str, float]:
    """The four shares at one setting."""
    alarms = sum(bool(ask(library, text, least)) for text in FOREIGN)
    misses = lost = within = 0
    for text, name in captions:
        found = ask(library, text, least)
        misses += not found
        if name in ask(library, text, None):
            within += 1
            lost += name not in found
    return {
        "min_relevance": least,
        "false_alarms": round(alarms / len(FOREIGN), 4),
        "misses": round(misses / len(captions), 4),
        "lost": round(lost / max(within, 1), 4),
        "words": round(sum(not ask(library, word, least) for word in words) / max(len(words), 1), 4),
    }


def ask(library: Library, text: str, least: float | None) -> list[str]:
    """Names of the files found."""
    request = SearchRequest((Term(TermKind.TEXT, text=text),), limit=K, min_relevance=least)
    return [Path(hit.item.uri).name for hit in library.search(request).hits]


def true_captions(collection: Path, count: int) -> list[tuple[str, str]]:
    """Sentences with the names of the pictures they are about, of every kind and language alike."""
    listed = json.loads((collection / "captions.json").read_text("utf-8"))
    names = {image["id"]: Path(image["file_name"]).name for image in listed["images"]}
    every = [(entry["caption"], names[entry["image_id"]]) for entry in listed["annotations"]]
    return random.Random(0).sample(every, min(count, len(every)))


def true_words(collection: Path) -> list[str]:
    """Single words for what the collection shows ten times or more."""
    lines = (collection / "queries.jsonl").read_text("utf-8").splitlines()
    return [entry["query"] for entry in map(json.loads, lines) if entry["kind"] == "word"]


if __name__ == "__main__":
    main()
