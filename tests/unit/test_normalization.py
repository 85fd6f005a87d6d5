"""Canonically equivalent texts are one text, as a Mac writes them and as a keyboard does."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.grey import GreyLibrary, write_picture
from tests.unit.catalogs import add, commit, facts, found_by
from vasari.indexer.job import index
from vasari.indexer.sources.columns import Columns
from vasari.indexer.sources.folder import FolderSource
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.domain import Caption, CaptionSource, Modality, TermKind
from vasari.retrieval.models.tokenizers import clean_text
from vasari.retrieval.search.query import parse_terms
from vasari.retrieval.storage.file_names import composed, on_disk
from vasari.retrieval.storage.uris import absolute, local_path

COMPOSED = "Caf\u00e9 \ud55c\uae00"  # é, and Hangul syllables
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)
FORMS = (COMPOSED, DECOMPOSED)


@pytest.fixture
def both(catalog: Catalog) -> Catalog:
    """An item whose every text is decomposed, and one whose every text is composed."""
    for item, form in zip(add(catalog, "/1", "/2"), (DECOMPOSED, COMPOSED), strict=True):
        row = facts(item, f"/{form}/{form}.png", attributes={form: form, "camera": form, "list": [form]})
        commit(catalog, row)
        catalog.annotations.set_tags(item, [form])
        catalog.annotations.set_captions(item, [Caption(f"in the {form} today")], CaptionSource.USER)
    return catalog


@pytest.mark.parametrize(
    "filter_text",
    [
        'name = "{0}.png"',
        'name:"{0}*"',
        'name:"caf? *"',
        'name in ("x", "{0}.PNG")',
        'folder:"{0}"',
        'folder = "/{0}"',
        'uri:"/{0}/"',
        'tag:"{0}"',
        'tag = "{0}"',
        'caption:"{0} today"',
        'camera = "{0}"',
        'camera >= "{0}"',
        'list = "{0}"',
        'attr."{0}" = "{0}"',
        'exists attr."{0}"',
    ],
)
def test_a_filter_finds_both_spellings_by_either(both: Catalog, filter_text: str) -> None:
    """In whichever letters it is typed, on both databases."""
    for form in FORMS:
        found = both.filters.matching(filter_text.replace("{0}", form), Modality.IMAGE).tolist()
        assert found == [1, 2], form


def test_the_name_of_an_attribute_needs_no_quotes_in_either_spelling(catalog: Catalog) -> None:
    """A Mac's spreadsheet calls its column so, and a shell of a Mac its filter."""
    forms = [unicodedata.normalize(form, "gr\u00f6\u00dfe") for form in ("NFC", "NFD")]
    for item, form in zip(add(catalog, "/1", "/2"), forms, strict=True):
        commit(catalog, facts(item, f"/{item}", attributes={form: 5}))
    for form in forms:
        for text in (f"{form} = 5", f"attr.{form} > 4", f"exists({form})"):
            assert catalog.filters.matching(text, Modality.IMAGE).tolist() == [1, 2], text


def test_words_and_facets_know_no_difference(both: Catalog) -> None:
    """Full text finds both; a folder and a tag are counted once."""
    for form in FORMS:
        assert sorted(found_by(both.full_text, form)) == [1, 2]
    facets = both.facets.read(Modality.IMAGE)
    for column in ("folders", "tags", "cameras"):
        (counted,) = facets.columns[column].counts(facets.kept(None))
        assert counted == (counted[0], 2)
        assert counted[0] == composed(counted[0])


@pytest.mark.parametrize("kind", ["lower", "whitespace", "canonicalize"])
def test_a_model_reads_the_same_words(kind: str) -> None:
    """Query texts reach the tokenizer composed, however a model cleans them."""
    assert clean_text(DECOMPOSED, kind) == clean_text(COMPOSED, kind)


def test_a_tag_is_there_once(catalog: Catalog) -> None:
    """However often it is spelled."""
    (item,) = add(catalog, "/1.jpg")
    catalog.annotations.set_tags(item, [*FORMS, f" {DECOMPOSED} "])
    assert catalog.items.get([item])[item].tags == (COMPOSED,)


def test_places_are_named_in_either_spelling(both: Catalog) -> None:
    """Files below a folder, and an item by its uri; the very uri goes before its likes."""
    for form in FORMS:
        assert [file.id for file in both.items.known_files(Modality.IMAGE, [f"/{form}"])] == [1, 2]
    mixed = f"/{COMPOSED}/{DECOMPOSED}.png"
    assert both.items.named(mixed) == [1, 2]
    assert both.items.named(f"/{COMPOSED}/{COMPOSED}.png") == [2]
    assert both.items.named("/nowhere") == []


def test_a_path_is_found_as_the_disk_spells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typed name opens a file of a Mac; where both are there, each is itself."""
    there = tmp_path / DECOMPOSED / f"{DECOMPOSED}.png"
    write_picture(there, 1)
    typed = str(tmp_path / COMPOSED / f"{COMPOSED}.png")
    assert on_disk(typed) == absolute(typed) == str(local_path(typed)) == str(there)
    (term,) = parse_terms([typed])
    assert (term.kind, term.image) == (TermKind.IMAGE, there)
    monkeypatch.chdir(tmp_path)
    assert on_disk(f"{COMPOSED}/nothing") == f"{DECOMPOSED}/nothing"
    (tmp_path / COMPOSED).mkdir()
    assert on_disk(str(tmp_path / COMPOSED)) == str(tmp_path / COMPOSED)


def test_an_item_of_a_mac_is_removed_by_its_typed_name(tmp_path: Path) -> None:
    """The stored uri keeps the bytes that open the file."""
    there = tmp_path / "photos" / f"{DECOMPOSED}.png"
    write_picture(there, 1)
    with GreyLibrary.open(tmp_path / "library", create=True) as library:
        library.use_model("grey")
        index(library, FolderSource([tmp_path / "photos"]))
        assert [file.uri for file in library.catalog.items.known_files(Modality.IMAGE)] == [str(there)]
        assert library.remove(str(tmp_path / "photos" / f"{COMPOSED}.png")) == 1


@given(st.text(alphabet="e\u0301\u00e9/a.~", max_size=8).map(lambda name: f"/no/{name}"))
def test_a_path_that_is_not_there_stays_as_it_is(path: str) -> None:
    """But for what is no part of a name: doubled slashes."""
    assert on_disk(path) in (path, "/" + "/".join(part for part in path.split("/") if part))


def test_columns_and_left_out_folders_are_named_in_either_spelling(tmp_path: Path) -> None:
    """`--image-column`, `--caption-column` and `--exclude-dir`."""
    for form, other in (FORMS, FORMS[::-1]):
        asked = Columns(form, (f"{form} 2",))
        assert asked.among([other, f"{other} 2"], "t.csv") == Columns(other, (f"{other} 2",))
        (tmp_path / form / other).mkdir(parents=True)
        (tmp_path / form / other / "a.png").write_bytes(b"")
        assert not list(FolderSource([str(tmp_path / form)], [form]).candidates())
