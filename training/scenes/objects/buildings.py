"""Figures of the buildings: the coloured part is always the largest wall."""

from __future__ import annotations

from math import cos, pi, sin
from random import Random

from vasari.training.scenes.objects.figure import CREAM, DARK, STONE, WOOD, Figure
from vasari.training.scenes.palette import RGB
from vasari.training.scenes.pen import Pen
from vasari.training.scenes.scene import Kind

ROOF: RGB = (104, 84, 84)


def _window(pen: Pen, x: float, y: float, width: float, height: float) -> None:
    pen.rect((x, y, x + width, y + height), pen.light.window, pen.on(CREAM))


def house(pen: Pen, rng: Random) -> None:
    """A dwelling under a gabled or hipped roof, with windows, a door and a chimney."""
    roof = pen.on(ROOF)
    eaves = rng.uniform(0.38, 0.46)
    pen.rect((0.70, 0.08, 0.82, 0.40), pen.on((146, 112, 100)), pen.on(DARK))
    pen.rect((0.06, eaves, 0.94, 1.0))
    pen.rect((0.78, eaves, 0.94, 1.0), pen.paint.dark, None)
    style = rng.randrange(3)
    if style == 0:
        pen.shape([(0.0, eaves + 0.03), (0.5, 0.0), (1.0, eaves + 0.03)], roof, pen.on(DARK))
        pen.disc(0.5, eaves - 0.13, 0.06, pen.light.window, pen.on(CREAM))
    elif style == 1:
        pen.shape([(0.0, eaves + 0.03), (0.18, 0.06), (0.82, 0.06), (1.0, eaves + 0.03)], roof, pen.on(DARK))
    else:
        pen.shape(
            [(0.0, eaves + 0.03), (0.08, 0.16), (0.30, 0.0), (0.70, 0.0), (0.92, 0.16), (1.0, eaves + 0.03)],
            roof,
            pen.on(DARK),
        )
    pen.rect((0.43, 0.68, 0.58, 1.0), pen.on((92, 62, 44)), pen.on(CREAM))
    _window(pen, 0.15, 0.58, 0.18, 0.20)
    _window(pen, 0.68, 0.58, 0.18, 0.20)


def barn(pen: Pen, rng: Random) -> None:
    """A broad gambrel front with a crossed double door."""
    roof = pen.on(ROOF)
    front = [(0.07, 1.0), (0.07, 0.48), (0.20, 0.22), (0.5, 0.05), (0.80, 0.22), (0.93, 0.48), (0.93, 1.0)]
    pen.shape(front)
    pen.shape([(0.74, 0.19), (0.80, 0.22), (0.93, 0.48), (0.93, 1.0), (0.80, 1.0)], pen.paint.dark, None)
    for lower, upper in (
        ((0.02, 0.52), (0.18, 0.20)),
        ((0.18, 0.20), (0.5, 0.03)),
        ((0.5, 0.03), (0.82, 0.20)),
        ((0.82, 0.20), (0.98, 0.52)),
    ):
        pen.line((lower, upper), roof, 0.075)
    white = pen.on(CREAM)
    doors = rng.choice((0.24, 0.30))
    pen.rect((0.5 - doors, 0.60, 0.5 + doors, 1.0), pen.paint.dark, white)
    pen.line(((0.5, 0.60), (0.5, 1.0)), white, 0.03)
    for left in (0.5 - doors, 0.5):
        pen.line(((left, 0.60), (left + doors, 1.0)), white, 0.025)
        pen.line(((left + doors, 0.60), (left, 1.0)), white, 0.025)
    _window(pen, 0.42, 0.27, 0.16, 0.14)


def church(pen: Pen, rng: Random) -> None:
    """A nave beside a steeple with a pointed spire and a cross."""
    roof = pen.on((90, 88, 104))
    pen.rect((0.38, 0.62, 0.98, 1.0))
    pen.rect((0.84, 0.62, 0.98, 1.0), pen.paint.dark, None)
    pen.shape([(0.34, 0.64), (0.44, 0.44), (0.92, 0.44), (1.0, 0.64)], roof, pen.on(DARK))
    pen.rect((0.08, 0.38, 0.42, 1.0))
    pen.rect((0.30, 0.38, 0.42, 1.0), pen.paint.dark, None)
    top = rng.uniform(0.08, 0.13)
    pen.shape([(0.04, 0.40), (0.25, top), (0.46, 0.40)], roof, pen.on(DARK))
    pen.line(((0.25, 0.0), (0.25, top + 0.03)), pen.on(DARK), 0.02)
    pen.line(((0.18, 0.035), (0.32, 0.035)), pen.on(DARK), 0.02)
    pen.disc(0.25, 0.50, 0.045, pen.on((250, 248, 236)), pen.on(DARK))
    for x in (0.52, 0.67, 0.82):
        pen.soft(
            [(x, 0.90), (x, 0.70), (x + 0.04, 0.66), (x + 0.08, 0.70), (x + 0.08, 0.90)],
            pen.light.window,
            pen.on(CREAM),
            1,
        )
    pen.soft(
        [(0.18, 1.0), (0.18, 0.78), (0.25, 0.70), (0.32, 0.78), (0.32, 1.0)], pen.on((86, 58, 42)), None, 1
    )


def tower(pen: Pen, rng: Random) -> None:
    """One tall shaft: battlements, a dome or a clock under a pointed cap."""
    pen.rect((0.20, 0.16, 0.80, 1.0))
    pen.rect((0.60, 0.16, 0.80, 1.0), pen.paint.dark, None)
    style = rng.randrange(3)
    if style == 0:
        pen.rect((0.10, 0.12, 0.90, 0.22))
        for x in (0.10, 0.42, 0.74):
            pen.rect((x, 0.03, x + 0.16, 0.13))
    elif style == 1:
        dome = [(0.5 - 0.36 * cos(a), 0.18 - 0.16 * sin(a)) for a in (pi * n / 10 for n in range(11))]
        pen.shape(dome, pen.on((112, 122, 130)), pen.on(DARK))
        pen.line(((0.5, 0.0), (0.5, 0.05)), pen.on(DARK), 0.015)
    else:
        pen.shape([(0.10, 0.20), (0.5, 0.0), (0.90, 0.20)], pen.on(ROOF), pen.on(DARK))
    pen.disc(0.5, 0.32, 0.085, pen.on((250, 248, 236)), pen.on(DARK))
    pen.line(((0.5, 0.26), (0.5, 0.32), (0.60, 0.34)), pen.on(DARK), 0.012)
    for y in (0.48, 0.64):
        _window(pen, 0.40, y, 0.20, 0.09)
    pen.soft(
        [(0.36, 1.0), (0.36, 0.86), (0.5, 0.80), (0.64, 0.86), (0.64, 1.0)], pen.on((78, 56, 46)), None, 1
    )


def castle(pen: Pen, rng: Random) -> None:
    """A battlemented wall between two round towers, with a gate and banners."""
    for x in (0.26, 0.36, 0.46, 0.56, 0.66):
        pen.rect((x, 0.40, x + 0.06, 0.48))
    pen.rect((0.22, 0.46, 0.78, 1.0))
    keep = rng.random() < 0.5
    if keep:
        pen.rect((0.38, 0.22, 0.62, 0.60))
        for x in (0.37, 0.47, 0.57):
            pen.rect((x, 0.16, x + 0.06, 0.24))
        _window(pen, 0.46, 0.30, 0.08, 0.11)
    for left, shade in ((0.0, pen.paint.light), (0.72, pen.paint.base)):
        pen.rect((left + 0.02, 0.30, left + 0.26, 1.0), shade)
        pen.rect((left + 0.17, 0.30, left + 0.26, 1.0), pen.paint.dark, None)
        pen.shape(
            [(left, 0.32), (left + 0.14, 0.06), (left + 0.28, 0.32)], pen.on((92, 90, 110)), pen.on(DARK)
        )
        pen.line(((left + 0.14, 0.0), (left + 0.14, 0.08)), pen.on(DARK), 0.015)
        _window(pen, left + 0.10, 0.46, 0.07, 0.12)
    pen.soft(
        [(0.38, 1.0), (0.38, 0.76), (0.5, 0.62), (0.62, 0.76), (0.62, 1.0)],
        pen.on((62, 46, 42)),
        pen.on(STONE),
        1,
    )


def tent(pen: Pen, rng: Random) -> None:
    """A ridge tent with its flap open, lit from inside at night; or a cone of poles."""
    opening = (255, 214, 110) if pen.light.night else pen.on((58, 50, 52))
    if rng.random() < 0.6:
        pen.shape([(0.34, 0.06), (0.78, 0.10), (1.0, 1.0), (0.66, 1.0)], pen.paint.dark)
        pen.shape([(0.34, 0.06), (0.68, 1.0), (0.0, 1.0)])
        pen.shape([(0.34, 0.36), (0.46, 1.0), (0.20, 1.0)], opening, None)
        pen.line(((0.34, 0.0), (0.34, 0.10)), pen.on(WOOD), 0.03)
    else:
        for x in (0.40, 0.60):
            pen.line(((x, 0.0), (1.0 - x, 0.16)), pen.on(WOOD), 0.03)
        pen.shape([(0.5, 0.06), (0.96, 1.0), (0.04, 1.0)])
        pen.shape([(0.5, 0.06), (0.96, 1.0), (0.68, 1.0)], pen.paint.dark, None)
        pen.shape([(0.5, 0.48), (0.62, 1.0), (0.38, 1.0)], opening, None)
        pen.line(((0.30, 0.46), (0.70, 0.46)), pen.on(CREAM), 0.03)


def windmill(pen: Pen, rng: Random) -> None:
    """A tapering body under a cap, with four latticed sails at any angle."""
    pen.shape([(0.36, 0.34), (0.64, 0.34), (0.78, 1.0), (0.22, 1.0)])
    pen.shape([(0.54, 0.34), (0.64, 0.34), (0.78, 1.0), (0.60, 1.0)], pen.paint.dark, None)
    pen.soft([(0.32, 0.37), (0.36, 0.22), (0.64, 0.22), (0.68, 0.37)], pen.on(ROOF), pen.on(DARK), 1)
    pen.rect((0.43, 0.82, 0.57, 1.0), pen.on((82, 58, 44)), None)
    _window(pen, 0.44, 0.54, 0.12, 0.10)
    turn = rng.uniform(0.25, 1.3)
    sail, frame = pen.on((250, 246, 232)), pen.on((86, 74, 70))
    for n in range(4):
        a = turn + n * pi / 2
        dx, dy = cos(a) * 0.48, sin(a) * 0.33
        side_x, side_y = -sin(a) * 0.13, cos(a) * 0.09
        cx, cy = 0.5, 0.33
        pen.shape(
            [
                (cx + dx * 0.22, cy + dy * 0.22),
                (cx + dx, cy + dy),
                (cx + dx + side_x, cy + dy + side_y),
                (cx + dx * 0.22 + side_x, cy + dy * 0.22 + side_y),
            ],
            sail,
            frame,
        )
        pen.line(((cx, cy), (cx + dx, cy + dy)), frame, 0.022)
    pen.disc(0.5, 0.33, 0.03, frame, None)


FIGURES: dict[Kind, Figure] = {
    Kind.HOUSE: Figure(house),
    Kind.BARN: Figure(barn),
    Kind.CHURCH: Figure(church),
    Kind.TOWER: Figure(tower),
    Kind.CASTLE: Figure(castle),
    Kind.TENT: Figure(tent),
    Kind.WINDMILL: Figure(windmill),
}
