"""Parsing queries."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vasari.retrieval.domain import Term, TermKind
from vasari.retrieval.errors import QueryError
from vasari.retrieval.search.query import parse_query, parse_terms, parse_typed, written


def text(words: str, weight: float = 1.0) -> Term:
    return Term(TermKind.TEXT, weight, text=words)


@pytest.mark.parametrize(
    ("words", "terms"),
    [
        (["a red boat"], (text("a red boat"),)),
        (["red", "boat"], (text("red boat"),)),
        (["boat", "-", "people"], (text("boat"), text("people", -1))),
        (["2:cat", "+", "0.5:dog"], (text("cat", 2), text("dog", 0.5))),
        (["cat", "-", "2:a dog"], (text("cat"), text("a dog", -2))),
        (["-", "people"], (text("people", -1),)),
        (["item:42", "+", "snow"], (Term(TermKind.ITEM, item=42), text("snow"))),
        (["3:item:42"], (Term(TermKind.ITEM, 3.0, item=42),)),
        (["t-shirt", "9:16"], (text("t-shirt"), text("16", 9))),
    ],
)
def test_words_become_weighted_terms(words: list[str], terms: tuple[Term, ...]) -> None:
    """`+` adds, `-` subtracts, a number and a colon weigh, neighbours join."""
    assert parse_terms(words) == terms


def test_a_whole_query_in_quotes_is_one_query(tmp_path: Path) -> None:
    """An operator between its spaces is one; in a picture's name, behind a weight or among words it is not."""
    assert (
        parse_typed(["boat - people"]) == parse_typed(["boat", "-", "people"]) == parse_query("boat - people")
    )
    assert parse_typed(["t-shirt"]) == (text("t-shirt"),)
    assert parse_typed(["boat", "+", "a - b"]) == (text("boat"), text("a - b"))
    picture = tmp_path / "a - b.jpg"
    picture.write_bytes(b"any")
    assert parse_typed([str(picture)]) == (Term(TermKind.IMAGE, image=picture),)


def test_a_path_is_a_picture_only_where_files_are_allowed(tmp_path: Path) -> None:
    """The same word is a picture on the command line and plain text over HTTP."""
    picture = tmp_path / "boat.jpg"
    picture.write_bytes(b"any")
    assert parse_terms([str(picture)]) == (Term(TermKind.IMAGE, image=picture),)
    assert parse_terms([str(picture)], files=False) == (text(str(picture)),)


def test_a_path_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """A mistyped path is an error, not a search for its letters, also beside other words."""
    missing = str(tmp_path / "missing.jpg")
    for words in ([missing], ["boat", "./missing.jpg"], ["boat", "+", f"2:{missing}"]):
        with pytest.raises(QueryError, match="no such file"):
            parse_terms(words)
    assert parse_terms(["black", "/", "white"]) == (text("black / white"),)
    with pytest.raises(QueryError, match="is a folder"):
        parse_terms([f"{tmp_path}/."])


@pytest.mark.parametrize("word", ["item:1_3", "item:-1", "item:٣", "2:item:x", "item:99999999999999999999"])
def test_what_only_nearly_names_an_item_is_no_item(word: str) -> None:
    """Python reads 1_3 as 13 and ٣ as 3; nobody means another item, or a text, by it."""
    for files in (True, False):
        with pytest.raises(QueryError, match="names no item"):
            parse_terms(["boat", word], files=files)


def test_a_query_too_long_is_not_sent_back() -> None:
    """A hundred kilobytes are refused in a line."""
    with pytest.raises(QueryError, match="at most 4096 characters") as refusal:
        parse_terms(["/" + "a" * 100_000])
    assert len(f"{refusal.value}{refusal.value.text}") < 200


@pytest.mark.parametrize(
    "words", [[], [""], ["+"], ["cat", "+", "+", "dog"], ["0:cat"], ["cat", "-", "-", "dog"]]
)
def test_what_cannot_be_searched_is_refused(words: list[str]) -> None:
    """Empty queries, operators without terms and weights of zero are errors."""
    with pytest.raises(QueryError):
        parse_terms(words)


@pytest.mark.parametrize("words", [[], [""], [" "], ["+"], ["+", " ", "+"]])
def test_an_empty_query_is_called_empty(words: list[str]) -> None:
    """Nothing but spaces and plus signs: the message says so, and points at nothing."""
    with pytest.raises(QueryError, match="empty query") as refusal:
        parse_terms(words)
    assert refusal.value.column is None


@pytest.mark.parametrize(
    ("query", "column"), [("boat -", 5), ("a red boat + + fog", 11), ("- - boat", 0), ("boat - 2:fog +", 13)]
)
def test_the_operator_without_a_term_is_pointed_at(query: str, column: int) -> None:
    """The caret stands under the operator that lacks a term on its right."""
    with pytest.raises(QueryError) as caught:
        parse_query(query)
    assert caught.value.column == column


def test_too_many_terms_are_refused() -> None:
    """A query has a bounded number of terms."""
    with pytest.raises(QueryError, match="at most 32"):
        parse_query(" + ".join(["cat"] * 33))


@pytest.mark.parametrize(
    "quoted",
    ["“no entry”", "„no entry“", "«no entry»", "« no entry »", "»no entry«", "「no entry」", "『no entry』"],
)
def test_quotes_are_read_as_people_type_them(quoted: str) -> None:
    """Phones and other keyboards write “…”, German „…“, French «…», Japanese 「…」: their words must occur, too."""
    terms = (Term(TermKind.TEXT, 1.0, text="no entry", quoted=True), Term(TermKind.TEXT, 1.0, text="sign"))
    assert parse_query(f"{quoted} sign") == terms
    assert parse_terms([f"{quoted} sign"]) == terms
    assert parse_query(written(parse_query(f'1:"a {quoted} b"'))) == parse_query(f'1:"a {quoted} b"')
    (plain,) = parse_query(f'1:"a {quoted} b"')
    assert (plain.text, plain.quoted) == (f"a {quoted} b", False)
    (weighted,) = parse_query(f"2:{quoted}")
    assert (weighted.text, weighted.quoted) == ("no entry", False)


def test_an_apostrophe_is_no_open_quote() -> None:
    """A search box takes natural text."""
    assert parse_query("the dog's ball") == (text("the dog's ball"),)


@given(
    st.lists(
        st.sampled_from(
            ["+", "-", "2:", "0:", ":", "item:", "item:7", "'", '"', "cat", " ", "-cat", "", "\0"]
        )
    )
)
def test_any_words_parse_or_are_refused(words: list[str]) -> None:
    """Whatever is typed, the answer is terms with some weight, or a QueryError."""
    try:
        terms = parse_terms(words)
    except QueryError:
        return
    assert any(term.weight for term in terms)
    assert all(term.text or term.item is not None for term in terms)


@given(st.text(max_size=40))
def test_any_text_in_a_search_box_parses_or_is_refused(query: str) -> None:
    """A search box raises nothing but QueryError."""
    try:
        terms = parse_query(query)
    except QueryError:
        return
    assert terms
