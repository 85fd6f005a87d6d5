"""`vasari demo`: draw a collection, index it, and search it in several ways, explaining each step; then some photos."""

from __future__ import annotations

import csv
import shutil
import textwrap
from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path
from random import Random

import click

from vasari.api.cli import output, targets
from vasari.api.cli.contact_sheet import Row, contact_sheet
from vasari.api.cli.indexing import run_index
from vasari.api.cli.options import FILE, command
from vasari.api.cli.render import summary
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.builtin_data import builtin_data
from vasari.retrieval.domain import Rerank, SearchRequest, SearchResponse, Term, TermKind
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.registry.presets import find_preset, is_local
from vasari.retrieval.search.query import parse_query
from vasari.training.scenes.captions import describe
from vasari.training.scenes.dataset import DrawnCollection, render
from vasari.training.scenes.scene import Detail, Kind, Language, Scene, Split

PICTURES = 300
SEED = 77
SIZE = 320
SHOWN = 5  # pictures of a search on the sheet
TOLD = 3  # pictures of a search in words
COUNTED = "two cottages"  # two of the first five are right without a second look, all five with it
PHOTO_QUERIES = ("cat", "a cup of coffee", "montagnes", "ワニ", "perros")


@command(example="vasari demo ./demo")
@click.argument(
    "directory",
    metavar="[DIR]",
    type=FILE,
    default="demo",
    help="Where pictures and library go. [default: demo]",
)
def demo(directory: Path) -> None:
    """Show what Vasari does, on pictures that it draws itself and some photos.

    Draws 300 postcards, indexes them, and searches them in six languages; then 29 photos. Needs no network.
    """
    directory = targets.folder(directory)
    pictures = directory / "pictures"
    _say(
        f"1. Draw {PICTURES} postcards",
        f"Vasari paints its own demo pictures, into {pictures}. None of these combinations of object, colour and place"
        " was in the training of its built-in models.",
    )
    render(pictures, SEED, PICTURES, Split.HELDOUT, SIZE)
    collection = DrawnCollection(SEED, Split.HELDOUT, SIZE)
    scenes = [collection.scene(index) for index in range(PICTURES)]
    with Library.open(directory / "library", create=True) as library:
        _index(library, pictures / "images")
        tour = _Tour(library, pictures, scenes)
        for step in (
            tour.languages,
            tour.subtract,
            tour.similar,
            tour.sentences,
            tour.rerank,
            tour.understand,
        ):
            step()
    rows = tour.rows + search_photos(directory)
    sheet = directory / "demo.png"
    sheet.write_bytes(contact_sheet(rows))
    _say("9. See for yourself", f"All results as pictures: {sheet}")
    for line in (
        "",
        "Next:",
        f'  vasari search "a red car in the snow" --library {directory / "library"}',
        f"  vasari serve --library {directory / 'library'}      the search page, on http://127.0.0.1:7600",
        f'  vasari search "mountains" --library {directory / "photo-library"}',
        "  vasari index ~/Pictures --model starter   your own photos, without a network",
        "  vasari index ~/Pictures --model fast      the same by a far better model, downloaded once",
    ):
        output.line(line)


def _index(library: Library, images: Path) -> None:
    _say("2. Index them", "Each picture becomes a vector of numbers, by the built-in dual encoder `scenes`.")
    report = run_index(library, FolderSource([images], limits=library.image_limits), model="scenes")
    output.line(f"   {summary(report)}")


class _Tour:
    """The searches; remembers what was found for the contact sheet."""

    def __init__(self, library: Library, directory: Path, scenes: Sequence[Scene]) -> None:
        self.library = library
        self.directory = directory
        self.scenes = scenes
        self.rows: list[Row] = []

    def languages(self) -> None:
        """One search in each language."""
        _say("3. Words find pictures", "in six languages; the picture that was meant is marked →")
        for number, language in enumerate(Language):
            index = 17 + 40 * number
            text = describe(self.scenes[index], language, Detail.HIGH, Random(number))
            self._search(text, {index})

    def subtract(self) -> None:
        """Search with a negative term."""
        _say("4. Terms add and subtract", "vasari search beach - rain")
        self._search("beach")
        self._search("beach", less="rain")

    def similar(self) -> None:
        """Image-to-image search."""
        _say("5. Pictures find pictures", f"vasari similar {self._path(60)}")
        request = SearchRequest((Term(TermKind.IMAGE, image=self._path(60)),), limit=SHOWN)
        self._show("similar to the first", self.library.search(request))

    def sentences(self) -> None:
        """Image-to-text search."""
        index = 123
        _say("6. Pictures find words", f"Which of {PICTURES} sentences describes {self._path(index)}?")
        sentences = [
            describe(scene, Language.ENGLISH, Detail.HIGH, Random(number))
            for number, scene in enumerate(self.scenes)
        ]
        for text, share in self.library.classify(self._path(index), sentences, ["{}"])[:3]:
            output.line(f"   {'→' if text == sentences[index] else ' '} {share:5.3f}  {text}")

    def rerank(self) -> None:
        """A typed query of which the first stage finds some right pictures, and the second more."""
        if _missing("scenes-itm", "7. A second look: reranking"):
            return
        _say(
            "7. A second look: reranking",
            "A dual encoder compares two finished summaries, and mixes up what has which colour, number or place. The"
            " reranker reads words and picture together. Right pictures are marked →",
        )
        right = {
            index
            for index, scene in enumerate(self.scenes)
            if any(group.kind is Kind.HOUSE and group.count == 2 for group in scene.groups)
        }
        request = _request(COUNTED)
        for option, rerank in (("", None), (" --rerank", Rerank())):
            output.line(f'   vasari search "{COUNTED}"{option}')
            found = self.library.search(replace(request, rerank=rerank))
            self._show(COUNTED + option, found, right, Detail.HIGH)

    def understand(self) -> None:
        """A caption and a question."""
        if _missing("scenes-florence", "   Captions and questions"):
            return
        _say("   Captions and questions", "by the built-in captioner `scenes-florence`")
        path = self._path(200)
        output.line(f"   vasari caption {path}")
        output.line(f"      {self.library.caption([path], 'detailed')[0]}")
        for question in ("What is the weather like?", "What time of day is it?"):
            output.line(f"   vasari ask {path} “{question}”")
            output.line(f"      {self.library.ask(path, question)}")

    def _path(self, index: int) -> Path:
        return self.directory / "images" / f"{index:06d}.jpg"

    def _search(self, text: str, meant: Set[int] = frozenset(), less: str = "") -> None:
        title = f"“{text}” - “{less}”" if less else f"“{text}”"
        output.line(f"   {title}")
        self._show(title.strip("“”"), self.library.search(_request(text, less)), meant)

    def _show(
        self,
        title: str,
        response: SearchResponse,
        meant: Set[int] = frozenset(),
        detail: Detail = Detail.MEDIUM,
    ) -> None:
        notes = []
        for rank, hit in enumerate(response.hits):
            index = int(Path(hit.item.uri).stem)
            mark = "→" if index in meant else " "
            notes.append(f"{'> ' if index in meant else ''}{hit.score:.3f}")
            if rank < TOLD:
                shown = describe(self.scenes[index], Language.ENGLISH, detail, Random(0))
                output.line(f"   {mark} {hit.score:6.3f}  {Path(hit.item.uri).name}  shows: {shown}")
        pictures = [self.library.picture_of(hit.item) for hit in response.hits]
        self.rows.append(Row(title[:110], pictures, notes))


def _request(text: str, less: str = "") -> SearchRequest:
    """Words as they are, less others."""
    terms = [Term(TermKind.TEXT, text=text), *([Term(TermKind.TEXT, -1, text=less)] if less else [])]
    return SearchRequest(tuple(terms), limit=SHOWN, literally=True)


def search_photos(directory: Path) -> list[Row]:
    """Index the photos that come with Vasari by `starter`, and search them: a row of pictures for each query."""
    if _missing("starter", "8. Photos"):
        return []
    photos = directory / "photos"
    shutil.copytree(
        builtin_data("photos"), photos, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.csv")
    )
    with (builtin_data("photos") / "photos.csv").open(encoding="utf-8", newline="") as table:
        shows = {row["file"]: row["shows"] for row in csv.DictReader(table)}
    _say(
        "8. Photos",
        f"{len(shows)} of them, under open licences (their authors: {builtin_data('photos') / 'photos.csv'}), by the"
        " small built-in model `starter`, which knows a thousand kinds of things; those that are pulled know far more.",
    )
    rows = []
    with Library.open(directory / "photo-library", create=True) as library:
        report = run_index(library, FolderSource([photos], limits=library.image_limits), model="starter")
        output.line(f"   {summary(report)}")
        for query in PHOTO_QUERIES:
            response = library.search(SearchRequest(parse_query(query), limit=SHOWN))
            output.line(f"   “{query}”")
            for hit in response.hits[:TOLD]:
                name = Path(hit.item.uri).name
                output.line(f"     {hit.score:6.3f}  {name}  shows: {shows[name]}")
            pictures = [library.picture_of(hit.item) for hit in response.hits]
            rows.append(Row(query, pictures, [f"{hit.score:.3f}" for hit in response.hits]))
    return rows


def _missing(preset: str, title: str) -> bool:
    """Whether a built-in model was never made; says so."""
    if is_local(find_preset(preset)):
        return False
    _say(title, f"left out: the built-in model `{preset}` is not installed (`make models` trains it)")
    return True


def _say(title: str, text: str) -> None:
    output.line("")
    output.line(title)
    for line in textwrap.wrap(text, min(output.columns(), 99) - 3):
        output.line(f"   {line}")
