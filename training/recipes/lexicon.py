"""The lexicon of `scenes`, for `retrieval/search/lexicon`: the words that its texts were made of, in four languages.

Chinese and Japanese, whose words nothing parts, have none. Real words one slip from a taught one (goat, boat), and
those that sound like one, are of Debian's word lists: `apt-get install wamerican wfrench wngerman wspanish`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from vasari.retrieval.search.lexicon import LEXICON, slips_of, sound_of
from vasari.retrieval.search.typed_words import fold
from vasari.training.scenes.captions import describe
from vasari.training.scenes.dataset import DrawnCollection
from vasari.training.scenes.queries import Form, typed
from vasari.training.scenes.scene import Detail, Language, Split

SCENES = 1500  # after which no new words come
LANGUAGES = (Language.ENGLISH, Language.GERMAN, Language.SPANISH, Language.FRENCH)
LISTS = Path("/usr/share/dict")
PACKAGES = {
    "american-english": "wamerican",
    "french": "wfrench",
    "ngerman": "wngerman",
    "spanish": "wspanish",
}
_WORD = re.compile(r"[^\W\d_]+")
_FUNCTION = """
    a an the in and with on is of it to there are you can while among by during has no above behind over at some few
    several shows under up
    en un una y con el la los las al del de hay entre bajo es está mientras por que ya unos unas algunos algunas varios
    varias muestra se no sobre muy vemos lo a están
    in ein und der am mit einem eine im bei auf sieht man einer es ist einen an gibt dem von eines zur sind zu unter das
    den vor so aus die wird zwischen zeigt liegt neben über einige einigen mehrere mehreren
    un une et dans au avec le la les sur en d par y on sous l est se pendant qu parmi fait c des quelques plusieurs qui
    voit aperçoit trouve trouvent montre du de il à aux
"""
"""Words that captions are held together by: a slip is read as none of them."""
FUNCTION = frozenset(_FUNCTION.split())


def missing_packages() -> list[str]:
    """Debian's packages of word lists that are not installed."""
    return [package for name, package in PACKAGES.items() if not (LISTS / name).is_file()]


def make(models: Path) -> None:
    """Write it beside the weights."""
    said = {language: _said(language) for language in LANGUAGES}
    taught = {word for words in said.values() for word in words}
    near = {slip for word in taught - FUNCTION for slip in slips_of(fold(word))} - set(map(fold, taught))
    sounds = {sound_of(fold(word)) for word in taught - FUNCTION}
    listed = _listed() - set(map(fold, taught))
    real = sorted(word for word in listed if word in near or sound_of(word) in sounds)
    lines = ["# Words that `scenes` was taught, and real words near to them: training/recipes/lexicon.py"]
    for language, words in said.items():
        lines.append(" ".join([language, *(word for word, _ in words.most_common() if word not in FUNCTION)]))
    lines += [" ".join(["function", *sorted(taught & FUNCTION)]), " ".join(["real", *real])]
    (models / "scenes" / LEXICON).write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{len(taught)} words, and {len(real)} near to them")


def _said(language: Language) -> Counter[str]:
    """How often captions and typed queries say a word."""
    collection, rng, said = DrawnCollection(1, Split.TRAIN), Random(f"lexicon/{language}"), Counter[str]()
    for index in range(SCENES):
        scene = collection.scene(index)
        texts = [describe(scene, language, detail, rng) for detail in Detail]
        asked = (
            typed(scene, language, form, rng) for form in Form if form is not Form.TYPO for _ in range(2)
        )
        for text in [*texts, *(query.text for query in asked if query)]:
            said.update(_WORD.findall(text.lower()))
    return said


def _listed() -> set[str]:
    """All words of the word lists, folded."""
    return set(_folded(*PACKAGES))


def _folded(*lists: str) -> Iterator[str]:
    for name in lists:
        for word in (LISTS / name).read_text("utf-8").split():
            if word.isalpha() and not word.isupper():
                yield fold(word)
