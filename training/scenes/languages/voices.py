"""The six languages by name."""

from __future__ import annotations

from collections.abc import Mapping

from vasari.training.scenes.languages.chinese import CHINESE
from vasari.training.scenes.languages.english import ENGLISH
from vasari.training.scenes.languages.french import FRENCH
from vasari.training.scenes.languages.german import GERMAN
from vasari.training.scenes.languages.grammar import LanguageGrammar
from vasari.training.scenes.languages.japanese import JAPANESE
from vasari.training.scenes.languages.spanish import SPANISH
from vasari.training.scenes.scene import Language

GRAMMARS: Mapping[Language, LanguageGrammar] = {
    Language.ENGLISH: ENGLISH,
    Language.CHINESE: CHINESE,
    Language.SPANISH: SPANISH,
    Language.GERMAN: GERMAN,
    Language.FRENCH: FRENCH,
    Language.JAPANESE: JAPANESE,
}
"""How each language tells a scene."""
