"""Figures on wheels, seen from the side and facing left before they are turned."""

from __future__ import annotations

from math import cos, pi, sin
from random import Random

from vasari.training.scenes.objects.figure import CREAM, DARK, METAL, PANE, Figure
from vasari.training.scenes.palette import RGB
from vasari.training.scenes.pen import Pen
from vasari.training.scenes.scene import Kind

TYRE: RGB = (38, 38, 44)


def _wheel(pen: Pen, x: float, radius: float) -> None:
    y = 1.0 - radius
    pen.disc(x, y, radius, pen.on(TYRE), pen.on((110, 112, 122)))
    pen.disc(x, y, radius * 0.45, pen.on((196, 200, 208)), None)


def _glass(pen: Pen) -> RGB:
    return (255, 226, 140) if pen.light.night else pen.on(PANE)


def _headlight(pen: Pen, x: float, y: float, radius: float) -> None:
    if pen.light.night:
        pen.disc(x - radius * pen.ratio, y, radius * 2.6, (255, 240, 170, 90), None)
    pen.disc(x, y, radius, (255, 246, 196), None)


def car(pen: Pen, rng: Random) -> None:
    """A small car: a rounded cabin on a low body, as a saloon, a hatchback or a beetle."""
    style = rng.randrange(3)
    if style == 0:
        cabin = [(0.22, 0.48), (0.34, 0.04), (0.70, 0.04), (0.84, 0.48)]
    elif style == 1:
        cabin = [(0.24, 0.48), (0.36, 0.02), (0.90, 0.02), (0.97, 0.48)]
    else:
        cabin = [(0.16, 0.50), (0.28, 0.06), (0.52, 0.0), (0.78, 0.06), (0.92, 0.50)]
    pen.soft(cabin, passes=1)
    pen.shape([(0.33, 0.42), (0.39, 0.15), (0.53, 0.15), (0.53, 0.42)], _glass(pen), pen.paint.edge)
    pen.shape([(0.58, 0.42), (0.58, 0.15), (0.69, 0.15), (0.77, 0.42)], _glass(pen), pen.paint.edge)
    pen.soft([(0.0, 0.48), (0.12, 0.40), (0.94, 0.40), (1.0, 0.50), (1.0, 0.86), (0.0, 0.86)], passes=1)
    pen.rect((0.03, 0.72, 0.97, 0.84), pen.paint.dark, None)
    pen.line(((0.08, 0.50), (0.92, 0.50)), pen.paint.light, 0.05)
    _headlight(pen, 0.05, 0.58, 0.06)
    for x in (0.22, 0.78):
        _wheel(pen, x, 0.21)


def bus(pen: Pen, rng: Random) -> None:
    """A long box with a row of windows and a door; now and then with two decks."""
    pen.shape([(0.0, 0.10), (0.05, 0.0), (0.97, 0.0), (1.0, 0.06), (1.0, 0.90), (0.0, 0.90)])
    pen.rect((0.02, 0.74, 0.98, 0.86), pen.paint.dark, None)
    double = rng.random() < 0.35
    rows = ((0.10, 0.30), (0.44, 0.64)) if double else ((0.16, 0.48),)
    for top, bottom in rows:
        for n in range(5):
            x = 0.16 + n * 0.162
            pen.rect((x, top, x + 0.12, bottom), _glass(pen), pen.paint.edge)
        pen.rect((0.03, top, 0.11, bottom + 0.04), _glass(pen), pen.paint.edge)
    if not double:
        pen.line(((0.04, 0.60), (0.97, 0.60)), pen.on(CREAM), 0.05)
    _headlight(pen, 0.04, 0.76, 0.05)
    for x in (0.22, 0.78):
        _wheel(pen, x, 0.16)


def truck(pen: Pen, rng: Random) -> None:
    """A cab in front of a tall coloured load, boxed or open."""
    pen.rect((0.30, 0.74, 0.99, 0.84), pen.on(DARK), None)
    if rng.random() < 0.6:
        pen.rect((0.32, 0.0, 1.0, 0.76))
        pen.rect((0.32, 0.62, 1.0, 0.76), pen.paint.dark, None)
        for x in (0.49, 0.66, 0.83):
            pen.line(((x, 0.04), (x, 0.72)), pen.paint.dark, 0.015)
    else:
        pen.soft(
            [(0.36, 0.36), (0.5, 0.08), (0.7, 0.18), (0.84, 0.10), (0.97, 0.36)],
            pen.on((150, 124, 92)),
            pen.on(DARK),
            1,
        )
        pen.shape([(0.32, 0.30), (1.0, 0.30), (0.98, 0.78), (0.34, 0.78)])
        pen.rect((0.35, 0.64, 0.98, 0.77), pen.paint.dark, None)
    pen.soft([(0.0, 0.84), (0.0, 0.50), (0.10, 0.18), (0.29, 0.18), (0.29, 0.84)], passes=1)
    pen.shape([(0.06, 0.48), (0.13, 0.26), (0.23, 0.26), (0.23, 0.48)], _glass(pen), pen.paint.edge)
    _headlight(pen, 0.03, 0.66, 0.05)
    for x in (0.14, 0.62, 0.84):
        _wheel(pen, x, 0.17)


def tractor(pen: Pen, rng: Random) -> None:
    """A great rear wheel, a small front wheel, a bonnet, a chimney and a cab."""
    pen.line(((0.20, 0.10), (0.20, 0.5)), pen.on(DARK), 0.05)
    cab = rng.random() < 0.7
    if cab:
        pen.rect((0.46, 0.06, 0.86, 0.56), _glass(pen), pen.paint.edge)
        for x in (0.46, 0.84):
            pen.line(((x, 0.06), (x, 0.56)), pen.paint.base, 0.04)
        pen.rect((0.42, 0.0, 0.90, 0.09))
    else:
        pen.shape([(0.72, 0.22), (0.80, 0.22), (0.84, 0.56), (0.64, 0.56)], pen.on(DARK), None)
        pen.line(((0.46, 0.5), (0.56, 0.26)), pen.on(DARK), 0.04)
    pen.soft([(0.0, 0.42), (0.04, 0.34), (0.92, 0.42), (0.92, 0.76), (0.0, 0.76)], passes=1)
    pen.rect((0.02, 0.64, 0.6, 0.75), pen.paint.dark, None)
    for y in (0.46, 0.54):
        pen.line(((0.05, y), (0.30, y)), pen.paint.dark, 0.025)
    _headlight(pen, 0.03, 0.48, 0.04)
    pen.soft([(0.44, 0.62), (0.52, 0.38), (0.94, 0.38), (1.0, 0.60)], passes=1)
    _wheel(pen, 0.18, 0.17)
    _wheel(pen, 0.72, 0.29)


def bicycle(pen: Pen, rng: Random) -> None:
    """Two thin wheels joined by a thick coloured frame."""
    tyre = pen.on((62, 62, 70)) if not pen.light.night else (178, 184, 198)
    for x in (0.22, 0.78):
        for n in range(4):
            a = pi * n / 4 + 0.3
            dx, dy = cos(a) * 0.28 * pen.ratio, sin(a) * 0.28
            pen.line(((x - dx, 0.69 - dy), (x + dx, 0.69 + dy)), pen.on((170, 174, 184)), 0.005)
        pen.ring(x, 0.69, 0.31, tyre, 0.055)
        pen.ring(x, 0.69, 0.265, pen.paint.base, 0.035)
    frame = ((0.22, 0.69), (0.37, 0.30), (0.66, 0.30), (0.50, 0.69), (0.22, 0.69))
    for ink, width in ((pen.paint.edge, 0.12), (pen.paint.base, 0.09)):
        pen.line(frame, ink, width)
        pen.line(((0.37, 0.30), (0.50, 0.69)), ink, width)
        pen.line(((0.64, 0.18), (0.78, 0.69)), ink, width)
    pen.line(((0.66, 0.20), (0.62, 0.08), (0.74, 0.05)), pen.on(DARK), 0.05)
    pen.soft(
        [(0.26, 0.16), (0.46, 0.16), (0.42, 0.25), (0.30, 0.25)], pen.on(DARK), pen.on((120, 120, 130)), 1
    )
    pen.line(((0.37, 0.22), (0.37, 0.32)), pen.on(METAL), 0.04)
    if rng.random() < 0.4:
        pen.shape([(0.74, 0.12), (0.98, 0.12), (0.94, 0.34), (0.78, 0.34)], pen.paint.base)


def train(pen: Pen, rng: Random) -> None:
    """A steam engine with one carriage, or a railcar of two pieces, on a rail."""
    pen.line(((0.0, 0.975), (1.0, 0.975)), pen.on((110, 100, 96)), 0.05)
    if rng.random() < 0.6:
        pen.soft([(0.02, 0.12), (0.08, 0.0), (0.20, 0.06), (0.13, 0.20)], (236, 236, 240, 190), None, 1)
        pen.shape([(0.085, 0.20), (0.165, 0.20), (0.15, 0.42), (0.10, 0.42)], pen.on(DARK), pen.on(METAL))
        pen.soft([(0.03, 0.40), (0.32, 0.36), (0.32, 0.80), (0.03, 0.80)], passes=1)
        pen.rect((0.30, 0.20, 0.48, 0.80))
        pen.rect((0.28, 0.16, 0.50, 0.23), pen.on(DARK), None)
        pen.rect((0.34, 0.30, 0.44, 0.48), _glass(pen), pen.paint.edge)
        pen.shape([(0.0, 0.92), (0.05, 0.74), (0.10, 0.92)], pen.on(DARK), None)
        first = 0.54
    else:
        pen.soft([(0.0, 0.84), (0.02, 0.52), (0.12, 0.18), (0.49, 0.18), (0.49, 0.84)], passes=1)
        pen.shape([(0.06, 0.48), (0.13, 0.27), (0.20, 0.27), (0.20, 0.48)], _glass(pen), pen.paint.edge)
        for x in (0.25, 0.37):
            pen.rect((x, 0.30, x + 0.08, 0.50), _glass(pen), pen.paint.edge)
        first = 0.52
    pen.rect((first, 0.18, 1.0, 0.82))
    pen.rect((first, 0.14, 1.0, 0.20), pen.on((96, 98, 110)), None)
    for n in range(3):
        x = first + 0.045 + n * 0.145
        pen.rect((x, 0.30, x + 0.10, 0.50), _glass(pen), pen.paint.edge)
    pen.rect((0.05, 0.68, 0.99, 0.80), pen.paint.dark, None)
    for x in (0.11, 0.24, 0.40, 0.62, 0.72, 0.92):
        pen.disc(x, 0.87, 0.10, pen.on(TYRE), pen.on((120, 122, 132)))


FIGURES: dict[Kind, Figure] = {
    Kind.CAR: Figure(car, turns=True),
    Kind.BUS: Figure(bus, turns=True),
    Kind.TRUCK: Figure(truck, turns=True),
    Kind.TRACTOR: Figure(tractor, turns=True),
    Kind.BICYCLE: Figure(bicycle, turns=True),
    Kind.TRAIN: Figure(train, turns=True),
}
