"""Figures of the sky."""

from __future__ import annotations

from math import cos, pi, sin
from random import Random

from vasari.training.scenes.objects.figure import CREAM, DARK, PANE, WOOD, Figure
from vasari.training.scenes.pen import Pen
from vasari.training.scenes.scene import Kind


def balloon(pen: Pen, rng: Random) -> None:
    """A gored envelope over a basket; gores, bands or a plain skin."""
    skin = [
        (0.5 + 0.5 * sin(a) * (1.0 if cos(a) > -0.2 else 1.0 + (cos(a) + 0.2) * 0.45), 0.40 - 0.40 * cos(a))
        for a in (2 * pi * n / 26 for n in range(26))
    ]
    skin = [(x, y if y < 0.62 else min(y, 0.62 + (y - 0.62) * 0.9)) for x, y in skin]
    for x in (0.36, 0.64):
        pen.line(((x, 0.72), (0.5 + (x - 0.5) * 0.7, 0.88)), pen.on(DARK), 0.012)
    pen.shape(skin)
    pen.shape([(0.34, 0.70), (0.66, 0.70), (0.58, 0.80), (0.42, 0.80)], pen.paint.dark)
    pen.oval((0.30, 0.0, 0.70, 0.76), pen.paint.light, None)
    pen.oval((0.42, 0.0, 0.58, 0.77), pen.paint.base, None)
    pen.soft([(0.80, 0.10), (1.0, 0.36), (0.84, 0.60), (0.66, 0.74), (0.83, 0.5)], pen.paint.dark, None, 1)
    if rng.random() < 0.5:
        band = rng.uniform(0.36, 0.46)
        pen.shape([(0.02, band), (0.98, band), (0.97, band + 0.07), (0.03, band + 0.07)], pen.on(CREAM), None)
    pen.rect((0.40, 0.87, 0.60, 1.0), pen.on(WOOD), pen.on(DARK))


def kite(pen: Pen, rng: Random) -> None:
    """A diamond on crossed sticks with a tail of bows."""
    wide = rng.uniform(0.30, 0.40)
    pen.shape([(0.5, 0.0), (1.0, wide), (0.5, 0.72), (0.0, wide)])
    pen.shape([(0.5, 0.0), (1.0, wide), (0.5, wide)], pen.paint.light, None)
    pen.shape([(0.5, 0.72), (0.0, wide), (0.5, wide)], pen.paint.dark, None)
    pen.line(((0.5, 0.0), (0.5, 0.72)), pen.paint.edge, 0.012)
    pen.line(((0.0, wide), (1.0, wide)), pen.paint.edge, 0.012)
    sway = rng.choice((-0.14, 0.14))
    tail = [(0.5, 0.72), (0.5 + sway, 0.80), (0.5 - sway * 0.6, 0.90), (0.5 + sway, 1.0)]
    pen.line(tail, pen.paint.edge, 0.015)
    for x, y in tail[1:]:
        pen.shape(
            [(x - 0.11, y - 0.045), (x - 0.11, y + 0.03), (x + 0.11, y - 0.045), (x + 0.11, y + 0.03)],
            None,
            None,
        )


def plane(pen: Pen, rng: Random) -> None:
    """An airliner from the side: pointed nose, swept wing, tall tail fin."""
    pen.shape([(0.80, 0.42), (0.94, 0.0), (1.0, 0.0), (0.98, 0.46)])
    pen.shape([(0.42, 0.46), (0.64, 0.14), (0.72, 0.14), (0.60, 0.48)], pen.paint.dark)
    pen.soft(
        [
            (0.0, 0.60),
            (0.10, 0.40),
            (0.30, 0.36),
            (0.90, 0.36),
            (1.0, 0.40),
            (0.84, 0.66),
            (0.26, 0.74),
            (0.06, 0.70),
        ]
    )
    pen.line(((0.10, 0.64), (0.84, 0.56)), pen.paint.dark, 0.05)
    pen.shape([(0.05, 0.52), (0.12, 0.43), (0.19, 0.43), (0.18, 0.52)], pen.on(PANE), None)
    for n in range(rng.choice((5, 6, 7))):
        pen.disc(0.27 + 0.075 * n, 0.47, 0.035, pen.light.window if pen.light.night else pen.on(PANE), None)
    pen.shape([(0.36, 0.58), (0.58, 0.56), (0.82, 1.0), (0.72, 1.0)])
    pen.shape([(0.88, 0.48), (0.99, 0.64), (0.94, 0.64), (0.80, 0.5)], pen.paint.dark)


def bird(pen: Pen, rng: Random) -> None:
    """Spread wings in a shallow V, a small body, a fanned tail."""
    rise = rng.uniform(0.0, 0.14)
    pen.soft(
        [(0.42, 0.62), (0.30, 0.40), (0.0, rise), (0.02, 0.24 + rise), (0.20, 0.60), (0.42, 0.84)],
        pen.paint.dark,
        passes=1,
    )
    pen.soft(
        [(0.50, 0.60), (0.66, 0.34), (1.0, rise), (0.98, 0.26 + rise), (0.82, 0.62), (0.56, 0.86)], passes=1
    )
    pen.soft(
        [
            (0.24, 0.60),
            (0.36, 0.50),
            (0.56, 0.60),
            (0.80, 0.86),
            (0.86, 1.0),
            (0.66, 0.96),
            (0.42, 0.92),
            (0.26, 0.78),
        ],
        passes=1,
    )
    pen.shape([(0.27, 0.60), (0.15, 0.70), (0.28, 0.74)], pen.on((240, 160, 30)), None)
    pen.disc(0.33, 0.64, 0.035, pen.on((255, 255, 255)), pen.on(DARK))


def airship(pen: Pen, rng: Random) -> None:
    """A long cigar with tail fins and a gondola beneath."""
    pen.shape([(0.80, 0.36), (0.90, 0.0), (1.0, 0.0), (0.97, 0.40)], pen.paint.dark)
    pen.shape([(0.80, 0.44), (0.90, 0.84), (1.0, 0.84), (0.97, 0.40)], pen.paint.dark)
    pen.rect((0.34, 0.76, 0.60, 0.98), pen.on((92, 92, 104)), pen.on(DARK))
    for n in range(4):
        pen.rect(
            (0.37 + 0.055 * n, 0.82, 0.41 + 0.055 * n, 0.90),
            pen.light.window if pen.light.night else pen.on(PANE),
            None,
        )
    hull = [(0.485 + 0.485 * cos(a), 0.42 + 0.38 * sin(a)) for a in (2 * pi * n / 24 for n in range(24))]
    pen.shape(hull)
    pen.soft(
        [(0.06, 0.52), (0.5, 0.64), (0.94, 0.50), (0.76, 0.72), (0.5, 0.80), (0.22, 0.72)],
        pen.paint.dark,
        None,
        1,
    )
    pen.soft([(0.14, 0.28), (0.44, 0.10), (0.74, 0.20), (0.44, 0.26)], pen.paint.light, None, 1)
    if rng.random() < 0.5:
        pen.line(((0.02, 0.43), (0.95, 0.43)), pen.on(CREAM), 0.06)
    pen.shape([(0.82, 0.40), (0.98, 0.34), (1.0, 0.46)], pen.paint.base)


FIGURES: dict[Kind, Figure] = {
    Kind.BALLOON: Figure(balloon),
    Kind.KITE: Figure(kite),
    Kind.PLANE: Figure(plane, turns=True),
    Kind.BIRD: Figure(bird, turns=True),
    Kind.AIRSHIP: Figure(airship, turns=True),
}
