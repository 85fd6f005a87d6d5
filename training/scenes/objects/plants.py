"""Figures of the plants: crowns, petals and caps carry the colour."""

from __future__ import annotations

from math import cos, pi, sin
from random import Random

from vasari.training.scenes.objects.figure import CREAM, WOOD, Figure
from vasari.training.scenes.palette import RGB
from vasari.training.scenes.pen import Pen
from vasari.training.scenes.scene import Kind

BARK: RGB = (112, 82, 58)
LEAF: RGB = (74, 132, 62)


def tree(pen: Pen, rng: Random) -> None:
    """A broad crown on a trunk: round, cloudy or egg-shaped."""
    pen.shape([(0.44, 0.55), (0.56, 0.55), (0.61, 1.0), (0.39, 1.0)], pen.on(BARK), pen.on((66, 46, 34)))
    style = rng.randrange(3)
    if style == 0:
        pen.oval((0.04, 0.0, 0.96, 0.74))
        lobes = [(0.36, 0.30, 0.20), (0.44, 0.16, 0.10)]
    elif style == 1:
        for x, y, r in ((0.26, 0.46, 0.23), (0.74, 0.46, 0.23), (0.5, 0.25, 0.25)):
            pen.disc(x, y, r)
        pen.disc(0.5, 0.46, 0.24, None, None)
        lobes = [(0.42, 0.20, 0.12), (0.22, 0.42, 0.10), (0.58, 0.42, 0.09)]
    else:
        pen.soft(
            [(0.5, -0.06), (0.84, 0.16), (1.0, 0.52), (0.74, 0.78), (0.26, 0.78), (0.0, 0.52), (0.16, 0.16)]
        )
        lobes = [(0.38, 0.26, 0.12), (0.30, 0.50, 0.10)]
    pen.soft([(0.90, 0.34), (0.88, 0.56), (0.66, 0.68), (0.36, 0.68), (0.66, 0.56)], pen.paint.dark, None, 1)
    for x, y, r in lobes:
        pen.disc(x, y, r, pen.paint.light, None)


# Tips of a palm's fronds, from the back ones to the front ones.
_FRONDS = (
    (0.28, 0.60),
    (0.72, 0.60),
    (0.5, -0.02),
    (0.14, 0.06),
    (0.86, 0.06),
    (0.0, 0.48),
    (1.0, 0.48),
    (-0.02, 0.24),
    (1.02, 0.24),
)


def _frond(pen: Pen, tip: tuple[float, float], shade: RGB) -> None:
    """A broad leaf that rises from the heart of the palm and droops to its tip."""
    cx, cy = 0.5, 0.26
    x, y = tip
    mx, my = (cx + x) / 2, (cy + y) / 2 - 0.10
    across = 0.07 if abs(x - cx) < 0.3 else 0.0
    pen.soft(
        [
            (cx, cy - 0.03),
            (mx - across, my - 0.05),
            (x, y),
            (x, y),
            (mx + across, my + 0.12),
            (cx, cy + 0.04),
        ],
        shade,
        passes=1,
    )


def palm(pen: Pen, rng: Random) -> None:
    """A bent ringed trunk under a star of drooping fronds."""
    lean = rng.uniform(-0.14, 0.14)
    foot = 0.5 + lean
    pen.shape(
        [
            (0.46, 0.28),
            (0.54, 0.28),
            (foot * 0.4 + 0.36, 0.62),
            (foot + 0.08, 1.0),
            (foot - 0.08, 1.0),
            (foot * 0.4 + 0.25, 0.62),
        ],
        pen.on(WOOD),
        pen.on((84, 60, 40)),
    )
    for n in range(4):
        y = 0.46 + 0.13 * n
        x = 0.5 + lean * ((y - 0.3) / 0.7) ** 1.3
        pen.line(((x - 0.05, y), (x + 0.05, y)), pen.on((100, 74, 50)), 0.015)
    for n, tip in enumerate(_FRONDS):
        _frond(pen, tip, pen.paint.dark if n < 3 else pen.paint.base)
    for x in (0.46, 0.54):
        pen.disc(x, 0.32, 0.03, pen.on((110, 74, 44)), None)


def flower(pen: Pen, rng: Random) -> None:
    """One large blossom on a stalk: a daisy, or a tulip."""
    stalk = pen.on(LEAF)
    pen.line(((0.5, 0.40), (0.5, 1.0)), stalk, 0.05)
    pen.soft([(0.5, 0.96), (0.16, 0.84), (0.06, 0.62), (0.40, 0.74)], stalk, pen.on((44, 86, 40)), 1)
    pen.soft([(0.5, 0.96), (0.84, 0.80), (0.94, 0.58), (0.60, 0.72)], stalk, pen.on((44, 86, 40)), 1)
    if rng.random() < 0.65:
        petals = rng.choice((6, 7, 8))
        for n in range(petals):
            a = 2 * pi * n / petals + 0.3
            pen.disc(0.5 + cos(a) * 0.20 * pen.ratio, 0.30 + sin(a) * 0.19, 0.115)
        heart = (
            pen.on((250, 208, 40))
            if pen.paint.base[2] > 90 or pen.paint.base[0] < 200
            else pen.on((110, 66, 30))
        )
        pen.disc(0.5, 0.30, 0.10, heart, pen.paint.edge)
    else:
        pen.soft(
            [
                (0.14, 0.04),
                (0.34, 0.20),
                (0.5, 0.0),
                (0.66, 0.20),
                (0.86, 0.04),
                (0.84, 0.42),
                (0.62, 0.56),
                (0.38, 0.56),
                (0.16, 0.42),
            ],
            passes=1,
        )
        pen.soft([(0.5, 0.06), (0.68, 0.34), (0.5, 0.54), (0.32, 0.34)], pen.paint.light, pen.paint.edge, 1)


def cactus(pen: Pen, rng: Random) -> None:
    """A ribbed column with two raised arms."""
    left, right = rng.uniform(0.20, 0.34), rng.uniform(0.16, 0.30)
    for x, side, top, elbow in ((0.02, 1, left, 0.66), (0.98, -1, right, 0.58)):
        inner = x + side * 0.20
        arm = [(x, top + 0.04), (x + side * 0.10, top - 0.05), (inner, top + 0.04), (inner, elbow - 0.13)]
        pen.soft(
            [*arm, (0.5, elbow - 0.13), (0.5, elbow), (x + side * 0.06, elbow), (x, elbow - 0.08)], passes=1
        )
    pen.soft([(0.35, 1.0), (0.35, 1.0), (0.35, 0.06), (0.5, -0.02), (0.65, 0.06), (0.65, 1.0), (0.65, 1.0)])
    pen.rect((0.56, 0.10, 0.63, 0.99), pen.paint.dark, None)
    for x in (0.42, 0.50):
        pen.line(((x, 0.10), (x, 0.97)), pen.paint.light, 0.012)
    for x, y in ((0.14, left + 0.1), (0.86, right + 0.1)):
        pen.line(((x, y), (x, y + 0.22)), pen.paint.light, 0.012)


def mushroom(pen: Pen, rng: Random) -> None:
    """A pale stem under a domed cap with spots."""
    pen.soft(
        [(0.36, 0.46), (0.64, 0.46), (0.74, 1.04), (0.26, 1.04)],
        pen.on((244, 234, 214)),
        pen.on((120, 104, 84)),
        1,
    )
    pen.soft([(0.30, 0.58), (0.70, 0.58), (0.76, 0.68), (0.24, 0.68)], pen.on((226, 212, 188)), None, 1)
    flat = rng.uniform(0.0, 0.14)
    pen.soft(
        [
            (-0.06, 0.62),
            (0.06, 0.22 + flat),
            (0.34, -0.04 + flat * 0.5),
            (0.66, -0.04 + flat * 0.5),
            (0.94, 0.22 + flat),
            (1.06, 0.62),
        ]
    )
    pen.soft([(0.10, 0.55), (0.90, 0.55), (0.98, 0.60), (0.02, 0.60)], pen.paint.dark, None, 1)
    dot = pen.on((60, 50, 56)) if min(pen.paint.base) > 170 else pen.on(CREAM)
    for x, y, r in ((0.30, 0.36, 0.065), (0.54, 0.22, 0.07), (0.72, 0.42, 0.06), (0.48, 0.48, 0.04)):
        pen.disc(x, y + flat * 0.4, r, dot, None)


FIGURES: dict[Kind, Figure] = {
    Kind.TREE: Figure(tree),
    Kind.PALM: Figure(palm),
    Kind.FLOWER: Figure(flower),
    Kind.CACTUS: Figure(cactus),
    Kind.MUSHROOM: Figure(mushroom),
}
