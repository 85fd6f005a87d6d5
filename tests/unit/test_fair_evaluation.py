"""Whether fair ranking helps is told by queries that it was not chosen by; and a library's own answers are found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.service.colours import SPACE, ColourLibrary, picture
from tests.unit.catalogs import add
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.domain import (
    Caption,
    CaptionSource,
    FairMethod,
    Modality,
    UnitVectors,
    unit_vectors,
)
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.fair_ranking import CANDIDATES, FOLDS, Asked, measure
from vasari.retrieval.library.fair_ranking import Bank, gate_of, tried, usual_bank
from vasari.retrieval.library.known_answers import fold_of, known_answers
from vasari.retrieval.search.fairness import LEAST_BANK
from vasari.retrieval.vectors.hubs import hubness

DIM = 32


def drawn(hubs: int, seed: int = 0) -> tuple[UnitVectors, Asked, UnitVectors]:
    """Pictures with a text each, of which some are hubs besides: near to the middle of all texts."""
    random = np.random.default_rng(seed)
    texts = random.normal(size=(200, DIM)) + 0.5
    pictures = texts + 1.2 * random.normal(size=texts.shape)
    pictures[:hubs] = texts.mean(axis=0) + 0.4 * random.normal(size=(hubs, DIM))
    bank = unit_vectors(random.normal(size=(LEAST_BANK, DIM)) + 0.5)
    places = np.arange(200)
    asked = Asked(unit_vectors(texts), [[place] for place in places.tolist()], places % FOLDS, places)
    return unit_vectors(pictures), asked, bank


def test_hubs_are_found_and_taking_them_down_helps() -> None:
    """With ten hubs among 200 pictures every figure rises, held out as well, and the skewness falls."""
    pictures, asked, bank = drawn(10)
    verdict = measure(pictures, {"captions": asked}, bank)
    effect = verdict.effects["captions"]
    assert verdict.helps
    assert verdict.chosen is not None
    assert all(effect.after[name] > effect.before[name] for name in ("nDCG@10", "R@1", "P@10"))
    assert 0 < effect.low <= effect.difference <= effect.high
    assert verdict.skewness[1] < verdict.skewness[0]
    if verdict.chosen.method is FairMethod.NNN:
        share = (hubness(pictures, bank) > verdict.gate).mean()
        assert share == pytest.approx(verdict.chosen.hubs, abs=0.01)


def test_nothing_is_said_to_help_where_answers_are_chance() -> None:
    """Right answers drawn by lot: whatever was chosen on four folds, the fifth does not bear it out."""
    pictures, asked, bank = drawn(0, seed=3)
    lot = np.random.default_rng(8).permutation(200)
    verdict = measure(
        pictures,
        {"captions": Asked(asked.vectors, [[place] for place in lot.tolist()], asked.folds, lot)},
        bank,
    )
    assert not verdict.helps


def test_what_harms_one_kind_of_query_is_not_chosen() -> None:
    """Queries that all want hubs lose by every candidate that takes them down, so none is taken."""
    pictures, asked, bank = drawn(10)
    wanted = unit_vectors(np.random.default_rng(1).normal(size=(60, DIM)) + 0.5)
    want_hubs = Asked(wanted, [list(range(10))] * 60, np.arange(60) % FOLDS, np.arange(60))
    verdict = measure(pictures, {"captions": asked, "words": want_hubs}, bank)
    for effect in verdict.effects.values():
        assert effect.after["nDCG@10"] >= effect.before["nDCG@10"]


def test_captions_of_a_fold_do_not_rank_its_queries() -> None:
    """With the queries' own captions as bank the figures differ from those that leave them out, fold by fold."""
    pictures, asked, bank = drawn(10)
    own = UnitVectors(np.concatenate([asked.vectors, bank]))
    folds = np.concatenate([asked.folds, np.full(len(bank), -1)])
    left_out = measure(pictures, {"captions": asked}, own, folds)
    kept = measure(pictures, {"captions": asked}, own)
    assert left_out.effects["captions"].before == kept.effects["captions"].before
    assert left_out.effects["captions"].after != kept.effects["captions"].after


@pytest.fixture
def library(tmp_path: Path) -> Iterator[ColourLibrary]:
    """120 pictures of as many colours; of all but the last two people say something, of these a model does."""
    with ColourLibrary.open(tmp_path / "library", create=True) as opened:
        random = np.random.default_rng(0)
        colours = random.integers(0, 256, (120, 3)).tolist()
        ids = opened.add(*(picture((red, green, blue), 8) for red, green, blue in colours))
        kinds = ("boat", "house", "tree", "été", "dog", "hat")
        sources = [CaptionSource.USER] * 118 + [CaptionSource.MODEL] * 2
        said = [Caption(f"a {kinds[n % 6]} number {n}", source=sources[n]) for n in range(120)]
        opened.catalog.annotations.add_captions(dict(zip(ids, ([one] for one in said), strict=True)))
        yield opened


def test_a_librarys_captions_and_judgments_are_its_known_answers(library: ColourLibrary) -> None:
    """Captions with their picture, and judged queries in words alone, without a filter, once there are twenty."""
    judge = library.catalog.judgments.judge
    for number in range(20):
        judge(f"query {number}", {1 + number: 2, 50: 0, 60 + number: 1}, "me")
    judge("wrong", {1: 0}, "me")
    judge("narrowed", {1: 1}, "me", filter="width > 1")
    known = known_answers(library, SPACE)
    assert known.pictures.tolist() == list(range(1, 119))
    assert not known.by_model
    captions, judged = known.asked["captions"], known.asked["judged queries"]
    assert captions.answers == [[place] for place in range(118)]
    np.testing.assert_allclose(
        captions.vectors, library.embed_texts(_captions(library, range(1, 119)), SPACE), atol=1e-6
    )
    assert (captions.folds == fold_of(captions.groups)).all()
    assert {tuple(answers) for answers in judged.answers} == {(n, 59 + n) for n in range(20)}
    # Of six words that are said of more than five pictures nothing can be told.
    assert "words" not in known.asked


def _captions(library: ColourLibrary, ids: range) -> list[str]:
    found = library.items(list(ids))
    return [found[item].captions[0].text for item in ids]


def test_a_models_captions_count_where_there_are_no_others(library: ColourLibrary) -> None:
    """With fewer than a hundred of people's, all captions do; with none, the library is told what is missing."""
    for item in range(1, 21):
        library.catalog.annotations.set_captions(item, [], CaptionSource.USER)
    model = {item: [Caption("by a model", source=CaptionSource.MODEL)] for item in range(1, 21)}
    library.catalog.annotations.add_captions(model)
    known = known_answers(library, SPACE)
    assert known.by_model
    assert len(known.asked["captions"].answers) == 120
    library.remove(*range(1, 40))
    with pytest.raises(UsageError, match=r"81 pictures have a caption \(100 are needed\), 0 judged"):
        known_answers(library, SPACE)


def test_the_usual_bank_is_phrases_until_there_are_captions_enough(library: ColourLibrary) -> None:
    """English ones, or those of languages that are named; captions from 2,500 on, with what they are about."""
    assert usual_bank(library, SPACE).source == "everyday phrases (English)"
    assert len(usual_bank(library, SPACE, ["de", "ja", "de"]).texts) == 4240
    said = {item: [Caption(f"{item} {n}") for n in range(25)] for item in range(1, 121)}
    library.catalog.annotations.add_captions(said)
    bank = usual_bank(library, SPACE)
    assert bank.source == "captions of the library"
    assert len(bank.texts) == len(set(bank.texts)) == 3120  # and those there were
    assert bank.folds is not None
    assert set(bank.folds.tolist()) == set(range(FOLDS))
    asked = [{"at": "2026-01-01T00:00:00+00:00", "query": f"red {n}", "filter": None} for n in range(4)]
    library.catalog.judgments.judge("red 3", {1: 1}, "me")
    lines = [json.dumps({**one, "hits": 1, "relevance": None}) for one in [*asked, asked[0]]]
    (library.root / "queries.jsonl").write_text("\n".join(lines))
    bank = usual_bank(library, SPACE)
    assert bank.source == "captions and past queries of the library"
    assert bank.folds is not None
    of_none = np.flatnonzero(bank.folds == -1)
    assert [bank.texts[place] for place in of_none.tolist()] == ["red 0", "red 1", "red 2"]
    assert "French" in usual_bank(library, SPACE, ["fr"]).source


def test_a_library_is_measured_by_what_it_knows(library: ColourLibrary) -> None:
    """The pictures and captions of the library come to the measurement as they are."""
    known = known_answers(library, SPACE)
    vectors = unit_vectors(np.random.default_rng(0).normal(size=(LEAST_BANK, SPACE.dim)))
    verdict = tried(library, SPACE, known, Bank(["x"] * LEAST_BANK, "a test"), vectors)
    assert verdict.pictures == 118
    assert verdict.effects["captions"].queries == 118
    assert verdict.chosen is None or verdict.chosen in CANDIDATES
    with pytest.raises(UsageError, match="at least 2,000"):
        tried(library, SPACE, known, Bank([], "a test"), UnitVectors(vectors[:10]))


def test_a_gate_is_told_from_the_pictures_there_are(library: ColourLibrary, tmp_path: Path) -> None:
    """So many of them lie above it; without any there is none."""
    bank = unit_vectors(np.random.default_rng(0).normal(size=(LEAST_BANK, SPACE.dim)))
    gallery = library.gallery(Modality.IMAGE, SPACE)
    hubs = hubness(gallery.vectors_of(gallery.ids()), bank)
    assert (hubs > gate_of(library, SPACE, bank, 0.1)).sum() == 12
    with ColourLibrary.open(tmp_path / "empty", create=True) as empty:
        empty.use_model("colours")
        with pytest.raises(UsageError, match="vasari index"):
            gate_of(empty, SPACE, bank, 0.1)


def test_captioned_pictures_are_told_by_who_wrote(catalog: Catalog) -> None:
    """Live pictures alone, each once, in PostgreSQL as in SQLite."""
    first, second, third, gone = add(catalog, "/1.jpg", "/2.jpg", "/3.jpg", "/4.jpg")
    by_model = Caption("a boat", source=CaptionSource.MODEL)
    both = [Caption("a red boat"), Caption("une barque", "fr"), by_model]
    catalog.annotations.add_captions({first: both, second: [by_model], gone: both})
    catalog.items.delete([gone])
    captioned = catalog.annotations.captioned
    assert captioned(Modality.IMAGE, tuple(CaptionSource)) == [first, second]
    assert captioned(Modality.IMAGE, [CaptionSource.USER, CaptionSource.FILE]) == [first]
    assert captioned(Modality.TEXT, tuple(CaptionSource)) == captioned(Modality.IMAGE, []) == []
    assert third not in captioned(Modality.IMAGE, tuple(CaptionSource))
