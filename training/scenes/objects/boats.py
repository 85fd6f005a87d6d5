"""Figures of the water: boats, a lighthouse, a buoy, water birds."""

from __future__ import annotations

from random import Random

from vasari.training.scenes.objects.figure import CREAM, DARK, METAL, WOOD, Figure
from vasari.training.scenes.pen import Pen
from vasari.training.scenes.scene import Kind


def sailboat(pen: Pen, rng: Random) -> None:
    """Two coloured sails on a mast over a small hull; the cut of the sails varies."""
    mast = 0.46
    belly = rng.uniform(0.02, 0.10)
    peak = rng.uniform(0.0, 0.05)
    pen.line(((mast, 0.0), (mast, 0.85)), pen.on(WOOD), 0.025)
    main = [(mast + 0.02, peak), (mast + 0.26 + belly, 0.38), (0.97, 0.74), (mast + 0.02, 0.76)]
    pen.shape(main)
    pen.shape(
        [(mast + 0.02, peak + 0.05), (mast + 0.16, 0.38), (0.66, 0.75), (mast + 0.02, 0.76)],
        pen.paint.light,
        None,
    )
    jib = rng.uniform(0.06, 0.22)
    pen.shape([(mast - 0.03, jib), (mast - 0.03, 0.74), (0.06, 0.74)], pen.paint.dark)
    if rng.random() < 0.5:
        pen.line(((mast + 0.05, 0.5), (0.82, 0.52)), pen.paint.edge, 0.012)
    hull = [(0.0, 0.80), (1.0, 0.80), (0.86, 1.0), (0.16, 1.0)]
    pen.soft(hull, pen.paint.base, passes=1)
    pen.shape([(0.05, 0.92), (0.95, 0.92), (0.86, 1.0), (0.16, 1.0)], pen.on((104, 66, 40)), None)
    pen.line(((0.03, 0.82), (0.97, 0.82)), pen.on(CREAM), 0.025)


def rowboat(pen: Pen, rng: Random) -> None:
    """A low open boat with two oars."""
    pen.soft([(0.06, 0.36), (0.94, 0.36), (0.86, 0.58), (0.14, 0.58)], pen.on((92, 62, 40)), passes=1)
    for seat in (0.34, 0.6):
        pen.rect((seat, 0.38, seat + 0.07, 0.52), pen.on(WOOD), None)
    tilt = rng.uniform(0.0, 0.12)
    pen.line(((0.5, 0.42), (0.2, 0.02 + tilt)), pen.on(WOOD), 0.06)
    pen.line(((0.56, 0.42), (0.84, 0.02 + tilt)), pen.on(WOOD), 0.06)
    pen.disc(0.19, 0.06 + tilt, 0.08, pen.on(WOOD), None)
    pen.disc(0.85, 0.06 + tilt, 0.08, pen.on(WOOD), None)
    pen.soft([(0.0, 0.30), (0.10, 0.47), (0.90, 0.47), (1.0, 0.30), (0.88, 1.0), (0.14, 1.0)], passes=1)
    pen.shape([(0.10, 0.80), (0.90, 0.80), (0.84, 0.95), (0.17, 0.95)], pen.paint.dark, None)
    pen.line(((0.08, 0.54), (0.92, 0.54)), pen.paint.light, 0.07)


def ship(pen: Pen, rng: Random) -> None:
    """A steamer: a long coloured hull, white decks and one or two funnels."""
    white = pen.on((240, 240, 236))
    grey = pen.on((120, 126, 140))
    funnels = rng.choice((1, 2, 3))
    for n in range(funnels):
        x = 0.36 + 0.17 * n + (0.1 if funnels == 1 else 0.0)
        pen.shape([(x, 0.06), (x + 0.09, 0.06), (x + 0.08, 0.34), (x + 0.01, 0.34)])
        pen.rect((x, 0.06, x + 0.09, 0.13), pen.on(DARK), None)
    pen.rect((0.26, 0.28, 0.82, 0.44), white, grey)
    pen.rect((0.18, 0.42, 0.90, 0.58), white, grey)
    for n in range(8):
        pen.rect((0.22 + 0.082 * n, 0.46, 0.26 + 0.082 * n, 0.53), pen.light.window, None)
    pen.line(((0.12, 0.56), (0.12, 0.1)), grey, 0.02)
    pen.shape([(0.0, 0.50), (0.13, 0.57), (0.97, 0.57), (1.0, 0.54), (0.94, 1.0), (0.12, 1.0)])
    pen.shape([(0.09, 0.86), (0.96, 0.86), (0.94, 1.0), (0.12, 1.0)], pen.paint.dark, None)
    pen.line(((0.04, 0.62), (0.98, 0.62)), pen.paint.light, 0.035)


def lighthouse(pen: Pen, rng: Random) -> None:
    """A tapering tower with pale bands and a lantern that burns at night."""
    pen.soft(
        [(0.0, 1.0), (0.06, 0.90), (0.4, 0.87), (0.92, 0.9), (1.0, 1.0)], pen.on((122, 116, 112)), passes=1
    )
    lantern = pen.on((255, 232, 130))
    if pen.light.night:
        for reach in (0.5, 0.34):
            pen.disc(0.5, 0.13, reach * 0.3, (255, 236, 150, 70), None)
    pen.shape([(0.30, 0.24), (0.70, 0.24), (0.84, 0.92), (0.16, 0.92)])
    pen.shape([(0.56, 0.24), (0.70, 0.24), (0.84, 0.92), (0.62, 0.92)], pen.paint.dark, None)
    bands = rng.choice((1, 2))
    for n in range(bands):
        top = 0.46 + 0.24 * n if bands == 2 else 0.55
        bow = (top - 0.24) * 0.2
        low = bow + 0.02
        pen.shape(
            [(0.30 - bow, top), (0.70 + bow, top), (0.70 + low, top + 0.09), (0.30 - low, top + 0.09)],
            pen.on(CREAM),
            None,
        )
    pen.rect((0.22, 0.20, 0.78, 0.25), pen.on(DARK), None)
    pen.rect((0.34, 0.09, 0.66, 0.20), lantern, pen.on(DARK))
    pen.shape([(0.26, 0.10), (0.5, 0.0), (0.74, 0.10)])
    pen.rect((0.44, 0.82, 0.58, 0.92), pen.on(DARK), None)


def buoy(pen: Pen, rng: Random) -> None:
    """A fat cone with a light on top, a pale band around it, and a floating ring."""
    pen.line(((0.5, 0.02), (0.5, 0.3)), pen.on(DARK), 0.04)
    pen.disc(0.5, 0.07, 0.07, (255, 238, 150) if pen.light.night else pen.on(METAL), pen.on(DARK))
    slope = rng.uniform(0.0, 0.08)
    pen.shape([(0.38 - slope, 0.2), (0.62 + slope, 0.2), (0.86, 0.84), (0.14, 0.84)])
    pen.shape([(0.54, 0.2), (0.62 + slope, 0.2), (0.86, 0.84), (0.64, 0.84)], pen.paint.dark, None)
    pen.shape([(0.28, 0.46), (0.72, 0.46), (0.77, 0.58), (0.23, 0.58)], pen.on(CREAM), None)
    pen.soft([(0.0, 0.78), (1.0, 0.78), (0.92, 1.0), (0.08, 1.0)], passes=1)
    pen.line(((0.12, 0.84), (0.88, 0.84)), pen.paint.light, 0.04)


def swan(pen: Pen, rng: Random) -> None:
    """A long curved neck over a full body with a raised wing."""
    lift = rng.uniform(0.0, 0.08)
    body = [
        (0.24, 0.66),
        (0.40, 0.56),
        (0.62, 0.48 - lift),
        (1.0, 0.40),
        (0.94, 0.76),
        (0.78, 1.0),
        (0.34, 1.0),
        (0.14, 0.86),
    ]
    neck = [
        (0.22, 0.82),
        (0.10, 0.66),
        (0.22, 0.46),
        (0.22, 0.22),
        (0.12, 0.17),
        (0.14, 0.0),
        (0.34, 0.0),
        (0.40, 0.18),
        (0.36, 0.44),
        (0.32, 0.60),
        (0.40, 0.80),
    ]
    pen.soft(neck)
    pen.soft(body)
    pen.soft(
        [(0.42, 0.66), (0.66, 0.54), (0.97, 0.48), (0.84, 0.80), (0.52, 0.86)],
        pen.paint.light,
        pen.paint.edge,
    )
    pen.soft([(0.26, 0.93), (0.82, 0.90), (0.74, 1.0), (0.34, 1.0)], pen.paint.dark, None, 1)
    pen.shape([(0.16, 0.06), (0.0, 0.16), (0.16, 0.15)], pen.on((238, 120, 30)), pen.on(DARK))
    pen.disc(0.21, 0.075, 0.022, pen.on(DARK), None)


def duck(pen: Pen, rng: Random) -> None:
    """A round head on a short neck, a flat bill and an upturned tail."""
    tail = rng.uniform(0.30, 0.42)
    body = [
        (0.16, 0.62),
        (0.34, 0.50),
        (0.62, 0.56),
        (1.0, tail),
        (0.96, 0.80),
        (0.76, 1.0),
        (0.26, 1.0),
        (0.10, 0.84),
    ]
    pen.soft(body)
    pen.soft([(0.14, 0.74), (0.15, 0.36), (0.40, 0.36), (0.46, 0.70)], pen.paint.base, None, 1)
    pen.disc(0.29, 0.24, 0.23)
    pen.soft(
        [(0.38, 0.66), (0.64, 0.62), (0.90, 0.66), (0.72, 0.88), (0.46, 0.86)], pen.paint.dark, pen.paint.edge
    )
    pen.line(((0.20, 0.50), (0.42, 0.50)), pen.on(CREAM), 0.05)
    pen.soft(
        [(0.14, 0.22), (0.0, 0.30), (0.0, 0.38), (0.17, 0.36)],
        pen.on((246, 176, 30)),
        pen.on((120, 70, 10)),
        1,
    )
    pen.disc(0.24, 0.20, 0.04, pen.on((255, 255, 255)), None)
    pen.disc(0.235, 0.20, 0.024, pen.on((20, 20, 24)), None)


FIGURES: dict[Kind, Figure] = {
    Kind.SAILBOAT: Figure(sailboat, turns=True, floats=True),
    Kind.ROWBOAT: Figure(rowboat, turns=True, floats=True),
    Kind.SHIP: Figure(ship, turns=True, floats=True),
    Kind.LIGHTHOUSE: Figure(lighthouse),
    Kind.BUOY: Figure(buoy, floats=True),
    Kind.SWAN: Figure(swan, turns=True, floats=True),
    Kind.DUCK: Figure(duck, turns=True, floats=True),
}
