"""Figures of the smaller things."""

from __future__ import annotations

from math import cos, pi, sin
from random import Random

from vasari.training.scenes.objects.figure import CREAM, DARK, METAL, WOOD, Figure
from vasari.training.scenes.pen import Pen
from vasari.training.scenes.scene import Kind


def umbrella(pen: Pen, rng: Random) -> None:
    """A domed canopy with scalloped panels on a hooked pole."""
    pen.line(((0.5, 0.0), (0.5, 0.94)), pen.on(WOOD), 0.035)
    pen.line(((0.5, 0.92), (0.52, 0.985), (0.60, 0.985), (0.62, 0.92)), pen.on(WOOD), 0.035)
    dome = [(0.5 - 0.5 * cos(a), 0.50 - 0.45 * sin(a)) for a in (pi * n / 12 for n in range(13))]
    scallops = [
        (x, 0.50 - (0.06 if n % 2 else 0.0))
        for n, x in enumerate((1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125))
    ]
    pen.shape(dome + scallops)
    pen.shape([(0.5, 0.05), (0.66, 0.22), (0.75, 0.49), (0.5, 0.49)], pen.paint.light, None)
    pen.shape([(0.62, 0.07), (0.92, 0.26), (0.99, 0.49), (0.78, 0.47)], pen.paint.dark, None)
    if rng.random() < 0.4:
        pen.shape([(0.5, 0.05), (0.34, 0.22), (0.25, 0.49), (0.36, 0.47)], pen.on(CREAM), None)
    pen.line(((0.5, 0.0), (0.5, 0.06)), pen.on(DARK), 0.03)


def bench(pen: Pen, rng: Random) -> None:
    """A slatted seat and back on dark iron legs."""
    iron = pen.on((58, 58, 66)) if not pen.light.night else (128, 132, 148)
    for x in (0.12, 0.88):
        pen.line(((x, 0.04), (x, 1.0)), iron, 0.08)
        pen.line(((x, 0.62), (x + (0.05 if x < 0.5 else -0.05), 1.0)), iron, 0.06)
    slats = rng.choice((2, 3))
    for n in range(slats):
        top = 0.02 + n * 0.44 / slats
        pen.rect((0.0, top, 1.0, top + 0.40 / slats - 0.02), pen.paint.light if n == 0 else None)
    pen.rect((-0.02, 0.54, 1.02, 0.74))
    pen.rect((0.0, 0.67, 1.0, 0.74), pen.paint.dark, None)


def lamp(pen: Pen, rng: Random) -> None:
    """A post with one or two lanterns that glow at night."""
    glass = (255, 236, 150) if pen.light.night else pen.on((250, 244, 206))
    double = rng.random() < 0.4
    heads = (0.20, 0.80) if double else (0.5,)
    pen.rect((0.40, 0.26, 0.60, 0.94))
    pen.rect((0.51, 0.26, 0.60, 0.94), pen.paint.dark, None)
    pen.shape([(0.16, 1.0), (0.28, 0.90), (0.72, 0.90), (0.84, 1.0)])
    if double:
        pen.rect((0.14, 0.28, 0.86, 0.33))
    spread = 0.25 if double else 0.36
    for x in heads:
        if pen.light.night:
            pen.disc(x, 0.16, 0.17, (255, 236, 150, 90), None)
        top, foot = spread * 0.8, spread * 0.52
        pen.shape(
            [(x - top, 0.09), (x + top, 0.09), (x + foot, 0.27), (x - foot, 0.27)], glass, pen.paint.edge
        )
        pen.shape([(x - spread, 0.10), (x, 0.0), (x + spread, 0.10)])
    pen.rect((0.26, 0.50, 0.74, 0.54))


def flag(pen: Pen, rng: Random) -> None:
    """A waving cloth on a pole."""
    pole = pen.on((212, 212, 216)) if pen.light.night or rng.random() < 0.5 else pen.on((120, 96, 72))
    pen.line(((0.10, 0.02), (0.10, 1.0)), pole, 0.045)
    pen.disc(0.10, 0.03, 0.035, pen.on((240, 200, 70)), None)
    wave = rng.uniform(0.03, 0.07) * rng.choice((-1, 1))
    steps = [n / 10 for n in range(11)]
    upper = [(0.13 + 0.87 * t, 0.06 + wave + wave * sin(t * 2 * pi)) for t in steps]
    lower = [(0.13 + 0.87 * t, 0.54 + wave + wave * sin(t * 2 * pi)) for t in reversed(steps)]
    pen.shape(upper + lower)
    pen.shape([*upper[2:5], *lower[6:9]], pen.paint.light, None)
    pen.shape([*upper[6:9], *lower[2:5]], pen.paint.dark, None)


def snowman(pen: Pen, rng: Random) -> None:
    """Three balls with a carrot nose and twig arms; the whole of it takes the named colour."""
    twig = pen.on((104, 72, 48))
    pen.line(((0.30, 0.48), (0.0, 0.32)), twig, 0.025)
    pen.line(((0.70, 0.48), (1.0, rng.uniform(0.28, 0.44))), twig, 0.025)
    for y, r in ((0.79, 0.22), (0.50, 0.165), (0.255, 0.125)):
        pen.disc(0.5, y, r)
        dx = r * pen.ratio
        pen.soft(
            [
                (0.5 + dx * 0.35, y + r * 0.9),
                (0.5 + dx * 0.95, y + r * 0.3),
                (0.5 + dx * 0.9, y - r * 0.3),
                (0.5 + dx * 0.6, y + r * 0.4),
            ],
            pen.paint.dark,
            None,
            1,
        )
    coal = pen.on((30, 30, 36)) if sum(pen.paint.base) > 200 else pen.on((240, 240, 240))
    if rng.random() < 0.7:
        pen.rect((0.34, 0.0, 0.66, 0.13), pen.on((50, 48, 58)), pen.on((150, 150, 164)))
        pen.rect((0.22, 0.12, 0.78, 0.16), pen.on((50, 48, 58)), pen.on((150, 150, 164)))
    else:
        pen.soft(
            [(0.28, 0.18), (0.36, 0.03), (0.64, 0.03), (0.72, 0.18)], pen.on((90, 96, 116)), pen.on(DARK), 1
        )
    for x in (0.43, 0.57):
        pen.disc(x, 0.22, 0.018, coal, None)
    for y in (0.46, 0.54, 0.72):
        pen.disc(0.5, y, 0.018, coal, None)
    pen.shape([(0.50, 0.24), (0.30, 0.28), (0.50, 0.285)], pen.on((244, 128, 30)), None)


def ball(pen: Pen, rng: Random) -> None:
    """A sphere with a highlight and a stripe, a star or seams."""
    pen.oval((0.0, 0.0, 1.0, 1.0))
    pen.soft(
        [(0.98, 0.36), (1.0, 0.64), (0.76, 0.94), (0.42, 1.0), (0.20, 0.90), (0.70, 0.78)],
        pen.paint.dark,
        None,
        1,
    )
    style = rng.randrange(3)
    trim = pen.on((70, 70, 80)) if min(pen.paint.base) > 170 else pen.on(CREAM)
    if style == 0:
        pen.soft(
            [(0.02, 0.40), (0.5, 0.52), (0.98, 0.40), (0.98, 0.54), (0.5, 0.68), (0.02, 0.54)], trim, None, 1
        )
    elif style == 1:
        star = [
            (
                0.5 + (0.26 if n % 2 == 0 else 0.11) * sin(n * pi / 5),
                0.5 - (0.26 if n % 2 == 0 else 0.11) * cos(n * pi / 5),
            )
            for n in range(10)
        ]
        pen.shape(star, trim, None)
    else:
        pen.line(((0.5, 0.02), (0.38, 0.5), (0.5, 0.98)), trim, 0.05)
        pen.line(((0.02, 0.5), (0.5, 0.40), (0.98, 0.5)), trim, 0.05)
    pen.oval((0.20, 0.12, 0.44, 0.32), pen.paint.light, None)


def barrel(pen: Pen, rng: Random) -> None:
    """A bulging cask with two hoops and a lid."""
    pen.soft([(0.12, 0.06), (0.88, 0.06), (1.06, 0.52), (0.88, 1.0), (0.12, 1.0), (-0.06, 0.52)], passes=2)
    pen.soft(
        [(0.72, 0.10), (0.86, 0.12), (0.98, 0.52), (0.84, 0.94), (0.70, 0.96), (0.80, 0.52)],
        pen.paint.dark,
        None,
        1,
    )
    for x in (0.34, 0.50, 0.66):
        pen.line(((x, 0.14), (0.5 + (x - 0.5) * 1.25, 0.52), (x, 0.97)), pen.paint.dark, 0.012)
    hoop = pen.on((112, 116, 128)) if rng.random() < 0.6 else pen.on(METAL)
    for y, inset in ((0.28, 0.045), (0.74, 0.045)):
        pen.rect((inset, y, 1.0 - inset, y + 0.08), hoop, None)
    pen.oval((0.13, 0.0, 0.87, 0.16), pen.paint.light)
    pen.oval((0.22, 0.035, 0.78, 0.125), pen.paint.dark, None)


def fence(pen: Pen, rng: Random) -> None:
    """Pickets on two rails: pointed, round or flat."""
    for y in (0.34, 0.70):
        pen.rect((0.0, y, 1.0, y + 0.13), pen.paint.dark)
    pickets = 6
    style = rng.randrange(3)
    for n in range(pickets):
        x = n / pickets + 0.02
        w = 0.125
        if style == 0:
            pen.shape([(x, 1.0), (x, 0.18), (x + w / 2, 0.0), (x + w, 0.18), (x + w, 1.0)])
        elif style == 1:
            pen.soft([(x, 1.0), (x, 1.0), (x, 0.02), (x + w, 0.02), (x + w, 1.0), (x + w, 1.0)], passes=1)
        else:
            pen.rect((x, 0.06, x + w, 1.0))
        pen.line(((x + 0.03, 0.22), (x + 0.03, 0.94)), pen.paint.light, 0.03)


FIGURES: dict[Kind, Figure] = {
    Kind.UMBRELLA: Figure(umbrella),
    Kind.BENCH: Figure(bench),
    Kind.LAMP: Figure(lamp),
    Kind.FLAG: Figure(flag, turns=True),
    Kind.SNOWMAN: Figure(snowman),
    Kind.BALL: Figure(ball),
    Kind.BARREL: Figure(barrel),
    Kind.FENCE: Figure(fence),
}
