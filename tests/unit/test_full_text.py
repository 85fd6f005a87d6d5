"""Full-text search: what is said of items is found at once, in any script, and is never taken for syntax."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.unit.catalogs import add, commit, facts
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.full_text import words_of
from vasari.retrieval.catalog.records import Sighting
from vasari.retrieval.domain import Caption, CaptionSource, ItemId, Modality


def say(catalog: Catalog, item: ItemId, *sentences: str) -> None:
    catalog.annotations.set_captions(item, [Caption(sentence) for sentence in sentences], CaptionSource.USER)


def found(catalog: Catalog, words: str, limit: int = 10, allowed: list[ItemId] | None = None) -> list[ItemId]:
    ids = None if allowed is None else np.array(sorted(allowed), np.int64)
    return catalog.full_text.search(words, Modality.IMAGE, limit, ids)


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


def test_the_best_come_first(catalog: Catalog) -> None:
    """More of the words are better than fewer, and a caption is better than a name."""
    both, one, named = add(catalog, "/a.jpg", "/b.jpg", "/boat.jpg")
    say(catalog, both, "a red boat")
    say(catalog, one, "a blue boat")
    assert found(catalog, "the red boat") == [both, one, named]
    assert found(catalog, "the red boat", limit=2) == [both, one]


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


def test_a_filter_narrows_before_the_limit(catalog: Catalog) -> None:
    """The best of the allowed items come back, however many others are better."""
    ids = add(catalog, *(f"/{number}.jpg" for number in range(40)))
    for item in ids:
        say(catalog, item, "boat")
    assert found(catalog, "boat", limit=3, allowed=ids[30:]) == ids[30:33]
    assert found(catalog, "boat", allowed=[]) == []


def test_only_the_modality_asked_for_is_found(catalog: Catalog) -> None:
    """A search for texts finds no pictures."""
    [item] = add(catalog, "/boat.jpg")
    assert catalog.full_text.search("boat", Modality.TEXT, 5) == []
    assert catalog.full_text.search("boat", Modality.IMAGE, 5) == [item]


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
    [item] = catalog.items.live_ids(Modality.IMAGE).tolist() or add(catalog, "/x.jpg")
    say(catalog, item, query)
    assert found(catalog, query) == ([item] if words_of(query) else [])


@given(st.text(max_size=50))
def test_words_are_plain(text_: str) -> None:
    """No word holds a quote, a space or a backslash, so quoting them is safe."""
    for word in words_of(text_):
        assert word
        assert not set(word) & set("\"'\\ \x00")


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
