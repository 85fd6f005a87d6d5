"""The six languages by name."""

from __future__ import annotations

from collections.abc import Mapping

from training.scenes.languages.english import ENGLISH
from training.scenes.languages.tongue import Tongue
from training.scenes.scene import Language

TONGUES: Mapping[Language, Tongue] = {language: ENGLISH for language in Language}
"""How each language tells a scene."""
