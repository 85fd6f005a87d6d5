"""Backdrops that people made: a city, a farm, a park."""

from __future__ import annotations

from math import pi, sin

from PIL import ImageDraw

from vasari.training.scenes.backdrops.stage import Point, Stage, hill
from vasari.training.scenes.palette import RGB, mix


def city(stage: Stage) -> None:
    """A skyline of blocks with rows of windows behind a paved street."""
    h, rng, side = stage.horizon, stage.rng, stage.side
    draw = stage.pen()
    for depth, (low, high, fade) in enumerate(((0.20, 0.36, 0.55), (0.09, 0.25, 0.12))):
        x = rng.uniform(-0.06, 0.0)
        while x < 1.0:
            w, tall = rng.uniform(0.075, 0.135), rng.uniform(low, high)
            ink = stage.lit(
                rng.choice(((134, 144, 162), (158, 152, 154), (118, 130, 152), (172, 160, 150))), fade
            )
            draw.rectangle((x * side, (h - tall) * side, (x + w) * side, h * side + 1), ink)
            if rng.random() < 0.3:
                draw.line(
                    ((x + w / 2) * side, (h - tall - 0.045) * side, (x + w / 2) * side, (h - tall) * side),
                    ink,
                    max(1, round(side * 0.006)),
                )
            if depth:
                shade = (*mix(ink, (20, 20, 50), 0.3), 110)
                near_edge = x + w * 0.8 if stage.light.from_left else x
                draw.rectangle(
                    (near_edge * side, (h - tall) * side, (near_edge + w * 0.2) * side, h * side), shade
                )
            _panes(stage, draw, (x, h - tall, x + w, h), fade)
            x += w + (0.006 if depth else 0.0)
    stage.band(h, 1.0, stage.lit((168, 166, 168)), stage.lit((126, 126, 134)))
    draw.rectangle((0, h * side, side, (h + 0.022) * side), stage.lit((122, 124, 130)))
    draw.rectangle((0, 0.695 * side, side, 0.785 * side), stage.lit((84, 86, 96)))
    for y in (0.690, 0.785):
        draw.rectangle((0, y * side, side, (y + 0.010) * side), stage.lit((206, 204, 200)))
    for k in range(7):
        x = (k / 6.5 + 0.02) * side
        draw.rectangle((x, 0.735 * side, x + 0.07 * side, 0.745 * side), stage.lit((244, 240, 226)))
    joint = (*stage.lit((108, 108, 116)), 130)
    for k in range(-6, 17):
        draw.line(
            (
                0.5 * side + (k / 10 - 0.5) * 1.1 * side,
                0.795 * side,
                0.5 * side + (k / 10 - 0.5) * 1.6 * side,
                side,
            ),
            joint,
            max(1, round(side * 0.003)),
        )
    for y in (0.85, 0.92):
        draw.line((0, y * side, side, y * side), joint, max(1, round(side * 0.003)))


def _panes(
    stage: Stage, draw: ImageDraw.ImageDraw, wall: tuple[float, float, float, float], fade: float
) -> None:
    x0, y0, x1, y1 = wall
    side, rng, night = stage.side, stage.rng, stage.light.night
    glass = (255, 216, 116) if night else stage.lit((216, 232, 246), fade * 0.5)
    step_y, rows = 0.030, int((y1 - y0 - 0.02) / 0.030)
    columns = max(2, round((x1 - x0) / 0.034))
    for row in range(rows):
        y = (y0 + 0.014 + row * step_y) * side
        for column in range(columns):
            if night and rng.random() < 0.45:
                continue
            x = (x0 + (x1 - x0) * (column + 0.28) / columns) * side
            draw.rectangle(
                (x, y, x + 0.013 * side, y + 0.014 * side), (*glass, round(255 * (1 - fade * 0.7)))
            )


def farm(stage: Stage) -> None:
    """Fields with furrows that meet at the horizon, hedges between them, low hills behind."""
    h, rng, side = stage.horizon, stage.rng, stage.side
    hill(stage, h - 0.035, 0.025, stage.lit((134, 168, 108), 0.35), h + 0.02)
    fields = [(222, 190, 92), (158, 186, 84), (168, 122, 78), (196, 204, 104), (140, 104, 70)]
    rng.shuffle(fields)
    stage.band(h, 1.0, stage.lit(fields[0]), stage.lit(fields[0]))
    vanish = rng.uniform(0.3, 0.7)
    edges = [-1.6, rng.uniform(-0.35, 0.05), rng.uniform(0.35, 0.65), rng.uniform(0.95, 1.35), 2.6]
    draw = stage.pen()
    for n in range(4):
        _field(stage, draw, fields[n], (vanish, h), (edges[n], edges[n + 1]))
    width = max(1, round(side * 0.010))
    for x in edges[1:4]:
        far = vanish + (x - vanish) * 0.16
        draw.line((far * side, (h + 0.012) * side, x * side, 1.0 * side), stage.lit((86, 122, 62)), width)
    hedge = stage.lit((76, 116, 60), 0.15)
    for k in range(26):
        x, r = (k / 25 + rng.uniform(-0.01, 0.01)) * side, rng.uniform(0.012, 0.020) * side
        draw.ellipse((x - r * 1.4, (h + 0.008) * side - r, x + r * 1.4, (h + 0.008) * side + r), hedge)


def _field(
    stage: Stage, draw: ImageDraw.ImageDraw, ink: RGB, vanish: Point, foot: tuple[float, float]
) -> None:
    (vx, h), (x0, x1), side = vanish, foot, stage.side
    far0, far1 = vx + (x0 - vx) * 0.16, vx + (x1 - vx) * 0.16
    stage.area([(far0, h), (far1, h), (x1, 1.0), (x0, 1.0)], stage.lit(ink))
    furrow = (*stage.lit(mix(ink, (70, 46, 20), 0.34)), 210)
    count = max(3, round((x1 - x0) * 11))
    for k in range(1, count):
        t = k / count
        top, low, half = far0 + (far1 - far0) * t, x0 + (x1 - x0) * t, 0.013
        draw.polygon(
            [(top * side, h * side), ((low + half) * side, side), ((low - half) * side, side)], furrow
        )


def park(stage: Stage) -> None:
    """A mown lawn with stripes, a winding path, clipped hedges and round crowns behind."""
    h, rng, side = stage.horizon, stage.rng, stage.side
    draw = stage.pen()
    crown = stage.lit((110, 160, 104), 0.4)
    x = -0.05
    while x < 1.05:
        r = rng.uniform(0.05, 0.09)
        draw.ellipse(((x - r) * side, (h - 0.035 - r) * side, (x + r) * side, (h - 0.035 + r) * side), crown)
        x += r * 1.1
    stage.band(h, 1.0, stage.lit((142, 204, 92)), stage.lit((112, 184, 72)))
    stripe = (*stage.lit((166, 222, 112)), 150)
    for n, y in enumerate((h + 0.04, h + 0.12, h + 0.23, h + 0.38)):
        draw.rectangle((0, y * side, side, (y + 0.035 + 0.018 * n) * side), stripe)
    hedge, top = stage.lit((70, 126, 62), 0.08), stage.lit((98, 156, 80), 0.08)
    for k in range(6):
        x0 = k / 6 + 0.008
        draw.rectangle((x0 * side, (h - 0.035) * side, (x0 + 0.115) * side, (h + 0.015) * side), hedge)
        draw.rectangle((x0 * side, (h - 0.035) * side, (x0 + 0.115) * side, (h - 0.023) * side), top)
        cx, r = (x0 + 0.138) * side, 0.017 * side
        draw.ellipse((cx - r, (h - 0.02) * side - r, cx + r, (h - 0.02) * side + r), hedge)
    start, foot = rng.uniform(0.35, 0.65), rng.uniform(0.2, 0.8)
    bend = rng.choice((-0.22, 0.22))
    left: list[Point] = []
    right: list[Point] = []
    for n in range(13):
        t = n / 12
        y = h + 0.016 + (1.0 - h) * t**1.4
        x = start + (foot - start) * t + bend * sin(t * pi)
        half = 0.012 + 0.085 * t
        left.append((x - half, y))
        right.append((x + half, y))
    stage.area([*left, *reversed(right)], stage.lit((234, 216, 176)))
    for line in (left, right):
        draw.line(
            [(px * side, py * side) for px, py in line],
            stage.lit((190, 168, 124)),
            max(1, round(side * 0.005)),
        )
