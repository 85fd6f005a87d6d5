"""Hybrid search: what is said of items raises their cosines, and by how much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vasari.retrieval.catalog.analyzer import Part, Phrase, Sought, asked_in_a_row, asked_words
from vasari.retrieval.domain import ItemId
from vasari.retrieval.search.hybrid import (
    MOST_FOUND,
    Fusion,
    WordQuery,
    found_by_words,
    raised,
    required,
    vector_part,
)
from vasari.retrieval.search.relevance import Null
from vasari.retrieval.vectors.index import Ids

NULL = Null(0.2, 0.03)
CLEAR = NULL.mean + 5 * NULL.deviation  # a cosine that no unrelated query comes near


class Said:
    """Full text in memory: the items that each word is said of; asked for postings, it notes the word."""

    def __init__(self, **words: Sequence[ItemId]) -> None:
        self.words = words
        self.listed: list[str] = []

    def counts(self, phrases: Sequence[Sought]) -> NDArray[np.int64]:
        return np.array([len(self.words.get(str(phrase), ())) for phrase in phrases], np.int64)

    def postings(self, phrase: Sought) -> Ids:
        self.listed.append(str(phrase))
        return np.array(self.words.get(str(phrase), ()), np.int64)

    def held(self, ids: Sequence[ItemId], phrases: Sequence[Sought]) -> NDArray[np.float32]:
        return np.array([[i in self.words.get(str(p), ()) for p in phrases] for i in ids], np.float32)


def evidence(query: str, said: Said, items: int, held: Sequence[float]) -> float:
    """The words part of one item."""
    words = WordQuery.of(asked_words(query), said, items)
    return float(words.evidence(np.array([held], np.float32))[0])


def test_common_words_bring_one_deviation_at_most() -> None:
    """All of them one, a part of them much less, and unknown words take away from it."""
    said = Said(red=range(400), boat=range(200))
    assert evidence("red boat", said, 1000, [1, 1]) == pytest.approx(1)
    assert evidence("red boat", said, 1000, [0, 0]) == 0
    assert evidence("red boat", said, 1000, [1, 0]) < 0.25 < evidence("red boat", said, 1000, [0, 1]) < 0.6
    assert evidence("red boat", said, 1000, [1, 0.5]) < 1
    assert evidence("bateau orange", Said(orange=range(300)), 1000, [0, 1]) < 0.05
    rare, alone = Said(parasol=range(3)), "parasol"
    assert evidence("un parasol sur une plage", rare, 1000, [1, 0]) < 0.6 * evidence(alone, rare, 1000, [1])


def test_rare_words_bring_more_the_rarer_they_are() -> None:
    """A name on 2 of 1,000 pictures more than one on 8, one on 80 no more than any word."""
    brought = [evidence("anna", Said(anna=range(count)), 1000, [1]) for count in (1, 2, 8, 10, 80)]
    assert brought == sorted(brought, reverse=True)
    assert brought[0] > 3
    assert brought[-2:] == pytest.approx([1, 1])


def test_a_number_brings_more_than_a_word() -> None:
    """No vector knows 2041, while "2 dogs" is something one can see."""
    assert evidence("2041", Said(**{"2041": range(50)}), 1000, [1]) > 3
    assert evidence("2", Said(**{"2": range(50)}), 1000, [1]) == pytest.approx(1)


def test_unknown_words_are_looked_for_in_pictures() -> None:
    """As a part of what was read there; a known word is not, nor one of three letters."""
    said = Said(**{"…arke…": [7], "…treet…": [7], "tree": [1], "…ark…": [7]})
    (word,) = WordQuery.of(asked_words("ARKE"), said, 1000).asked
    assert word.phrase == Part("arke")
    assert evidence("ARKE", said, 1000, [1]) == pytest.approx(1.5)
    assert [str(each.phrase) for each in WordQuery.of(asked_words("tree"), said, 1000).asked] == ["tree"]
    assert [str(each.phrase) for each in WordQuery.of(asked_words("ark"), said, 1000).asked] == ["ark"]
    unknown = WordQuery.of(asked_words("nothing"), said, 1000)
    assert (str(unknown.asked[0].phrase), unknown.known) == ("nothing", [])


def test_numbers_are_looked_for_in_words_and_in_pictures() -> None:
    """RE16 is said of one item, and stands in the plate of another."""
    said = Said(**{"re16": [1], "…rel6…": [7]})
    words = WordQuery.of(asked_words("RE16"), said, 1000)
    assert found_by_words(words, said, np.arange(10), None).tolist() == [1, 7]
    assert evidence("RE16", said, 1000, [0, 1]) > 3


def test_a_query_is_looked_for_in_a_row() -> None:
    """Where the space between two words was not read, they are found all the same."""
    row = asked_in_a_row("no entry")
    assert row is not None
    assert row.phrase == Part("noentry")
    assert asked_in_a_row("entry") is None
    assert asked_in_a_row("a b c") is None


def test_quoted_letters_may_be_a_part_of_what_was_read() -> None:
    """In words that people write, whole words are asked for."""
    said = Said(arke=[2, 3], **{"…arke…": [5, 7]})
    assert required([Phrase(("arke",))], said, np.arange(7), None).tolist() == [2, 3, 5]


def test_pairs_of_letters_are_not_rare_but_a_whole_run_is() -> None:
    """Two neighbouring letters may be shared by chance; all of them are the word."""
    said = Said(小红=[1, 2], 红船=[1], 小红船=[1])
    by_chance, whole = (evidence("小红船", said, 1000, held) for held in ([1, 0, 0], [1, 1, 1]))
    assert by_chance < 0.5
    assert whole > 2


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 8)), min_size=1, max_size=30),
    st.floats(-0.5, 0.5),
    st.floats(0.01, 0.3),
)
def test_a_raised_cosine_is_the_sum_of_both_parts(
    items: list[tuple[float, float]], mean: float, deviation: float
) -> None:
    """Its vector part is vector and words together; words never lower one, and without them nothing changes."""
    null = Null(mean, deviation)
    cosines, brought = (np.array(values) for values in zip(*items, strict=True))
    found = raised(cosines, brought, null)
    assert (found[brought == 0] == cosines[brought == 0]).all()
    assert (found >= cosines - 1e-6).all()
    told = brought > 1e-3
    np.testing.assert_allclose(
        vector_part(found, null)[told], (vector_part(cosines, null) + brought)[told], rtol=1e-6, atol=1e-9
    )


def test_words_decide_where_vectors_tell_nothing() -> None:
    """Below what unrelated queries reach, differences between cosines are noise; far above they count in full."""
    low, high = raised(np.array([0.05, 0.05 + NULL.deviation]), np.array([0.5, 0.0]), NULL)
    assert low > high
    low, high = raised(np.array([CLEAR, CLEAR + NULL.deviation]), np.array([0.5, 0.0]), NULL)
    assert low < high


def test_fusion_tells_what_it_made() -> None:
    """Scores, cosines as they were, and the shares of items it has seen."""
    words = WordQuery.of(asked_words("red zeppelin"), Said(red=range(50), zeppelin=[7]), 100)
    fusion = Fusion(words, NULL, [7, 9], np.array([0.1, CLEAR]), np.array([[1, 1], [0, 0]], np.float32))
    assert fusion.scores[7] > 0.1
    assert (fusion.cosine(7), fusion.cosine(8)) == (0.1, None)
    share, other = fusion.share(7), fusion.share(9)
    assert share is not None
    assert other is not None
    assert share.matched == ("red", "zeppelin")
    assert share.words == pytest.approx(1)
    assert (other.matched, other.words) == ((), 0)
    assert other.vector == pytest.approx(5, abs=0.01)
    assert fusion.share(8) is None


ALL = np.arange(100_000)


def listed(
    said: Said, query: str, ids: Ids = ALL, allowed: Ids | None = None
) -> tuple[list[ItemId], list[str]]:
    """What words find, and which of them were listed for it."""
    found = found_by_words(WordQuery.of(asked_words(query), said, len(ids)), said, ids, allowed)
    return found.tolist(), said.listed


def test_the_rarest_words_are_listed_as_long_as_few_hold_them() -> None:
    """A common word beside a rare one is not listed: who holds both is found by the rare one."""
    said = Said(rare=[5, 900], scarce=range(10, 20), common=range(30_000))
    assert listed(said, "common rare scarce") == ([5, *range(10, 20), 900], ["rare", "scarce"])


def test_a_word_of_many_is_listed_alone_and_a_common_one_never() -> None:
    """A name on thousands of pictures leads to them; what every twentieth picture has the nearest have, too."""
    many = range(MOST_FOUND + 1)
    assert listed(Said(anna=many, red=range(50_000)), "red anna") == ([*many], ["anna"])
    assert listed(Said(red=range(50_000)), "red") == ([], [])


def test_only_what_may_be_found_is_listed() -> None:
    """Items without a vector here, and those that a filter leaves out, are not."""
    said = Said(boat=[1, 2, 3, 4, 5])
    assert listed(said, "boat", np.array([2, 3, 4, 99]), np.array([3, 4, 5])) == ([3, 4], ["boat"])


def test_required_phrases_narrow() -> None:
    """Every one of them, among what the filter accepts and what has a vector."""
    said = Said(red=[1, 2, 3, 9], boat=[2, 3, 4, 9])
    phrases = [Phrase(("red",)), Phrase(("boat",))]
    ids = np.array([1, 2, 3, 4])
    assert required(phrases, said, ids, None).tolist() == [2, 3]
    assert required(phrases, said, ids, np.array([3, 4, 9])).tolist() == [3]
    assert required([Phrase(("nobody",))], said, ids, None).tolist() == []
