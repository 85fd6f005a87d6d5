"""Backdrops without people: mountains, desert, forest, snowfield."""

from __future__ import annotations

from math import cos, pi, sin

from vasari.training.scenes.backdrops.stage import Point, Stage, hill, ridge, specks, tufts
from vasari.training.scenes.palette import RGB, mix


def mountains(stage: Stage) -> None:
    """Ranges of jagged peaks with snow on top, over an alpine meadow with rocks."""
    h, rng = stage.horizon, stage.rng
    for base, tall, ink, fade in (
        (h - 0.02, 0.30, (120, 138, 176), 0.35),
        (h + 0.01, 0.22, (92, 102, 126), 0.08),
    ):
        count = rng.randint(3, 4)
        for n in range(count):
            x = (n + rng.uniform(0.2, 0.8)) / count
            _peak(stage, x, base, tall * rng.uniform(0.72, 1.15), ink, fade)
    stage.band(h, 1.0, stage.lit((126, 158, 96)), stage.lit((86, 132, 66)))
    for base, ink in ((h + 0.015, (112, 150, 98)), (h + 0.10, (118, 160, 88)), (h + 0.24, (98, 144, 72))):
        hill(stage, base, 0.020, stage.lit(ink), 1.0)
    tufts(stage, h + 0.08, 0.99, stage.lit((70, 112, 56)), 34)
    for _ in range(7):
        x, y, r = rng.random(), rng.uniform(h + 0.08, 0.98), rng.uniform(0.014, 0.030)
        stage.area(
            [(x - r, y), (x - r * 0.6, y - r), (x + r * 0.3, y - r * 1.1), (x + r, y)],
            stage.lit((144, 146, 154)),
        )
        stage.area([(x + r * 0.1, y), (x + r * 0.3, y - r * 1.1), (x + r, y)], stage.lit((108, 110, 122)))


def _peak(stage: Stage, x: float, base: float, tall: float, ink: RGB, fade: float) -> None:
    """One mountain: lit and shaded face, and a ragged cap of snow."""
    rng = stage.rng
    wide = tall * rng.uniform(0.75, 1.0)
    top = base - tall
    light = stage.lit(mix(ink, (255, 255, 255), 0.12), fade)
    dark = stage.lit(mix(ink, (20, 24, 60), 0.26), fade)
    if not stage.light.from_left:
        light, dark = dark, light
    bend = rng.uniform(-0.04, 0.04)
    stage.area([(x - wide, base), (x - wide * 0.45, base - tall * 0.50), (x, top), (x + bend, base)], light)
    stage.area([(x + wide, base), (x + wide * 0.52, base - tall * 0.52), (x, top), (x + bend, base)], dark)
    snow, shaded = stage.lit((255, 255, 255), fade * 0.6), stage.lit((196, 208, 232), fade * 0.6)
    if not stage.light.from_left:
        snow, shaded = shaded, snow
    cap = 0.36 * tall
    side = wide * 0.34
    stage.area(
        [
            (x - side, top + cap),
            (x - side * 0.45, top + cap * 0.78),
            (x - side * 0.2, top + cap * 1.15),
            (x + bend * 0.3, top + cap * 0.8),
            (x, top),
        ],
        snow,
    )
    stage.area(
        [
            (x + side, top + cap),
            (x + side * 0.5, top + cap * 0.74),
            (x + side * 0.25, top + cap * 1.1),
            (x + bend * 0.3, top + cap * 0.8),
            (x, top),
        ],
        shaded,
    )


def desert(stage: Stage) -> None:
    """Dunes with a lit and a shaded flank, a table mountain far off, ripples in front."""
    h, rng, side = stage.horizon, stage.rng, stage.side
    for _ in range(rng.randint(1, 2)):
        x, w, t = rng.uniform(0.0, 0.8), rng.uniform(0.14, 0.26), rng.uniform(0.05, 0.10)
        stage.area(
            [(x, h + 0.01), (x + w * 0.14, h - t), (x + w * 0.86, h - t), (x + w, h + 0.01)],
            stage.lit((190, 112, 84), 0.32),
        )
    stage.band(h, 1.0, stage.lit((236, 176, 98)), stage.lit((214, 138, 64)))
    for n in range(4):
        base = h + 0.005 + 0.115 * n
        _dune(stage, base, rng.uniform(0.04, 0.07) * (1 + 0.2 * n), n)
    draw, width = stage.pen(), max(1, round(side * 0.004))
    ripple = (*stage.lit((182, 112, 50)), 110)
    for n in range(9):
        line = ridge(rng, 0.80 + 0.022 * n, 0.006, steps=14)
        start = rng.randint(0, 7)
        draw.line([(x * side, y * side) for x, y in line[start : start + rng.randint(5, 9)]], ripple, width)


def _dune(stage: Stage, base: float, tall: float, n: int) -> None:
    """One dune across the whole width: a long lit back, and a lee side shaded from a winding crest."""
    crest = stage.rng.uniform(0.1, 0.9)
    fade = 0.12 * max(0, 2 - n)
    way = 1 if stage.light.from_left else -1
    lee = [(crest + way * 0.9 * t, base - tall * cos(t * pi / 2) ** 1.5) for t in (k / 10 for k in range(11))]
    back = [(crest - way * 1.2 * t, base - tall * cos(t * pi / 2) ** 2.0) for t in (k / 8 for k in range(9))]
    light = stage.lit((250, 200, 122) if n % 2 else (242, 186, 106), fade)
    stage.area([(-1.2, 1.1), *sorted(back + lee), (2.2, 1.1)], light)
    winding = [
        (crest + way * (0.16 * u - 0.045 * sin(2 * pi * u)), base - tall + (tall + 0.075) * u)
        for u in (k / 10 for k in range(10, -1, -1))
    ]
    stage.area([*lee[:8], *winding], stage.lit((206, 132, 70), fade))


def forest(stage: Stage) -> None:
    """Rows of firs one behind the other, tall trunks at the sides, ferns and needles on the ground."""
    h, rng, side = stage.horizon, stage.rng, stage.side
    for base, tall, step, ink, fade in (
        (h + 0.01, 0.29, 0.050, (70, 112, 96), 0.42),
        (h + 0.02, 0.35, 0.080, (42, 88, 66), 0.16),
    ):
        x = rng.uniform(-0.05, 0.0)
        while x < 1.03:
            _fir(stage, x, base, tall * rng.uniform(0.72, 1.15), stage.lit(ink, fade))
            x += step * rng.uniform(0.75, 1.25)
    stage.band(h + 0.012, 1.0, stage.lit((92, 124, 66)), stage.lit((100, 88, 56)))
    draw = stage.pen()
    bush = stage.lit((54, 98, 62), 0.06)
    for k in range(22):
        x, r = (k / 21 + rng.uniform(-0.015, 0.015)) * side, rng.uniform(0.012, 0.026) * side
        draw.ellipse((x - r * 1.6, (h + 0.014) * side - r, x + r * 1.6, (h + 0.014) * side + r * 0.7), bush)
    for edge in (0.0, 1.0):
        x, w = abs(edge - rng.uniform(0.0, 0.012)), rng.uniform(0.026, 0.036)
        bark, shade = stage.lit((92, 72, 58)), stage.lit((66, 50, 44))
        draw.rectangle(((x - w) * side, 0, (x + w) * side, 0.76 * side), bark)
        draw.rectangle((x * side, 0, (x + w) * side, 0.76 * side), shade)
    specks(stage, h + 0.04, 1.0, (stage.lit((134, 104, 62)), stage.lit((62, 88, 48))), 70, 0.008)
    tufts(stage, h + 0.06, 1.0, stage.lit((46, 84, 44)), 34)


def _fir(stage: Stage, x: float, base: float, tall: float, ink: RGB) -> None:
    w = tall * 0.24
    outline: list[Point] = [(x, base - tall)]
    for t in (0.34, 0.62, 1.0):
        outline += [(x + w * t, base - tall * (1 - t) - 0.004), (x + w * t * 0.55, base - tall * (1 - t))]
    left = [(2 * x - px, py) for px, py in reversed(outline[1:])]
    stage.area(outline + left, ink)


def snowfield(stage: Stage) -> None:
    """White hills with blue shade, wind-blown lines and a few bare stalks."""
    h, rng, side = stage.horizon, stage.rng, stage.side
    hill(stage, h - 0.05, 0.045, stage.light.far(mix((206, 220, 240), stage.haze, 0.3)), h + 0.04)
    stage.band(h, 1.0, stage.light.far((222, 233, 248)), stage.light.far((246, 249, 254)))
    for n, base in enumerate((h + 0.01, h + 0.12, h + 0.27)):
        shade = stage.light.far((198, 214, 240))
        line = ridge(rng, base, 0.030 + 0.008 * n)
        stage.area(
            [(0.0, base + 0.12), *line, (1.0, base + 0.12)], stage.light.far((236 + 5 * n, 242 + 4 * n, 252))
        )
        draw = stage.pen()
        draw.line([(x * side, y * side) for x, y in line], shade, max(1, round(side * 0.008)))
    draw, width = stage.pen(), max(1, round(side * 0.004))
    for _ in range(10):
        x, y = rng.random(), rng.uniform(h + 0.06, 0.98)
        draw.line(
            (x * side, y * side, (x + rng.uniform(0.06, 0.16)) * side, (y + 0.004) * side),
            (*stage.light.far((176, 198, 232)), 150),
            width,
        )
    for _ in range(5):
        x, y = rng.random(), rng.uniform(h + 0.05, 0.97)
        for dx in (-0.012, 0.002, 0.014):
            draw.line(
                (x * side, y * side, (x + dx) * side, (y - 0.035) * side),
                stage.light.far((128, 108, 100)),
                width,
            )
