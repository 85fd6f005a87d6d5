"""What a small model was taught: slips are read as its words, and what it was not taught is left out."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vasari.retrieval.builtin_data import builtin_data
from vasari.retrieval.domain import Correction, SearchRequest, Term, TermKind
from vasari.retrieval.evaluation.queries import TypedQuery
from vasari.retrieval.library.lexicons import lexicon_of
from vasari.retrieval.search.lexicon import LEXICON, Lexicon, Reading
from vasari.retrieval.search.understood import heard, understood
from vasari.retrieval.search.vocabulary import NoVocabulary
from vasari.training.scenes.queries import Form, typed, typing_error
from vasari.training.scenes.sampling import sample_scene
from vasari.training.scenes.scene import Language, Split


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    """That of the built-in model of drawings."""
    return Lexicon.read(builtin_data("models") / "scenes" / LEXICON)


def read(lexicon: Lexicon, text: str) -> Reading:
    """As a library without words reads it."""
    return lexicon.reading(text, lambda _word: False)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("dgo", "dog"),
        ("DGO", "dog"),
        ("umbrela", "umbrella"),
        ("lighthuose at nigth", "lighthouse at night"),
        ("un chein dans la neige", "un chien dans la neige"),
        ("ein Hnud im Schnee", "ein hund im Schnee"),
        ("peroo negro", "perro negro"),
        ("cerf-volant juane", "cerf-volant jaune"),
        ("red bycicle", "red bicycle"),
        ("kastle", "castle"),
    ],
)
def test_a_slip_is_read_as_the_word_that_it_is_near_to(lexicon: Lexicon, text: str, meant: str) -> None:
    """Swapped, doubled, missing and wrong letters, in four languages; the rest stays as it was typed."""
    found = read(lexicon, text)
    assert found.text == found.given == meant
    assert found.slips
    assert not found.unknown


@pytest.mark.parametrize("text", ["goat", "dig", "sheet", "pizza", "Bali", "Kaffee", "byrd", "sh", "x"])
def test_real_words_and_short_ones_are_no_slips(lexicon: Lexicon, text: str) -> None:
    """A goat is no boat."""
    assert read(lexicon, text) == Reading(text, "", (), (text,) if len(text) > 1 else ())


@pytest.mark.parametrize(
    ("text", "given_"),
    [
        ("beautiful sunset", "sunset"),
        ("a fluffy red dog", "red dog"),
        ("show me pictures of the dogs", "dogs"),
        ("picture of a boat", "boat"),
        ("a cat on a skateboard in the snow", "a cat in the snow"),
        ("sunset over majestic mountains", "sunset over mountains"),
        ("zeig mir Bilder von Katzen", "Katzen"),
        ("a dog, a cat, and a tiger", "a dog, a cat"),
        ("犬の写真", "犬"),
        ("给我看狗", "狗"),
        ("tiger in a cage", ""),
        ("1234", ""),
        ("the the the", ""),
    ],
)
def test_models_are_given_what_they_were_taught(lexicon: Lexicon, text: str, given_: str) -> None:
    """Other words are left out, and with them what held them in the sentence; what people read stays."""
    found = read(lexicon, text)
    assert found.given == given_
    assert found.text == text


@pytest.mark.parametrize(
    ("text", "given_"),
    [
        ("montana", "montaña"),
        ("Kuehe", "kühe"),
        ("beaches", "beach"),
        ("hill", "hills"),
        ("Stadtpark", "stadt park"),
    ],
)
def test_accents_numbers_and_compounds_are_no_slips(lexicon: Lexicon, text: str, given_: str) -> None:
    """They are given as the model knows them, and there is nothing to tell."""
    assert read(lexicon, text) == Reading(text, given_)


def test_what_is_said_here_stays(lexicon: Lexicon) -> None:
    """A word of the library's own, or one that a person took back, is no slip."""
    assert lexicon.reading("dgo", lambda word: word == "dgo") == Reading("dgo", "", (), ("dgo",))


def test_context_decides_between_languages(lexicon: Lexicon) -> None:
    """What is near to words of two languages is read as one of the language beside it."""
    assert read(lexicon, "schwarze Tirre").text == "schwarze tiere"
    assert read(lexicon, "Tirre negra").text == "torre negra"


def test_most_typing_errors_of_the_test_set_are_put_right(lexicon: Lexicon) -> None:
    """Nine in ten, of queries about other scenes than it was made from."""
    rng, right, asked = Random(3), 0, 0
    for seed in range(200):
        scene = sample_scene(seed, Split.HELDOUT)
        language = rng.choice((Language.ENGLISH, Language.SPANISH, Language.GERMAN, Language.FRENCH))
        query = typed(scene, language, Form.WORD, rng)
        slip = typing_error(query.text, rng) if query else ""
        if query and slip != query.text:
            asked += 1
            right += read(lexicon, slip).given.lower() == query.text.lower()
    assert asked > 100
    assert right / asked > 0.85


@given(st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    """Without slips it stays as it is, and reading what was put right changes nothing more."""
    lexicon = Lexicon({"en": ["dog", "boat", "snow"]}, ["a", "the", "in"], ["goat"])
    found = read(lexicon, text)
    assert found.slips or found.text == text
    assert not read(lexicon, found.text).slips


def test_whoever_weighs_or_subtracts_a_word_means_it(lexicon: Lexicon) -> None:
    """Only terms of weight 1 are read; what was put right and what was left out are told."""
    terms = [
        Term(TermKind.TEXT, text="cute dgo"),
        Term(TermKind.TEXT, -1.0, text="snwo"),
        Term(TermKind.ITEM, item=3),
    ]
    found, corrections, notes = heard(terms, lexicon, lambda _word: False)
    assert found == (Term(TermKind.TEXT, text="cute dog", given="dog"), *terms[1:])
    assert corrections == (Correction("dgo", "dog"),)
    assert str(corrections[0]) == "“dgo” is read as “dog”"
    assert notes == ("the model was not taught “cute”",)


@pytest.mark.parametrize(("text", "notes"), [("May 2018", 0), ("pangolins in May 2018", 1)])
def test_what_was_understood_need_not_be_taught(lexicon: Lexicon, text: str, notes: int) -> None:
    """Where all became a filter, the model need not know the words, nor are pictures judged by them."""
    asked = SearchRequest((Term(TermKind.TEXT, text=text),), relevance=True, min_relevance=0.8)
    found = understood(asked, date(2026, 11, 29), NoVocabulary(), lambda _filter: True, lexicon)
    assert found.request.filter == "taken = 2018-05"
    assert len(found.notes) == notes
    assert found.request.relevance is bool(notes)
    assert found.request.min_relevance == (0.8 if notes else None)


def test_a_file_gives_what_it_was_made_of(tmp_path: Path) -> None:
    """Lines are languages, function words and real words; others begin with #."""
    (tmp_path / LEXICON).write_text("# words\nen dog boat\nfunction a\nreal goat\n", "utf-8")
    lexicon = Lexicon.read(tmp_path / LEXICON)
    assert read(lexicon, "a dgo").given == "a dog"
    assert read(lexicon, "a goat").given == ""


def test_a_model_tells_its_lexicon_by_its_folder() -> None:
    """Large models have none, nor has what cannot be found."""
    assert lexicon_of("scenes") is lexicon_of("scenes")
    assert lexicon_of("scenes") is not None
    assert lexicon_of("fast") is None
    assert lexicon_of("no/such model") is None


def test_the_evaluation_reads_typed_queries_as_searches_do(lexicon: Lexicon) -> None:
    """A query of which nothing is known is asked as it was typed."""
    asked = [TypedQuery(text, ()).read_by(lexicon).text for text in ("cute dgo", "tiger")]
    assert asked == ["dog", "tiger"]
