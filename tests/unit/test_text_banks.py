"""Banks of texts: everyday phrases in six languages, and files of people's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.text_banks import LANGUAGES, everyday_phrases, read_texts
from vasari.retrieval.search.fairness import LEAST_BANK


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_is_a_bank_of_its_own(language: str) -> None:
    """At least 2,000 different phrases, all filled in, none with odd spaces."""
    phrases = everyday_phrases([language])
    assert len(phrases) == len(set(phrases)) >= LEAST_BANK
    assert all(phrase == " ".join(phrase.split()) and phrase for phrase in phrases)
    assert not any(sign in phrase for phrase in phrases for sign in "{};|")


def test_languages_are_put_together_in_order() -> None:
    """Each phrase once: English and Spanish share pizza, sushi and picnic."""
    english, spanish = everyday_phrases(["en"]), everyday_phrases(["es"])
    both = everyday_phrases(["en", "es", "en"])
    assert both[: len(english)] == english
    assert both == list(dict.fromkeys([*english, *spanish]))
    assert len(both) < len(english) + len(spanish)


def test_a_language_without_phrases_is_refused() -> None:
    """The complaint names those that there are."""
    with pytest.raises(UsageError, match="'pt': choose among en, de, es, fr, ja, zh"):
        everyday_phrases(["en", "pt"])


def test_a_file_is_read_a_text_a_line(tmp_path: Path) -> None:
    """Blank lines and repetitions do not count, whatever ends the lines."""
    file = tmp_path / "texts.txt"
    file.write_bytes("\r\n".join(["", "été", "été", *(f"{n} boats " for n in range(1999))]).encode())
    texts = read_texts(file)
    assert texts[:2] == ["été", "0 boats"]
    assert len(texts) == 2000
    file.write_text("one\n" * 5000)
    with pytest.raises(UsageError, match="at least 2,000 texts, this one has 1"):
        read_texts(file)
