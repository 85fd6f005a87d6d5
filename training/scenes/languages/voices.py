"""The six languages by name."""

from __future__ import annotations

from collections.abc import Mapping

from training.scenes.languages.chinese import CHINESE
from training.scenes.languages.english import ENGLISH
from training.scenes.languages.french import FRENCH
from training.scenes.languages.german import GERMAN
from training.scenes.languages.japanese import JAPANESE
from training.scenes.languages.spanish import SPANISH
from training.scenes.languages.tongue import Tongue
from training.scenes.scene import Language

TONGUES: Mapping[Language, Tongue] = {
    Language.ENGLISH: ENGLISH,
    Language.CHINESE: CHINESE,
    Language.SPANISH: SPANISH,
    Language.GERMAN: GERMAN,
    Language.FRENCH: FRENCH,
    Language.JAPANESE: JAPANESE,
}
"""How each language tells a scene."""
