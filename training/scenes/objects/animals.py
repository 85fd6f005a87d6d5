"""Figures of the animals, facing left before they are turned."""

from __future__ import annotations

from random import Random

from vasari.training.scenes.objects.figure import CREAM, DARK, Figure
from vasari.training.scenes.palette import RGB
from vasari.training.scenes.pen import Pen, Point
from vasari.training.scenes.scene import Kind

EYE: RGB = (16, 16, 20)


def _legs(
    pen: Pen, places: tuple[float, ...], top: float, width: float, stride: float, hoof: RGB | None = None
) -> None:
    for n, x in enumerate(places):
        swing = stride if n % 2 else -stride
        shade = pen.paint.base if n % 2 else pen.paint.dark
        pen.shape(
            [
                (x - width, top),
                (x + width, top),
                (x + width * 0.8 + swing, 1.0),
                (x - width * 0.8 + swing, 1.0),
            ],
            shade,
        )
        if hoof is not None:
            pen.rect((x - width * 0.8 + swing, 0.95, x + width * 0.8 + swing, 1.0), pen.on(hoof), None)


def _eye(pen: Pen, x: float, y: float, radius: float = 0.022) -> None:
    pen.disc(x, y, radius * 1.5, pen.on((250, 250, 250)), None)
    pen.disc(x - radius * 0.2, y, radius, pen.on(EYE), None)


def _body(pen: Pen, outline: list[Point], belly: list[Point]) -> None:
    pen.soft(outline)
    pen.soft(belly, pen.paint.dark, None, 1)


def horse(pen: Pen, rng: Random) -> None:
    """A high neck with a mane, long legs and a flowing tail; it stands or strides."""
    mane = (
        pen.on((70, 54, 46))
        if max(pen.paint.base) > 100 and sum(pen.paint.base) > 280
        else pen.on((206, 190, 160))
    )
    stride = rng.choice((0.0, 0.05))
    pen.soft([(0.90, 0.40), (1.0, 0.46), (0.99, 0.80), (0.93, 0.82), (0.90, 0.6)], mane, None, 1)
    _legs(pen, (0.36, 0.42, 0.80, 0.86), 0.62, 0.035, stride, DARK)
    _body(
        pen,
        [(0.30, 0.36), (0.60, 0.40), (0.92, 0.34), (0.98, 0.56), (0.84, 0.72), (0.42, 0.72), (0.26, 0.60)],
        [(0.42, 0.64), (0.84, 0.64), (0.76, 0.70), (0.46, 0.70)],
    )
    pen.soft(
        [
            (0.28, 0.62),
            (0.22, 0.30),
            (0.14, 0.34),
            (0.0, 0.32),
            (0.0, 0.22),
            (0.18, 0.04),
            (0.30, 0.06),
            (0.46, 0.36),
            (0.46, 0.62),
        ]
    )
    pen.soft([(0.22, 0.0), (0.34, 0.06), (0.52, 0.38), (0.42, 0.38), (0.26, 0.10)], mane, None, 1)
    pen.shape([(0.18, 0.08), (0.20, -0.02), (0.25, 0.07)])
    _eye(pen, 0.15, 0.17)


def cow(pen: Pen, rng: Random) -> None:
    """A square body on short legs, pale patches, horns and an udder."""
    _legs(pen, (0.30, 0.40, 0.78, 0.88), 0.66, 0.045, 0.0, DARK)
    pen.line(((0.97, 0.30), (1.0, 0.66)), pen.paint.edge, 0.03)
    pen.soft([(0.66, 0.76), (0.78, 0.76), (0.74, 0.86), (0.69, 0.86)], pen.on((246, 178, 176)), None, 1)
    _body(
        pen,
        [(0.20, 0.22), (0.5, 0.24), (1.0, 0.20), (1.02, 0.56), (0.96, 0.80), (0.30, 0.82), (0.18, 0.62)],
        [(0.34, 0.72), (0.92, 0.70), (0.88, 0.78), (0.36, 0.79)],
    )
    patch = pen.on((60, 54, 56)) if min(pen.paint.base) > 170 else pen.on((248, 244, 236))
    for x, y, r in ((0.54, 0.40, 0.10), (0.82, 0.46, rng.uniform(0.06, 0.10))):
        pen.soft(
            [(x - r, y - r), (x + r * 0.8, y - r * 1.1), (x + r, y + r * 0.8), (x - r * 0.6, y + r * 1.2)],
            patch,
            None,
            1,
        )
    pen.line(((0.09, 0.14), (0.05, 0.02)), pen.on(CREAM), 0.04)
    pen.line(((0.24, 0.14), (0.29, 0.02)), pen.on(CREAM), 0.04)
    pen.soft([(0.02, 0.14), (0.30, 0.12), (0.34, 0.36), (0.22, 0.58), (0.06, 0.58), (-0.01, 0.36)])
    pen.soft(
        [(0.0, 0.44), (0.24, 0.44), (0.24, 0.62), (0.03, 0.62)], pen.on((246, 190, 180)), pen.paint.edge, 1
    )
    _eye(pen, 0.10, 0.28)
    _eye(pen, 0.22, 0.28)


def sheep(pen: Pen, rng: Random) -> None:
    """A cloud of wool with a dark face and thin dark legs."""
    dark = pen.on((66, 60, 62))
    face = pen.on((238, 226, 206)) if max(pen.paint.base) < 70 else dark
    for x in (0.34, 0.44, 0.70, 0.80):
        pen.line(((x, 0.66), (x, 1.0)), face, 0.06)
    for x, y, r in (
        (0.34, 0.34, 0.24),
        (0.56, 0.26, 0.26),
        (0.78, 0.36, 0.24),
        (0.40, 0.54, 0.22),
        (0.64, 0.56, 0.24),
        (0.84, 0.50, 0.2),
    ):
        pen.disc(x, y, r)
    pen.soft([(0.26, 0.30), (0.60, 0.06), (0.98, 0.34), (0.92, 0.62), (0.66, 0.78), (0.34, 0.72)], None, None)
    for x in (0.40, 0.56, 0.72, 0.84):
        pen.disc(x, 0.64, 0.07, pen.paint.dark, None)
    for x, y in ((0.5, 0.24), (0.66, 0.34), (0.44, 0.42), (0.78, 0.30)):
        pen.disc(x, y, rng.uniform(0.05, 0.075), pen.paint.light, None)
    pen.soft(
        [(0.02, 0.30), (0.24, 0.24), (0.30, 0.46), (0.18, 0.66), (0.04, 0.62), (0.0, 0.46)],
        face,
        pen.on((126, 116, 116)),
        1,
    )
    pen.soft([(0.22, 0.28), (0.36, 0.24), (0.34, 0.38), (0.22, 0.38)], face, None, 1)
    pen.disc(0.20, 0.22, 0.10, None, None)
    _eye(pen, 0.12, 0.42, 0.025)


def dog(pen: Pen, rng: Random) -> None:
    """A standing dog: hanging ear, long muzzle, wagging tail."""
    tail = rng.uniform(0.0, 0.16)
    pen.soft(
        [(0.86, 0.52), (0.93, 0.28 + tail), (1.0, 0.12 + tail), (1.02, 0.22 + tail), (0.96, 0.52)], passes=1
    )
    _legs(pen, (0.36, 0.44, 0.80, 0.88), 0.70, 0.05, rng.choice((0.0, 0.03)))
    _body(
        pen,
        [
            (0.30, 0.42),
            (0.56, 0.44),
            (0.92, 0.42),
            (1.0, 0.58),
            (0.92, 0.80),
            (0.66, 0.74),
            (0.36, 0.82),
            (0.26, 0.60),
        ],
        [(0.44, 0.70), (0.80, 0.68), (0.66, 0.74), (0.46, 0.77)],
    )
    pen.soft(
        [
            (0.02, 0.24),
            (0.16, 0.20),
            (0.20, 0.02),
            (0.42, 0.0),
            (0.52, 0.20),
            (0.48, 0.56),
            (0.28, 0.58),
            (0.22, 0.44),
            (0.0, 0.42),
        ]
    )
    pen.soft([(0.36, 0.04), (0.50, 0.06), (0.56, 0.40), (0.42, 0.46)], pen.paint.dark, pen.paint.edge, 1)
    pen.disc(0.03, 0.28, 0.05, pen.on(DARK), None)
    _eye(pen, 0.25, 0.18, 0.028)
    pen.line(
        ((0.30, 0.55), (0.48, 0.52)),
        pen.on((240, 240, 240)) if pen.paint.base[0] > 180 else pen.on((220, 60, 50)),
        0.05,
    )


def cat(pen: Pen, rng: Random) -> None:
    """A sitting cat: round head, two pointed ears, a tail curled up at its side."""
    curl = rng.uniform(0.0, 0.12)
    pen.soft(
        [
            (0.62, 1.0),
            (0.62, 0.88),
            (0.86, 0.84),
            (0.86, 0.56),
            (0.78, 0.44 + curl),
            (0.92, 0.36 + curl),
            (1.04, 0.56),
            (1.0, 0.94),
            (0.84, 1.02),
        ]
    )
    pen.soft([(0.26, 0.42), (0.58, 0.42), (0.82, 0.76), (0.80, 1.04), (0.14, 1.04), (0.16, 0.70)])
    pen.soft([(0.34, 0.60), (0.48, 0.60), (0.50, 0.98), (0.32, 0.98)], pen.paint.light, None, 1)
    pen.shape([(0.10, 0.26), (0.10, 0.0), (0.34, 0.14)])
    pen.shape([(0.70, 0.26), (0.70, 0.0), (0.46, 0.14)])
    pen.soft(
        [(0.02, 0.30), (0.18, 0.10), (0.62, 0.10), (0.78, 0.30), (0.70, 0.54), (0.40, 0.62), (0.10, 0.54)]
    )
    for x in (0.26, 0.54):
        pen.disc(x, 0.32, 0.055, pen.on((236, 240, 150)), pen.on(EYE))
        pen.disc(x, 0.32, 0.025, pen.on(EYE), None)
    pen.shape([(0.36, 0.42), (0.44, 0.42), (0.40, 0.47)], pen.on((240, 140, 150)), None)
    for y in (0.43, 0.48):
        pen.line(((0.30, 0.46), (0.0, y)), pen.paint.edge, 0.008)
        pen.line(((0.50, 0.46), (0.80, y)), pen.paint.edge, 0.008)


def camel(pen: Pen, rng: Random) -> None:
    """One or two humps, a long bent neck and long legs."""
    humps = rng.choice((1, 2))
    pen.line(((0.97, 0.42), (1.0, 0.66)), pen.paint.edge, 0.03)
    _legs(pen, (0.40, 0.47, 0.82, 0.88), 0.60, 0.04, 0.0)
    if humps == 1:
        pen.soft([(0.42, 0.46), (0.58, 0.08), (0.74, 0.02), (0.90, 0.46)])
    else:
        pen.soft([(0.38, 0.46), (0.44, 0.12), (0.56, 0.10), (0.64, 0.46)])
        pen.soft([(0.62, 0.46), (0.72, 0.10), (0.84, 0.12), (0.92, 0.46)])
    _body(
        pen,
        [(0.32, 0.40), (0.60, 0.36), (0.94, 0.36), (1.0, 0.54), (0.90, 0.72), (0.42, 0.72), (0.28, 0.58)],
        [(0.44, 0.64), (0.86, 0.63), (0.80, 0.70), (0.48, 0.70)],
    )
    pen.soft(
        [
            (0.42, 0.66),
            (0.26, 0.66),
            (0.14, 0.48),
            (0.16, 0.22),
            (0.02, 0.24),
            (-0.02, 0.10),
            (0.10, 0.0),
            (0.26, 0.02),
            (0.28, 0.40),
            (0.38, 0.46),
        ]
    )
    pen.rect((0.52, 0.34, 0.80, 0.42), pen.on(CREAM), pen.paint.edge)
    pen.shape([(0.21, 0.05), (0.26, -0.03), (0.28, 0.07)])
    _eye(pen, 0.13, 0.09)


def deer(pen: Pen, rng: Random) -> None:
    """A slender body, thin legs and branched antlers."""
    horn = pen.on((176, 140, 96)) if not pen.light.night else (206, 180, 140)
    spread = rng.uniform(-0.03, 0.03)
    for side, reach in ((-1, 0.10), (1, 0.16)):
        top = 0.26 + side * reach + spread
        pen.line(((0.25, 0.22), (0.25 + side * reach * 0.7, 0.12), (top, 0.0)), horn, 0.028)
        pen.line(((0.25 + side * reach * 0.7, 0.12), (0.25 + side * reach * 0.2, 0.0)), horn, 0.024)
        pen.line(((0.25 + side * reach * 0.8, 0.09), (0.25 + side * (reach + 0.08), 0.06)), horn, 0.022)
    _legs(pen, (0.40, 0.46, 0.82, 0.88), 0.66, 0.026, rng.choice((0.0, 0.03)), DARK)
    pen.soft([(0.90, 0.46), (1.0, 0.40), (1.0, 0.56)], pen.on((250, 246, 240)), pen.paint.edge, 1)
    _body(
        pen,
        [(0.32, 0.44), (0.62, 0.48), (0.92, 0.42), (0.98, 0.60), (0.86, 0.72), (0.46, 0.74), (0.30, 0.64)],
        [(0.46, 0.67), (0.84, 0.66), (0.78, 0.71), (0.48, 0.72)],
    )
    pen.soft(
        [
            (0.30, 0.66),
            (0.24, 0.40),
            (0.08, 0.40),
            (0.02, 0.33),
            (0.18, 0.18),
            (0.30, 0.20),
            (0.36, 0.28),
            (0.48, 0.48),
            (0.46, 0.68),
        ]
    )
    pen.soft([(0.30, 0.22), (0.42, 0.15), (0.42, 0.24), (0.33, 0.29)], pen.paint.dark, pen.paint.edge, 1)
    for x in (0.58, 0.68, 0.78):
        pen.disc(x, 0.54, 0.02, pen.paint.light, None)
    pen.disc(0.05, 0.35, 0.025, pen.on(DARK), None)
    _eye(pen, 0.20, 0.27, 0.02)


FIGURES: dict[Kind, Figure] = {
    Kind.HORSE: Figure(horse, turns=True),
    Kind.COW: Figure(cow, turns=True),
    Kind.SHEEP: Figure(sheep, turns=True),
    Kind.DOG: Figure(dog, turns=True),
    Kind.CAT: Figure(cat, turns=True),
    Kind.CAMEL: Figure(camel, turns=True),
    Kind.DEER: Figure(deer, turns=True),
}
