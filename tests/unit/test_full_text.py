"""Full-text search: what is said of items is found at once, in any script, and is never taken for syntax."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.unit.catalogs import add, commit, facts, found_by
from vasari.retrieval.catalog.analyzer import Phrase, asked_words, phrase_of, words_of
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.folding import folded
from vasari.retrieval.catalog.records import Sighting
from vasari.retrieval.catalog.word_index import GUESSED
from vasari.retrieval.domain import Caption, CaptionSource, ItemId, Modality


def say(catalog: Catalog, item: ItemId, *sentences: str) -> None:
    catalog.annotations.set_captions(item, [Caption(sentence) for sentence in sentences], CaptionSource.USER)


def found(catalog: Catalog, words: str) -> list[ItemId]:
    return found_by(catalog.full_text, words)


def test_words_are_found_in_captions_tags_text_and_names(catalog: Catalog) -> None:
    """Whatever is said of an item, its file's name too, leads to it."""
    captioned, tagged, named, silent = add(catalog, "/a.jpg", "/b.jpg", "/Zeppelin_2041.jpg", "/d.jpg")
    say(catalog, captioned, "A red boat")
    catalog.annotations.set_tags(tagged, ["Summer Holiday"])
    [written] = catalog.items.reserve(1)
    commit(catalog, facts(written, "/e.jpg", text="an anchor"))
    assert found(catalog, "boat") == [captioned]
    assert found(catalog, "holiday") == [tagged]
    assert found(catalog, "zeppelin") == [named] == found(catalog, "2041")
    assert found(catalog, "anchor") == [written]
    assert silent not in found(catalog, "boat holiday zeppelin anchor")


def test_folders_and_archives_are_names_too(catalog: Catalog) -> None:
    """Each folder above a file leads to it, an archive it lies in as well; its suffix and scheme do not."""
    filed, packed, remote = add(
        catalog, "/home/Germany 2018/a.jpg", "/home/lisbon.zip#tram/b.jpg", "s3://bucket/Oslo/c.webp"
    )
    assert found(catalog, "germany") == [filed] == found(catalog, "2018")
    assert found(catalog, "lisbon") == [packed] == found(catalog, "tram")
    assert found(catalog, "oslo") == [remote]
    assert found(catalog, "home") == [filed, packed]
    assert found(catalog, "jpg s3 webp") == []


def test_the_number_of_a_row_is_no_name(catalog: Catalog) -> None:
    """The table's name is; a file that is called by a number has it."""
    row, file = add(catalog, "/home/boats.parquet#image/2", "/home/2.jpg")
    assert found(catalog, "2") == [file]
    assert found(catalog, "boats") == [row]


def test_what_is_said_counts_more_than_a_name(catalog: Catalog) -> None:
    """Each word counts for itself: in full where it is said, half where only the file is called so."""
    both, one, named, said = add(catalog, "/a.jpg", "/b.jpg", "/boat.jpg", "/red.jpg")
    say(catalog, both, "a red boat")
    say(catalog, one, "a blue boat")
    say(catalog, said, "red")
    phrases = [Phrase(("red",)), Phrase(("boat",)), Phrase(("green",))]
    held = catalog.full_text.held([said, named, one, both, 99], phrases)
    assert held.tolist() == [[1, 0, 0], [0, 0.5, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert catalog.full_text.counts(phrases).tolist() == [2, 3, 0]


def test_what_a_model_says_counts_less_than_what_a_person_says(catalog: Catalog) -> None:
    """A word of a model's caption counts between one that a person wrote and one of a name, and as the best of them."""
    guessed, said, both, named = add(catalog, "/a.jpg", "/b.jpg", "/c.jpg", "/boat.jpg")
    for item in (guessed, both):
        catalog.annotations.set_captions(item, [Caption("a red boat")], CaptionSource.MODEL)
    for item in (said, both):
        say(catalog, item, "boat")
    phrases = [Phrase(("boat",)), Phrase(("red", "boat"))]
    held = catalog.full_text.held([guessed, said, both, named], phrases)
    assert held[:, 0].tolist() == pytest.approx([GUESSED, 1, 1, 0.5])
    assert held[:, 1].tolist() == pytest.approx([GUESSED, 0, GUESSED, 0])
    assert catalog.full_text.counts(phrases).tolist() == [4, 2]
    assert 0.5 < GUESSED < 1


def test_a_phrase_is_found_word_for_word(catalog: Catalog) -> None:
    """Its words stand side by side in that order, within what is said or within the names."""
    right, turned, parted, across, named = add(
        catalog, "/a.jpg", "/b.jpg", "/c.jpg", "/entry/d.jpg", "/no/entry.jpg"
    )
    say(catalog, right, "a sign: No entry!")
    say(catalog, turned, "entry, no")
    say(catalog, parted, "no other entry")
    say(catalog, across, "it says no")
    phrase = phrase_of("NO ENTRY")
    assert phrase is not None
    assert catalog.full_text.postings(phrase).tolist() == [right, named]
    held = catalog.full_text.held([right, turned, parted, across, named], [phrase])
    assert held[:, 0].tolist() == [1, 0, 0, 0, 0.5]
    assert catalog.full_text.counts([phrase]).tolist() == [2]


@pytest.mark.parametrize(("quoted", "is_there"), [("红船", True), ("小红船", True), ("船", True), ("日落时", True),
    ("红船 sunset", True), ("小船", False), ("船红", False), ("sunset 红", False)])  # fmt: skip
def test_phrases_of_scripts_without_spaces(catalog: Catalog, quoted: str, is_there: bool) -> None:
    """Any stretch of neighbouring letters is one, and nothing else."""
    [item] = add(catalog, "/a.jpg")
    say(catalog, item, "日落时的小红船 sunset")
    phrase = phrase_of(quoted)
    assert phrase is not None
    assert (catalog.full_text.postings(phrase).tolist() == [item]) is is_there
    assert bool(catalog.full_text.held([item], [phrase])[0, 0]) is is_there


def test_scripts_without_spaces_are_found_by_any_part(catalog: Catalog) -> None:
    """Chinese and Japanese words are found inside sentences, a single letter too."""
    chinese, japanese, thai = add(catalog, "/a.jpg", "/b.jpg", "/c.jpg")
    say(catalog, chinese, "日落时的小红船")
    say(catalog, japanese, "港の赤い船と灯台")
    say(catalog, thai, "เรือสีแดง")
    assert found(catalog, "红船") == [chinese]
    assert found(catalog, "日落") == [chinese]
    assert sorted(found(catalog, "船")) == [chinese, japanese]
    assert found(catalog, "灯台") == [japanese]
    assert found(catalog, "สีแดง") == [thai]
    assert found(catalog, "黑猫") == []


def test_case_accents_and_width_do_not_matter(catalog: Catalog) -> None:
    """A façade is found as FACADE, full-width letters as plain ones."""
    [item] = add(catalog, "/a.jpg")
    say(catalog, item, "Façade über ＡＢＣ")
    assert found(catalog, "FACADE") == found(catalog, "uber") == found(catalog, "abc") == [item]


def test_what_is_remembered_is_of_this_moment(catalog: Catalog) -> None:
    """Counts and holders asked twice are those of the catalog as it is, of a taken-back change nothing is kept."""
    item, other = add(catalog, "/a.jpg", "/b.jpg")
    boat = Phrase(("boat",))
    index = catalog.full_text
    for expected, said in (([], "a car"), ([item], "a boat"), ([], "a car")):
        say(catalog, item, said)
        for _ in range(2):
            assert index.counts([boat, boat]).tolist() == [len(expected)] * 2
            assert index.postings(boat).tolist() == expected

    def change_and_fail() -> None:
        with catalog.database.together():
            say(catalog, other, "a boat")
            assert index.counts([boat]).tolist() == [1]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    say(catalog, other, "a lighthouse")
    assert index.counts([boat]).tolist() == [0]
    assert index.postings(boat).tolist() == []
    assert index.held([other, item], [boat, Phrase(("lighthouse",)), Phrase(("b",))]).tolist() == [
        [0, 1, 0.5],
        [0, 0, 0],
    ]
    assert index.held([], [boat]).shape == (0, 1)
    assert index.held([99], [boat]).tolist() == [[0]]


def test_words_change_with_what_is_said(catalog: Catalog) -> None:
    """New captions, tags and names replace the old ones at once, and deleted items are silent."""
    item, other = add(catalog, "/old.jpg", "/other.jpg")
    say(catalog, item, "a boat")
    say(catalog, item, "a car")
    assert found(catalog, "boat") == []
    assert found(catalog, "car") == [item]
    catalog.annotations.set_tags(item, ["x1"])
    catalog.annotations.set_tags(item, [])
    assert found(catalog, "x1") == []
    catalog.items.move([Sighting(item, "/new.jpg", 10, 20)])
    assert found(catalog, "old") == []
    assert found(catalog, "new") == [item]
    commit(catalog, facts(item, "/new.jpg", "other", Caption("a lighthouse")))
    assert found(catalog, "car") == []
    assert found(catalog, "lighthouse") == [item]
    catalog.items.delete([other])
    assert found(catalog, "other") == []
    catalog.items.delete([item])
    assert found(catalog, "lighthouse new") == []


@pytest.mark.parametrize("words", ["", "  ", "!?.", "\"'()", "a" * 100_000, "NEAR(", "\ud800", "\x00"])
def test_odd_words_find_nothing_and_break_nothing(catalog: Catalog, words: str) -> None:
    """Nothing to look for is no mistake."""
    add(catalog, "/boat.jpg")
    assert found(catalog, words) == []


SYNTAX = st.text(alphabet="ab\"'*()^:-+&|!<>{}\\%_ \u8239NEARTOD", max_size=30)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(SYNTAX)
def test_no_text_is_syntax(catalog: Catalog, query: str) -> None:
    """Whatever is typed is words: an item that says it is found by it, unless nothing in it is a word."""
    [item] = catalog.items.live_ids(Modality.IMAGE).tolist() or add(catalog, "/~.jpg")
    say(catalog, item, query)
    assert found(catalog, query) == ([item] if words_of(query) else [])


@given(st.text(max_size=50))
def test_words_are_plain(text_: str) -> None:
    """No word holds a quote, a space or a backslash, so quoting them is safe."""
    for word in words_of(text_):
        assert word
        assert not set(word) & set("\"'\\ \x00")


@given(st.text(st.characters(max_codepoint=127), max_size=80))
def test_ascii_is_folded_as_all_else_is(ascii_: str) -> None:
    """An accent elsewhere in a text changes none of its other words."""
    assert folded(ascii_ + " é") == folded(ascii_) + " e"
    assert words_of(ascii_ + " 空") == [*words_of(ascii_), "空"]


def test_upgrading_fills_the_words_of_an_old_catalog(tmp_path: Path) -> None:
    """Items of a catalog made before full-text search are found after its migration."""
    from alembic import command
    from alembic.config import Config

    from vasari.retrieval.catalog.database import Database
    from vasari.retrieval.catalog.migrate import MIGRATIONS

    path = tmp_path / "catalog.sqlite3"
    with Catalog.open(path) as catalog:
        [item] = add(catalog, "/boat.jpg")
        say(catalog, item, "a lighthouse")
    database = Database(path)
    with database.write_unchecked() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.downgrade(config, "0001")
        assert connection.execute(text("SELECT 1 FROM sqlite_master WHERE name = 'words'")).first() is None
    database.close()
    with Catalog.open(path) as catalog:
        assert found(catalog, "boat") == found(catalog, "lighthouse") == [item]
        assert catalog.filters.matching("name:boat", Modality.IMAGE).tolist() == [item]


def test_words_are_told_as_they_are_written() -> None:
    """Pairs of letters read as the run they were cut from."""
    shown = [str(asked.phrase) for asked in asked_words("The RED boat, 小红船")]
    assert shown == ["red", "boat", "小红", "红船", "小红船"]


def test_stop_words_are_asked_for_only_where_there_is_nothing_else() -> None:
    """They are in every text; but a band may be called so."""
    assert [str(asked.phrase) for asked in asked_words("the boat on the sea")] == ["boat", "sea"]
    assert [str(asked.phrase) for asked in asked_words("The The")] == ["the"]
    assert phrase_of("on the sea") == Phrase(("on", "the", "sea"))
    assert phrase_of("?!") is None
