"""Fair ranking in searches: hubs come later by what their numbers say, whatever happens to the library meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.service.colours import COLOURS, SPACE, ColourLibrary, picture
from tests.unit.catalogs import OTHER
from vasari.api.cli.render import status_lines
from vasari.api.contract.library import status_fields
from vasari.api.contract.search import read_response, response_fields
from vasari.indexer.backups.backup import back_up
from vasari.indexer.backups.restore import restore
from vasari.indexer.backups.store import Store
from vasari.indexer.build import rebuild
from vasari.indexer.doctor import examine
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.domain import (
    FairMethod,
    FairRanking,
    FairTrial,
    Modality,
    SearchRequest,
    SearchResponse,
    Term,
    TermKind,
    UnitVectors,
    unit_vectors,
)
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.judgments import JudgedSearch
from vasari.retrieval.evaluation.variants import parse_variant
from vasari.retrieval.library.comparing import answers
from vasari.retrieval.library.fair_ranking import Bank, switch_off, switch_on
from vasari.retrieval.search.fairness import LEAST_BANK
from vasari.retrieval.vectors.hubs import hubness
from vasari.retrieval.vectors.segments import Segment

GATE = 0.4


@pytest.fixture
def library(tmp_path: Path) -> Iterator[ColourLibrary]:
    with ColourLibrary.open(tmp_path / "library", create=True) as opened:
        opened.add(*(picture(colour) for colour in COLOURS))
        yield opened


@pytest.fixture
def bank(library: ColourLibrary) -> UnitVectors:
    """Texts that all lie about yellow, orange and green: pictures of these are hubs."""
    centre = library.embed_texts(["yellow orange green"], SPACE)
    noise = 0.1 * np.random.default_rng(0).normal(size=(LEAST_BANK, SPACE.dim))
    return unit_vectors(centre + noise)


def nnn(library: ColourLibrary, bank: UnitVectors) -> FairRanking:
    return switch_on(library, SPACE, bank, method=FairMethod.NNN, weight=0.9, gate=GATE, source="a test")


def asked(library: ColourLibrary, words: str, **options: object) -> SearchResponse:
    term = Term(TermKind.TEXT, text=words)
    return library.search(SearchRequest((term,), limit=50, **options))  # type: ignore[arg-type]


def rows(library: ColourLibrary) -> dict[int, NDArray[np.float32]]:
    """The stored row of each item, from the files that the catalog names."""
    directory, name = library.segments_directory(SPACE, Modality.IMAGE), SPACE.name
    return {
        item: Segment.open(directory, segment).vectors[row].astype(np.float32)
        for segment, row, item in library.catalog.segments.live_rows(name, Modality.IMAGE)
    }


def assert_by_definition(library: ColourLibrary, words: str, bank: UnitVectors) -> None:
    """All items are found, by cosine less what is taken off hubs; items that are alike in any order."""
    stored, query = rows(library), library.embed_texts([words], SPACE)[0]
    texts = bank.astype(np.float16).astype(np.float32)
    scores = {
        item: row @ query - 0.9 * max(float(hubness(row[None], texts)[0]) - GATE, 0)
        for item, row in stored.items()
    }
    ids = found(asked(library, words))
    assert sorted(ids) == sorted(stored)
    assert (np.diff([scores[item] for item in ids]) < 1e-6).all()


def found(response: SearchResponse) -> list[int]:
    return [hit.item.id for hit in response.hits]


def test_hubs_come_later_and_cosines_stay_as_they_are(library: ColourLibrary, bank: UnitVectors) -> None:
    """The order changes; what is told as score is still the cosine, and `explain` says what was taken off."""
    plain = asked(library, "yellow red")
    cosines = {hit.item.id: hit.score for hit in plain.hits}
    nnn(library, bank)
    fair = asked(library, "yellow red", explain=True, relevance=True)
    assert found(fair) != found(plain)
    assert_by_definition(library, "yellow red", bank)
    assert {hit.item.id: hit.score for hit in fair.hits} == pytest.approx(cosines, abs=1e-6)
    assert fair.explain is not None
    assert fair.explain.strategy == "exact, ranked fairly by nnn"
    off = {share.item: share.hub for share in fair.explain.shares}
    order = sorted(off, key=lambda item: -(cosines[item] - off[item]))
    assert order == found(fair)
    assert 0 in off.values()
    assert max(off.values()) > 0.1
    assert read_response(response_fields(fair)).explain is not None


def test_what_is_tried_ranks_as_if_it_were_switched_on(library: ColourLibrary, bank: UnitVectors) -> None:
    """Order, shares and relevance are those of the space's own ranking, which stays as it was, and so do the files."""
    texts = UnitVectors(bank.astype(np.float16).astype(np.float32))
    trial = FairTrial(FairRanking(FairMethod.NNN, 0.9, "", len(texts), "a test", GATE), texts)
    term = Term(TermKind.TEXT, text="yellow red")
    request = SearchRequest((term,), limit=50, explain=True, relevance=True)
    library.search(request)
    before = sorted(library.root.rglob("*.npy"))
    tried = library.searched(request, fair=trial)
    assert sorted(library.root.rglob("*.npy")) == before
    assert library.catalog.spaces.fair_ranking(SPACE.name) is None
    nnn(library, bank)
    own, by_cosine = library.search(request), library.searched(request, fair=False)
    assert tried.hits == own.hits
    assert tried.explain is not None
    assert own.explain is not None
    assert tried.explain.shares == own.explain.shares
    assert found(by_cosine) != found(own)


def test_variants_try_fair_ranking_in_any_space(library: ColourLibrary, bank: UnitVectors) -> None:
    """By everyday phrases where the space has no bank, else by its own; as it ranks where nothing else is wished."""
    term = Term(TermKind.TEXT, text="yellow red")
    judged = JudgedSearch("1", "yellow red", SearchRequest((term,), limit=50), {1: 1})

    def ids(setting: str) -> list[int]:
        ((answer,),) = answers(library, [judged], [parse_variant(setting)])
        return [item for item, _ in answer]

    plain = found(asked(library, "yellow red"))
    assert ids("fair=off") == ids("default") == plain
    assert ids("fair=dn, fair_weight=2") != plain
    nnn(library, bank)
    fair = found(asked(library, "yellow red"))
    assert fair != plain
    assert ids("default") == ids("fair") == ids("fair=nnn") == ids("fair, fair_weight=0.9") == fair
    assert ids("fair=off") == ids("fair, fair_weight=0.01") == plain


def test_a_bank_is_told_of_without_what_was_said_of_some_items() -> None:
    """Past queries, said of none, stay."""
    bank = Bank(["a", "b", "c"], "a test", np.array([1, -1, 2]))
    assert bank.without(np.array([1])).texts == ["b", "c"]
    assert Bank(["a"], "a test").without(np.array([1])).texts == ["a"]


def test_only_words_for_pictures_are_ranked_fairly(library: ColourLibrary, bank: UnitVectors) -> None:
    """A picture as a query, alone or with words, finds what it found; so do words that look for texts."""
    image = Term(TermKind.IMAGE, image=picture("yellow"))
    both = (image, Term(TermKind.TEXT, text="red"))
    before = [found(library.search(SearchRequest(terms, limit=50))) for terms in ((image,), both)]
    nnn(library, bank)
    assert [found(library.search(SearchRequest(terms, limit=50))) for terms in ((image,), both)] == before
    texts = asked(library, "red", modality=Modality.TEXT, explain=True)
    assert texts.explain is not None
    assert "fairly" not in texts.explain.strategy


def test_distribution_normalization_ranks_as_the_whole_formula(
    library: ColourLibrary, bank: UnitVectors
) -> None:
    """(φ - λμ)·ψ, by a shift of the query alone; scores are told as cosines."""
    cosines = {hit.item.id: hit.score for hit in asked(library, "yellow red").hits}
    switch_on(library, SPACE, bank, method=FairMethod.DN, weight=0.5, source="a test")
    mean = bank.astype(np.float16).astype(np.float32).mean(axis=0)
    shifted = library.embed_texts(["yellow red"], SPACE)[0] - 0.5 * mean
    stored = rows(library)
    fair = asked(library, "yellow red", explain=True)
    assert found(fair) == sorted(stored, key=lambda item: -stored[item] @ shifted)
    assert {hit.item.id: hit.score for hit in fair.hits} == pytest.approx(cosines, abs=1e-6)
    assert fair.explain is not None
    off = [share.hub for share in fair.explain.shares]
    assert off == pytest.approx([0.5 * stored[item] @ mean for item in found(fair)], abs=1e-6)


def test_numbers_stay_in_step_with_the_library(library: ColourLibrary, bank: UnitVectors) -> None:
    """Added, changed, deleted, compacted, rebuilt, off and on again: the order is that of its definition."""

    def check() -> None:
        for words in ("yellow red", "green blue", "white orange"):
            assert_by_definition(library, words, bank)

    nnn(library, bank)
    check()
    assert examine(library) == []
    more = [library.add(picture(colour, size)) for size in range(9, 13) for colour in ("yellow", "red")]
    check()
    library.remove(*more[0], *more[3])
    check()
    rebuild(library)  # which compacts
    check()
    library.add(picture("orange", 20))
    check()
    directory = library.segments_directory(SPACE, Modality.IMAGE)
    numbers = {segment.number for segment in library.catalog.segments.all(SPACE.name, Modality.IMAGE)}
    assert {int(path.name[:8]) for path in directory.glob("*.hubs-*")} == numbers
    assert examine(library) == []
    switch_off(library, SPACE)
    assert not [*directory.glob("*hubs*"), *directory.glob("bank-*")]
    library.add(picture("green", 21))
    nnn(library, bank)
    check()


def test_a_small_bank_changes_nothing(library: ColourLibrary, bank: UnitVectors) -> None:
    """Under 2,000 texts no hub can be told from chance."""
    with pytest.raises(UsageError, match="at least 2,000"):
        nnn(library, UnitVectors(bank[:1999]))
    assert library.catalog.spaces.fair_ranking(SPACE.name) is None
    assert not list(library.segments_directory(SPACE, Modality.IMAGE).glob("bank-*"))


def test_lost_files_are_said_and_mended(library: ColourLibrary, bank: UnitVectors) -> None:
    """Without numbers they are made from the bank; without both the search ranks by cosine, and says so."""
    plain = found(asked(library, "yellow red"))
    fair = nnn(library, bank)
    directory = library.segments_directory(SPACE, Modality.IMAGE)
    (hubs,) = directory.glob("*.hubs-*")
    hubs.unlink()
    with ColourLibrary.open(library.root) as other:
        assert_by_definition(other, "yellow red", bank)
    assert [finding.kind for finding in examine(library)] == ["fair ranking"]
    assert [finding.repaired for finding in examine(library, repair=True)] == [True]
    assert examine(library) == []
    hubs.unlink()
    (directory / f"bank-{fair.bank}.npy").unlink()
    with ColourLibrary.open(library.root) as other:
        answer = asked(other, "yellow red")
    assert found(answer) == plain
    assert any("tune ranking" in note for note in answer.notes)
    assert [finding.repaired for finding in examine(library, repair=True)] == [True]
    assert library.catalog.spaces.fair_ranking(SPACE.name) is None
    assert examine(library) == []


def test_each_space_has_its_own(library: ColourLibrary, bank: UnitVectors) -> None:
    """Another space ranks by cosine; dropping the space drops what it ranked by."""
    library.catalog.spaces.ensure(OTHER)
    nnn(library, bank)
    assert library.catalog.spaces.fair_ranking(OTHER.name) is None
    lines = list(status_lines({"library": "here", **status_fields(library)}))
    assert "          ranks fairly by nnn, weight 0.9, 2,000 texts: a test" in lines
    library.drop_space(SPACE.name, force=True)
    assert not library.segments_directory(SPACE, Modality.IMAGE).exists()


def test_a_backup_brings_it_along(library: ColourLibrary, bank: UnitVectors, tmp_path: Path) -> None:
    """The restored library ranks as this one, without computing anything anew."""
    nnn(library, bank)
    expected = found(asked(library, "yellow red"))
    store = Store(tmp_path / "backups")
    back_up(library, store)
    restore(store, tmp_path / "restored")
    with ColourLibrary.open(tmp_path / "restored") as restored:
        assert found(asked(restored, "yellow red")) == expected
        assert list(restored.segments_directory(SPACE, Modality.IMAGE).glob("*.hubs-*"))


def test_relevance_compares_like_with_like(library: ColourLibrary, bank: UnitVectors) -> None:
    """Unrelated queries are ranked fairly, too, to tell how good a match is; a switch measures them anew."""
    plain = [hit.relevance for hit in asked(library, "yellow red", relevance=True).hits]
    nnn(library, bank)
    fair = [hit.relevance for hit in asked(library, "yellow red", relevance=True).hits]
    assert all(found is not None for found in fair)
    assert fair == sorted(fair, key=lambda found: -(found or 0))
    switch_off(library, SPACE)
    assert [hit.relevance for hit in asked(library, "yellow red", relevance=True).hits] == plain


def test_both_databases_keep_it(catalog: Catalog) -> None:
    """What was set is read back, in PostgreSQL as in SQLite, and tells searches that something has changed."""
    catalog.spaces.ensure(OTHER)
    before = catalog.revision()
    fair = FairRanking(FairMethod.DN, 0.25, "0a", 2500, "captions of “ours”", -1.0)
    catalog.spaces.set_fair_ranking(OTHER.name, fair)
    assert catalog.revision() > before
    assert catalog.spaces.fair_ranking(OTHER.name) == fair
    assert catalog.segments.gallery_state(OTHER.name, Modality.IMAGE).fair == fair
    assert catalog.segments.gallery_state(OTHER.name, Modality.TEXT).fair is None
    catalog.spaces.set_fair_ranking(OTHER.name, None)
    assert catalog.spaces.fair_ranking(OTHER.name) is None
