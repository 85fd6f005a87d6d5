"""A glance at a catalog says what the catalog says."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from tests.unit.catalogs import OTHER, SPACE, add, commit, facts
from vasari.retrieval.catalog.analyzer import Phrase
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.records import GenerationRecord, Telling
from vasari.retrieval.catalog.sqlite_reader import SqliteReader
from vasari.retrieval.domain import Caption, CaptionSource, FairMethod, FairRanking, Modality, Skipped
from vasari.retrieval.errors import LibraryCorruptError, NotFoundError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A catalog with something of everything."""
    file = tmp_path / "catalog.sqlite3"
    with Catalog.open(file) as catalog:
        first, second, third = add(catalog, "/a/b.jpg", "/odd/\udce9\n.jpg", "/c.jpg")
        catalog.spaces.ensure(OTHER)
        catalog.spaces.set_fair_ranking("clip", FairRanking(FairMethod.NNN, 0.5, "ab", 2000, "é \udce9", 0.1))
        catalog.annotations.set_captions(
            first, [Caption("ein Boot", "de"), Caption("a boat")], CaptionSource.USER
        )
        catalog.annotations.set_captions(
            first, [Caption("boats", "en", CaptionSource.MODEL)], CaptionSource.MODEL
        )
        catalog.annotations.set_tags(second, ["sea", "holiday", "été"])
        catalog.annotations.set_attributes(
            second, {"camera": "X100V", "width": 3, "nested": {"a": [1, None]}}
        )
        commit(catalog, facts(second, "/odd/\udce9\n.jpg", "other", width=3, height=4, format="jpeg"))
        catalog.items.delete([third])
        for number in (1, 2):
            catalog.segments.publish_generation(
                GenerationRecord("clip", Modality.IMAGE, number, 1, "flat", 3)
            )
    return file


def test_all_answers_are_the_catalogs(path: Path) -> None:
    """Spaces, revision, galleries and items are equal, value by value."""
    glance = SqliteReader.open(path)
    assert glance is not None
    with Catalog.open(path) as catalog:
        assert glance.revision() == catalog.revision()
        assert glance.spaces.default() == catalog.spaces.default() == SPACE
        assert glance.spaces.get("siglip") == OTHER
        for space in ("clip", "siglip"):
            for modality in Modality:
                assert glance.segments.gallery_state(space, modality) == catalog.segments.gallery_state(
                    space, modality
                )
        assert glance.segments.gallery_state("clip", Modality.IMAGE).dead
        assert glance.segments.gallery_state("clip", Modality.IMAGE).fair == catalog.spaces.fair_ranking(
            "clip"
        )
        assert glance.segments.gallery_state("clip", Modality.TEXT).fair is None
        assert glance.spaces.may_lack_vectors() is catalog.spaces.may_lack_vectors() is True
        assert glance.items.count(Modality.IMAGE) == catalog.items.count(Modality.IMAGE) == 2
        wanted = [3, 2, 1, 99, 2]
        assert glance.items.get(wanted) == catalog.items.get(wanted)
        assert list(glance.items.get(wanted)) == list(catalog.items.get(wanted)) == [2, 1]
        assert glance.items.get([]) == {}
        assert glance.items.get([2**70, -(2**70), 0]) == catalog.items.get([2**70, -(2**70), 0]) == {}
        assert list(glance.items.get(range(5000))) == [1, 2]
        phrases = [
            Phrase(("boat",)),
            Phrase(("ein", "boot")),
            Phrase(("odd",)),
            Phrase(("ete",)),
            Phrase(("x",)),
        ]
        for index in (glance.full_text, catalog.full_text):
            assert index.counts(phrases).tolist() == [1, 1, 1, 1, 0]
            assert index.counts([]).tolist() == []
            assert [index.postings(phrase).tolist() for phrase in phrases] == [[1], [1], [2], [2], []]
            assert index.held([2, 1], phrases).tolist() == [[0, 0, 0.5, 1, 0], [1, 1, 0, 0, 0]]
            assert index.held([], phrases).shape == (0, 5)
    glance.close()


@pytest.mark.parametrize(
    "under", [None, ["/"], ["/a"], ["/a/b.jpg", "/odd/"], ["/a/b"], ["/b\u0075\u0308cher"]]
)
def test_a_job_plans_by_a_glance_as_by_the_catalog(path: Path, under: list[str] | None) -> None:
    """Known files below places, in any spelling of their letters; bare items, failures, the last lease."""
    with Catalog.open(path) as catalog:
        add(catalog, "/bücher/d.jpg")
        undescribed = list(catalog.items.known_files(Modality.IMAGE, under))
        early = SqliteReader.open(path)
        assert early is not None
        assert list(early.items.known_files(Modality.IMAGE, under)) == undescribed
        facts = frozenset((file.uri, file.bytes, file.mtime_ns, file.ctime_ns) for file in undescribed)
        assert early.items.facts(Modality.IMAGE, under) == facts
        early.close()
        catalog.annotations.describe({4: Telling("/t.csv", 7, (Caption("a"),))})
        catalog.failures.record([Skipped("/odd/\udce9", "read", "no", 1, 2, 3), Skipped("/e", "decode", "é")])
        glance = SqliteReader.open(path)
        assert glance is not None
        before = glance.free_lease()
        with catalog.lease.acquire("a test") as lease:
            assert glance.free_lease() is None
        assert before is not None
        assert glance.free_lease() == lease.token == before + 1
        assert glance.items.newest() == catalog.items.newest() == 4
        for modality in Modality:
            known = list(catalog.items.known_files(modality, under))
            assert glance.items.facts(modality, under) is None  # one is described
            assert list(glance.items.known_files(modality, under)) == known
            for space in ("clip", "siglip"):
                bare = list(catalog.segments.missing_embeddings(space, modality))
                assert list(glance.segments.missing_embeddings(space, modality)) == bare
        assert glance.unread_facts.ids() == catalog.unread_facts.ids() == frozenset()
        assert glance.failures.latest() == catalog.failures.latest()
        assert len(glance.failures.latest()) == 2
        glance.close()


def test_a_glance_sees_what_is_committed_meanwhile(path: Path) -> None:
    """Nothing is kept between two questions."""
    glance = SqliteReader.open(path)
    assert glance is not None
    before = glance.revision()
    with Catalog.open(path) as catalog:
        catalog.items.delete([1])
    assert glance.revision() > before
    assert list(glance.items.get([1, 2])) == [2]
    glance.close()


def test_an_unknown_space_is_not_found(path: Path) -> None:
    """In the words of the catalog."""
    glance = SqliteReader.open(path)
    assert glance is not None
    with pytest.raises(NotFoundError, match="no space 'none'"):
        glance.spaces.get("none")
    with pytest.raises(NotFoundError, match="no space 'none'"):
        glance.segments.gallery_state("none", Modality.IMAGE)
    glance.close()


def test_threads_may_share_a_glance(path: Path) -> None:
    """They take turns, and none meets another's transaction."""
    glance = SqliteReader.open(path)
    assert glance is not None
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.extend(len(glance.items.get([1, 2])) for _ in range(50)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2] * 200
    glance.close()


@pytest.mark.parametrize("version", ["0000", "9999", None])
def test_a_catalog_of_another_version_is_left_to_the_catalog(path: Path, version: str | None) -> None:
    """Older ones are to be upgraded, newer ones refused."""
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM alembic_version")
    if version is not None:
        connection.execute("INSERT INTO alembic_version VALUES (?)", (version,))
    connection.commit()
    connection.close()
    assert SqliteReader.open(path) is None


def test_what_is_no_catalog_is_left_to_the_catalog(tmp_path: Path) -> None:
    """A missing file is not made, a broken one not touched."""
    assert SqliteReader.open(tmp_path / "none.sqlite3") is None
    assert list(tmp_path.iterdir()) == []
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"no database at all" * 100)
    assert SqliteReader.open(broken) is None


def test_damage_met_later_is_told_in_words(path: Path) -> None:
    """A page of rubbish behind a sound beginning is a damaged library, not a traceback."""
    glance = SqliteReader.open(path)
    assert glance is not None
    glance.close()
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    path.write_bytes(data)
    reopened = SqliteReader.open(path)
    if reopened is None:
        return
    with pytest.raises(LibraryCorruptError):
        reopened.items.get([1, 2])
    reopened.close()
