"""What the painter must know of a figure besides how to draw it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from vasari.training.scenes.palette import RGB
from vasari.training.scenes.pen import Pen

WOOD: RGB = (150, 112, 74)
DARK: RGB = (48, 46, 54)
METAL: RGB = (150, 156, 168)
CREAM: RGB = (244, 236, 214)
PANE: RGB = (182, 214, 236)
STONE: RGB = (176, 172, 166)


@dataclass(frozen=True, slots=True)
class Figure:
    """How to draw one kind into a box of the aspect that layout.ASPECT gives it.

    `floats`: sits on water. `turns`: may look left or right; the others are mirrored by the light alone, so
    that their lit side faces the sun.
    """

    draw: Callable[[Pen, Random], None]
    turns: bool = False
    floats: bool = False
