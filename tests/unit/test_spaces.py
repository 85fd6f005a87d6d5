"""A second model beside the first: nothing is hidden without a word, and a space goes as a whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.grey import GreyLibrary, write_picture
from tests.models import Kind, write_model
from tests.service.colours import SPACE, ColourLibrary
from tests.unit.catalogs import OTHER, add, commit, facts
from vasari.api.cli.indexing import run_index, run_known
from vasari.api.cli.render import status_lines
from vasari.api.contract.library import status_fields
from vasari.indexer.completing import Completion, complete
from vasari.indexer.job import IndexOptions, index
from vasari.indexer.sources.folder import FolderSource
from vasari.indexer.sources.texts import TextFiles
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.domain import Modality, SearchRequest, SearchResponse, Term, TermKind
from vasari.retrieval.errors import LibraryLockedError, NotFoundError, UsageError
from vasari.retrieval.library import spaces
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import Settings


@pytest.fixture
def library(tmp_path: Path) -> Iterator[GreyLibrary]:
    """Pictures of two folders, in the space `first`."""
    for number in range(4):
        write_picture(tmp_path / ("a" if number < 3 else "b") / f"{number}.png", number)
    with GreyLibrary.open(tmp_path / "library", create=True) as opened:
        opened.use_model("first")
        index(opened, FolderSource([tmp_path / "a", tmp_path / "b"]))
        yield opened


def filled(library: GreyLibrary, model: str, *paths: Path) -> None:
    run_index(library, FolderSource(paths), model=model)


def completed(library: GreyLibrary, model: str, stop: threading.Event | None = None) -> Completion:
    options = IndexOptions(
        batch_size=1, decode_threads=1, commit_every=1, space=library.use_model(model).name
    )
    return complete(library, options, stop=stop)


def like(library: GreyLibrary, path: Path, space: str | None = None) -> SearchResponse:
    return library.search(SearchRequest((Term(TermKind.IMAGE, image=path),), space=space, limit=50))


def state(library: GreyLibrary, name: str) -> spaces.SpaceState:
    return next(state for state in library.spaces() if state.space.name == name)


def test_a_space_that_lacks_pictures_does_not_become_the_default(
    library: GreyLibrary, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Indexing one folder of two with another model says what is missing, and searches find all as before."""
    filled(library, "second", tmp_path / "a")
    assert library.space().name == "first"
    assert len(like(library, tmp_path / "b" / "3.png").hits) == 4
    said = capsys.readouterr().err
    assert "1 of 4 pictures have no vector in second" in said
    assert "vasari index --all --model second" in said
    filled(library, "second", tmp_path / "b")
    assert library.space().name == "second"
    assert "searches now use second" in capsys.readouterr().err


def test_a_model_in_the_environment_does_not_change_a_library(
    library: GreyLibrary, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """VASARI_MODEL is for new libraries; a run that meets another one says which model stays, and how to change it."""
    for name, said in (("second", True), ("first", False)):
        with GreyLibrary.open(library.root, Settings(model=name)) as again:
            run_index(again, FolderSource([tmp_path / "a"]))
            assert again.space().name == "first"
        assert ("stays with first" in capsys.readouterr().err) is said


def test_an_interrupted_job_switches_nothing(library: GreyLibrary, tmp_path: Path) -> None:
    """Ctrl-C in the middle leaves the default, and the same command goes on."""

    stop, space = threading.Event(), library.use_model("second")
    library.grey(space).on_batch = stop.set
    options = IndexOptions(batch_size=1, decode_threads=1, space=space.name)
    first = complete(library, options, stop=stop)
    assert first.report.interrupted
    assert 0 < state(library, "second").vectors[Modality.IMAGE] < 4
    run_known(library, model="second")
    assert library.space().name == "second"
    assert state(library, "second").complete


def test_a_search_in_a_space_that_lacks_pictures_says_so(library: GreyLibrary, tmp_path: Path) -> None:
    """Whether it became the default by hand or was asked for."""
    filled(library, "second", tmp_path / "a")
    assert like(library, tmp_path / "a" / "0.png").notes == ()
    note = "1 of 4 pictures have no vector in second and are not found by it"
    assert like(library, tmp_path / "a" / "0.png", "second").notes == (note,)
    library.use_space("second")
    found = like(library, tmp_path / "a" / "0.png")
    assert (len(found.hits), found.notes) == (3, (note,))
    with GreyLibrary.open(tmp_path / "library") as again:  # what reads no catalog, but the file itself
        assert like(again, tmp_path / "a" / "0.png").notes == (note,)
    completed(library, "second")
    assert like(library, tmp_path / "a" / "0.png").notes == ()


def test_vectors_that_a_repair_dropped_are_missed_too(library: GreyLibrary, tmp_path: Path) -> None:
    """A library of one space says that pictures lost their vector there, until they have it again."""
    (segment, *_) = library.catalog.segments.all("first", Modality.IMAGE)
    library.catalog.segments.drop("first", Modality.IMAGE, segment.number)
    assert "4 of 4 pictures" in like(library, tmp_path / "a" / "0.png").notes[0]
    completed(library, "first")
    assert like(library, tmp_path / "a" / "0.png").notes == ()


def test_status_counts_by_space(library: GreyLibrary, tmp_path: Path) -> None:
    """What has a vector and what has none, for programs and for people."""
    filled(library, "second", tmp_path / "a")
    fields = status_fields(library)
    counted = {
        space["name"]: (space["vectors"]["image"], space["absent"]["image"]) for space in fields["spaces"]
    }
    assert counted == {"first": (4, 0), "second": (3, 1)}
    assert all(space["bytes"] > 0 for space in fields["spaces"])
    lines = "\n".join(status_lines({"library": "here", **fields}))
    assert "1 of 4 pictures have no vector in it: `vasari index --all --model second`" in lines


def test_all_that_is_known_is_embedded_from_every_place(library: GreyLibrary, tmp_path: Path) -> None:
    """What is not there now waits and is told by its place; what people said stays; nothing new is taken in."""
    catalog = library.catalog
    kept = catalog.items.by_uri(str(tmp_path / "a" / "0.png"))
    assert kept is not None
    catalog.annotations.set_tags(kept.id, ["holiday"])
    write_picture(tmp_path / "a" / "new.png", 9)
    (tmp_path / "b").rename(tmp_path / "elsewhere")
    done = completed(library, "second")
    assert (done.report.updated, done.report.added, done.report.removed, done.report.failed) == (3, 0, 0, 0)
    assert done.waiting == {str(tmp_path / "b"): 1}
    assert catalog.items.by_uri(kept.uri) is not None
    assert library.items([kept.id])[kept.id].tags == ("holiday",)
    (tmp_path / "elsewhere").rename(tmp_path / "b")
    assert completed(library, "second").report.updated == 1
    assert completed(library, "second").report.updated == 0
    assert library.catalog.spaces.switch_when_complete("second") == {}


def test_texts_count_and_are_completed(tmp_path: Path) -> None:
    """A space without the library's texts is not complete; their uris and ids stay."""
    (tmp_path / "lines.txt").write_text("red\nblue\n")
    with ColourLibrary.open(tmp_path / "library", create=True) as library:
        index(library, TextFiles([str(tmp_path / "lines.txt")]))
        before = sorted(library.catalog.items.live_ids(Modality.TEXT).tolist())
        (segment,) = library.catalog.segments.all(SPACE.name, Modality.TEXT)
        library.catalog.segments.drop(SPACE.name, Modality.TEXT, segment.number)
        assert library.catalog.spaces.switch_when_complete(SPACE.name) == {Modality.TEXT: 2}
        assert complete(library).report.updated == 2
        assert library.catalog.spaces.switch_when_complete(SPACE.name) == {}
        assert sorted(library.catalog.items.live_ids(Modality.TEXT).tolist()) == before


def test_a_dropped_space_leaves_nothing_behind(library: GreyLibrary, tmp_path: Path) -> None:
    """Rows and files go; the other space answers as before, and the dropped one can be made again."""
    filled(library, "second", tmp_path / "a", tmp_path / "b")
    library.use_space("first")
    expected = [hit.item.id for hit in like(library, tmp_path / "a" / "1.png").hits]
    assert library.drop_space("second").name == "second"
    assert not any(path.name == "second" for path in library.root.rglob("*"))
    assert [space.name for space in library.catalog.spaces.all()] == ["first"]
    assert [hit.item.id for hit in like(library, tmp_path / "a" / "1.png").hits] == expected
    with pytest.raises(NotFoundError):
        like(library, tmp_path / "a" / "1.png", "second")
    completed(library, "second")
    assert len(like(library, tmp_path / "a" / "1.png", "second").hits) == 4


def test_files_of_a_drop_that_was_killed_go_with_the_next(library: GreyLibrary, tmp_path: Path) -> None:
    """Between the transaction and the files a kill leaves folders that belong to nothing."""
    filled(library, "second", tmp_path / "a")
    library.catalog.spaces.drop("second")  # and no more
    left = library.root / "segments" / "second"
    assert left.is_dir()
    library.use_model("third")
    library.drop_space("third")
    assert not left.exists()
    assert len(like(library, tmp_path / "a" / "0.png").hits) == 4


def test_the_default_space_is_dropped_by_force_only(library: GreyLibrary, tmp_path: Path) -> None:
    """The fullest of the others takes its place; without another the library waits for a model."""
    filled(library, "second", tmp_path / "a")
    with pytest.raises(UsageError, match="is what searches use"):
        library.drop_space("first")
    library.drop_space("first", force=True)
    assert library.space().name == "second"
    library.drop_space("second", force=True)
    assert library.catalog.spaces.default() is None
    assert library.catalog.items.count(Modality.IMAGE) == 4
    completed(library, "first")
    assert library.space().name == "first"
    assert len(like(library, tmp_path / "a" / "0.png").hits) == 4


def test_a_library_whose_only_space_is_dropped_says_so(library: GreyLibrary) -> None:
    """Its pictures are there and have no vector: `status` and a search tell what makes them found again."""
    library.drop_space("first", force=True)
    fields = status_fields(library)
    assert (fields["items"]["image"], fields["spaces"]) == (library.catalog.items.count(Modality.IMAGE), [])
    assert "index --all --model" in "\n".join(status_lines({"library": "here", **fields}))
    with pytest.raises(NotFoundError, match="index --all --model"):
        library.space()


def test_no_space_is_dropped_under_a_job(library: GreyLibrary, tmp_path: Path) -> None:
    """Who writes the library may be filling it."""
    library.use_model("second")
    with (
        Catalog.open(library.root / "catalog.sqlite3") as other,
        other.lease.acquire("vasari index"),
        pytest.raises(LibraryLockedError),
    ):
        library.drop_space("second")
    assert [space.name for space in library.catalog.spaces.all()] == ["first", "second"]


def test_a_search_under_way_finishes_though_its_space_is_dropped(
    library: GreyLibrary, tmp_path: Path
) -> None:
    """It has the files open."""
    filled(library, "second", tmp_path / "a", tmp_path / "b")
    library.use_space("first")
    gallery = library.gallery(Modality.IMAGE, library.catalog.spaces.get("second"))
    with GreyLibrary.open(library.root) as other:
        other.drop_space("second")
    assert not (library.root / "segments" / "second").exists()
    ids, _, _ = gallery.search(gallery.vectors_of(gallery.ids()[:1]), 4)
    assert sorted(ids[0].tolist()) == gallery.ids().tolist()


def test_spaces_are_named_by_their_model_too(library: GreyLibrary) -> None:
    """What is unknown is refused with the names that there are."""
    assert spaces.find(library, "first").name == "first"
    with pytest.raises(NotFoundError, match="it has: first"):
        library.use_space("frist")


def test_both_databases_count_and_drop(catalog: Catalog) -> None:
    """What has no vector is counted by kind; a dropped space leaves no row."""
    one, two = add(catalog, "/1.jpg", "/2.jpg")
    assert not catalog.spaces.may_lack_vectors()
    catalog.spaces.ensure(OTHER)
    commit(catalog, facts(one, "/1.jpg"), space=OTHER.name)
    assert catalog.spaces.may_lack_vectors()
    assert catalog.spaces.switch_when_complete(OTHER.name) == {Modality.IMAGE: 1}
    assert catalog.spaces.without_vectors(OTHER.name) == {Modality.IMAGE: 1}
    catalog.items.delete([two])
    assert catalog.spaces.switch_when_complete(OTHER.name) == {}
    assert catalog.spaces.default() == OTHER
    catalog.spaces.drop(OTHER.name)
    assert catalog.spaces.default() is None
    with pytest.raises(NotFoundError):
        catalog.segments.all(OTHER.name, Modality.IMAGE)
    assert np.array_equal(catalog.items.live_ids(Modality.IMAGE), [one])


@pytest.mark.parametrize("kind", ["clip", "multilingual"])  # exported from its files, and by torch
def test_two_processes_may_begin_a_library_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    """The one that comes second finds the folder of the first space in its way, and it is the same."""
    model = str(write_model(tmp_path / "model", kind))
    begun: list[str] = []
    rename = Path.replace
    with Library.open(tmp_path / "library", create=True) as library, Library.open(library.root) as other:

        def rename_too_late(path: Path, final: Path) -> Path:
            if final.parent == library.root / "models" and not begun:
                begun.append(final.name)
                other.use_model(model)
            return rename(path, final)

        monkeypatch.setattr(Path, "replace", rename_too_late)
        assert library.use_model(model).name == begun[0]
        assert [state.space.name for state in library.spaces()] == begun
        assert [each.name for each in (library.root / "models").iterdir()] == begun
