"""The lower half of a postcard, and what rises at the horizon: one backdrop for each setting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin
from random import Random

from PIL import Image, ImageDraw

from training.scenes.layout import HORIZON
from training.scenes.palette import RGB, Ink, Light, mix
from training.scenes.scene import Setting, Time, Weather
from training.scenes.sky import gradient, sky_colours

Point = tuple[float, float]
SNOW: RGB = (240, 245, 252)


@dataclass(frozen=True, slots=True)
class Stage:
    """What the backdrops draw on. Coordinates are fractions of the side; `horizon` is where sky and ground meet."""

    canvas: Image.Image
    light: Light
    weather: Weather
    horizon: float
    sun_x: float
    rng: Random

    @property
    def side(self) -> int:
        """Pixels along one side of the canvas."""
        return self.canvas.size[0]

    @property
    def haze(self) -> RGB:
        """The sky's colour at the horizon, which far things fade into."""
        return sky_colours(self.light.time, self.weather)[2]

    def lit(self, material: RGB, distance: float = 0.0) -> RGB:
        """A material in the light of the hour, snowed over where it snows, faded by `distance` in [0, 1]."""
        if self.weather is Weather.SNOW:
            material = mix(material, SNOW, 0.55)
        elif self.weather is Weather.RAIN:
            material = mix(material, (96, 106, 116), 0.26)
        return mix(self.light.far(material), self.haze, distance)

    def pen(self) -> ImageDraw.ImageDraw:
        """A drawing context that blends translucent inks."""
        return ImageDraw.Draw(self.canvas, "RGBA")

    def area(self, points: list[Point], ink: Ink) -> None:
        """Fill a polygon."""
        side = self.side
        self.pen().polygon([(x * side, y * side) for x, y in points], ink)

    def band(self, top: float, bottom: float, *stops: RGB) -> None:
        """Fill the whole width between two heights with a vertical gradient."""
        side = self.side
        y0, y1 = round(top * side), round(bottom * side)
        self.canvas.paste(gradient((side, y1 - y0), stops), (0, y0))


def ridge(rng: Random, base: float, height: float, waves: int = 3, steps: int = 24) -> list[Point]:
    """A soft hill line from left to right around `base`, at most `height` above or below it."""
    parts = [(rng.uniform(0.6, 1.4) * (n + 1), rng.uniform(0, 2 * pi), 1.0 / (n + 1)) for n in range(waves)]
    total = sum(part[2] for part in parts)
    line: list[Point] = []
    for step in range(steps + 1):
        x = step / steps
        swing = sum(a * sin(f * x * 2 * pi + p) for f, p, a in parts) / total
        line.append((x, base + height * swing))
    return line


def _hill(stage: Stage, base: float, height: float, ink: RGB, bottom: float) -> None:
    stage.area([(0.0, bottom), *ridge(stage.rng, base, height), (1.0, bottom)], ink)


def _specks(
    stage: Stage, top: float, bottom: float, inks: tuple[RGB, ...], count: int, size: float = 0.006
) -> None:
    """Short dashes that give a ground its grain, smaller towards the horizon."""
    draw, side, rng = stage.pen(), stage.side, stage.rng
    for _ in range(count):
        y = top + (bottom - top) * rng.random() ** 0.7
        near = 0.35 + 0.65 * (y - top) / (bottom - top)
        w, h = size * near * 2.2, size * near * 0.55
        x = rng.random()
        draw.ellipse(
            ((x - w) * side, (y - h) * side, (x + w) * side, (y + h) * side), (*rng.choice(inks), 130)
        )


def _tufts(stage: Stage, top: float, bottom: float, ink: RGB, count: int) -> None:
    """Blades of grass."""
    draw, side, rng = stage.pen(), stage.side, stage.rng
    width = max(1, round(side * 0.004))
    for _ in range(count):
        x, y = rng.random() * side, rng.uniform(top, bottom) * side
        h = side * rng.uniform(0.010, 0.020)
        for dx in (-0.6, 0.0, 0.6):
            draw.line((x, y, x + dx * h, y - h), ink, width)


def _water(stage: Stage, top: float, bottom: float, deep: RGB, shallow: RGB) -> None:
    """Water that mirrors what stands above `top`, with glints under the sun and dashes of waves."""
    side, rng = stage.side, stage.rng
    y0, y1 = round(top * side), round(bottom * side)
    height = y1 - y0
    mirrored = stage.canvas.crop((0, max(0, y0 - height), side, y0)).transpose(
        Image.Transpose.FLIP_TOP_BOTTOM
    )
    colour = gradient((side, height), (stage.lit(deep), stage.lit(shallow)))
    if mirrored.size != colour.size:
        mirrored = mirrored.resize(colour.size)
    share = 0.46 if stage.light.time is not Time.NOON else 0.66
    stage.canvas.paste(Image.blend(mirrored, colour, share), (0, y0))
    draw = stage.pen()
    width = max(1, round(side * 0.004))
    glint = {
        Time.DAWN: (255, 240, 230),
        Time.NOON: (255, 255, 255),
        Time.SUNSET: (255, 200, 110),
        Time.NIGHT: (206, 216, 250),
    }[stage.light.time]
    for _ in range(46):
        near = rng.random()
        y = (top + (bottom - top) * near) * side
        x, w = rng.random() * side, (0.012 + 0.035 * near) * side
        draw.line((x - w, y, x + w, y), (*glint, rng.randint(28, 80)), width)
    for n in range(14):
        y = (top + (bottom - top) * (n + 0.5) / 14) * side
        w = (0.02 + 0.05 * n / 14 + rng.uniform(-0.01, 0.02)) * side
        x = stage.sun_x * side + rng.uniform(-0.012, 0.012) * side
        draw.line((x - w, y, x + w, y), (*glint, 120 if stage.weather is Weather.CLEAR else 50), width)


def beach(stage: Stage) -> None:
    """Sea to the horizon, breakers, and bright sand with shells."""
    h, rng, side = stage.horizon, stage.rng, stage.side
    if rng.random() < 0.5:
        x = rng.uniform(0.0, 0.7)
        isle = [(x + 0.3 * t, h - 0.03 * sin(pi * t)) for t in (n / 8 for n in range(9))]
        stage.area(isle, stage.lit((92, 132, 140), 0.45))
    _water(stage, h, 0.76, (14, 104, 178), (70, 196, 206))
    shore = [(x, 0.715 + (y - 0.715) * 0.5) for x, y in ridge(rng, 0.715, 0.030)]
    sand = stage.lit((246, 214, 146))
    stage.band(0.76, 1.0, sand, stage.lit((226, 184, 112)))
    foam = stage.lit((255, 255, 255))
    stage.area([(0.0, 0.77), *[(x, y - 0.022) for x, y in shore], (1.0, 0.77)], (*foam, 190))
    stage.area([(0.0, 0.77), *[(x, y - 0.006) for x, y in shore], (1.0, 0.77)], stage.lit((208, 172, 116)))
    stage.area([(0.0, 0.77), *[(x, y + 0.014) for x, y in shore], (1.0, 0.77)], sand)
    draw = stage.pen()
    for y in (0.60, 0.645):
        wave = ridge(rng, y, 0.006)
        start = rng.randint(0, 8)
        part = wave[start : start + rng.randint(8, 15)]
        draw.line([(px * side, py * side) for px, py in part], (*foam, 190), max(1, round(side * 0.007)))
    _specks(stage, 0.78, 1.0, (stage.lit((206, 160, 96)), stage.lit((255, 240, 200))), 60)


def harbour(stage: Stage) -> None:
    """Sheds and cranes across the basin, a paved quay with bollards in front."""
    h, rng, side = stage.horizon, stage.rng, stage.side
    x = -0.02
    while x < 1.0:
        w, tall = rng.uniform(0.07, 0.14), rng.uniform(0.025, 0.07)
        stage.area(
            [(x, h), (x, h - tall), (x + w / 2, h - tall - 0.02), (x + w, h - tall), (x + w, h)],
            stage.lit(rng.choice(((150, 150, 158), (168, 152, 142), (132, 142, 152))), 0.3),
        )
        x += w
    for _ in range(rng.randint(2, 3)):
        _crane(stage, rng.uniform(0.05, 0.95), h)
    _water(stage, h, 0.74, (16, 74, 108), (40, 116, 140))
    stage.band(0.72, 1.0, stage.lit((186, 182, 178)), stage.lit((150, 146, 146)))
    draw = stage.pen()
    joint = (*stage.lit((104, 100, 104)), 150)
    width = max(1, round(side * 0.004))
    stage.area([(0.0, 0.715), (1.0, 0.715), (1.0, 0.738), (0.0, 0.738)], stage.lit((110, 104, 104)))
    rows = (0.738, 0.775, 0.825, 0.89, 0.97)
    for n, y in enumerate(rows):
        draw.line((0, y * side, side, y * side), joint, width)
        bottom = rows[n + 1] if n + 1 < len(rows) else 1.0
        for k in range(-1, 9):
            top_x = 0.5 + (k / 7 - 0.5 + (n % 2) / 14) * 1.25
            low_x = 0.5 + (top_x - 0.5) * 1.06
            draw.line((top_x * side, y * side, low_x * side, bottom * side), joint, width)
    for k in range(5):
        bx, r = (0.08 + 0.21 * k) * side, 0.014 * side
        draw.rectangle((bx - r, 0.690 * side, bx + r, 0.722 * side), stage.lit((60, 60, 70)))
        draw.ellipse((bx - r * 1.5, 0.680 * side, bx + r * 1.5, 0.700 * side), stage.lit((78, 78, 88)))


def _crane(stage: Stage, x: float, h: float) -> None:
    ink, side = stage.lit((112, 116, 128), 0.25), stage.side
    draw, width = stage.pen(), max(1, round(stage.side * 0.008))
    reach = stage.rng.choice((-0.12, 0.12))
    for line in (
        ((x, h), (x, h - 0.20)),
        ((x - reach * 0.4, h - 0.15), (x + reach, h - 0.19)),
        ((x, h - 0.20), (x + reach, h - 0.19)),
        ((x + reach * 0.8, h - 0.185), (x + reach * 0.8, h - 0.11)),
    ):
        draw.line([(px * side, py * side) for px, py in line], ink, width)


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
    _hill(stage, h + 0.015, 0.018, stage.lit((112, 148, 92)), h + 0.06)
    _tufts(stage, h + 0.08, 0.99, stage.lit((70, 112, 56)), 34)
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
    light, dark = (
        stage.lit(mix(ink, (255, 255, 255), 0.12), fade),
        stage.lit(mix(ink, (20, 24, 60), 0.26), fade),
    )
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
    _hill(stage, h - 0.035, 0.025, stage.lit((134, 168, 108), 0.35), h + 0.02)
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
    rng = stage.rng
    crest = rng.uniform(0.1, 0.9)
    light = stage.lit((250, 198, 118) if n % 2 else (242, 184, 104), 0.12 * max(0, 2 - n))
    dark = stage.lit((198, 122, 62), 0.12 * max(0, 2 - n))
    slope = [
        (crest + (1.2 * t - 0.0), base - tall * cos(t * pi / 2) ** 1.6) for t in (k / 8 for k in range(9))
    ]
    left = [
        (crest - 1.2 * t, base - tall * cos(t * pi / 2) ** 2.2) for t in (k / 8 for k in range(8, -1, -1))
    ]
    stage.area([*left, *slope, (2.2, base + 0.14), (-1.2, base + 0.14)], light)
    way = 1 if stage.light.from_left else -1
    stage.area(
        [
            (crest, base - tall),
            (crest + way * 0.20, base - tall * 0.45),
            (crest + way * 0.44, base + 0.012),
            (crest + way * 0.10, base + 0.02),
            (crest + way * 0.03, base - tall * 0.3),
        ],
        dark,
    )


def forest(stage: Stage) -> None:
    """Rows of firs one behind the other, tall trunks at the sides, ferns and needles on the ground."""
    h, rng, side = stage.horizon, stage.rng, stage.side
    for base, tall, step, ink, fade in (
        (h + 0.01, 0.22, 0.050, (70, 112, 96), 0.45),
        (h + 0.02, 0.29, 0.075, (42, 88, 66), 0.18),
    ):
        x = rng.uniform(-0.05, 0.0)
        while x < 1.03:
            _fir(stage, x, base, tall * rng.uniform(0.72, 1.15), stage.lit(ink, fade))
            x += step * rng.uniform(0.75, 1.25)
    stage.band(h + 0.012, 1.0, stage.lit((76, 108, 62)), stage.lit((104, 92, 58)))
    draw = stage.pen()
    for edge in (0.0, 1.0):
        x, w = abs(edge - rng.uniform(0.0, 0.012)), rng.uniform(0.026, 0.036)
        bark, shade = stage.lit((92, 72, 58)), stage.lit((66, 50, 44))
        draw.rectangle(((x - w) * side, 0, (x + w) * side, 0.76 * side), bark)
        draw.rectangle((x * side, 0, (x + w) * side, 0.76 * side), shade)
    _specks(stage, h + 0.04, 1.0, (stage.lit((134, 104, 62)), stage.lit((62, 88, 48))), 70, 0.008)
    _tufts(stage, h + 0.06, 1.0, stage.lit((46, 84, 44)), 34)


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
    _hill(stage, h - 0.05, 0.045, stage.light.far(mix((206, 220, 240), stage.haze, 0.3)), h + 0.04)
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


def lake(stage: Stage) -> None:
    """Still water between wooded hills and a meadow with reeds."""
    h, rng, side = stage.horizon, stage.rng, stage.side
    _hill(stage, h - 0.09, 0.05, stage.lit((96, 142, 132), 0.42), h + 0.01)
    _hill(stage, h - 0.035, 0.028, stage.lit((74, 128, 84), 0.15), h + 0.01)
    stage.area([(0.0, h), (0.0, h - 0.014), (1.0, h - 0.014), (1.0, h)], stage.lit((150, 176, 96), 0.1))
    _water(stage, h, 0.75, (36, 110, 150), (86, 162, 184))
    bank = ridge(rng, 0.715, 0.016)
    stage.band(0.75, 1.0, stage.lit((132, 176, 88)), stage.lit((98, 152, 66)))
    stage.area([(0.0, 0.76), *[(x, y - 0.008) for x, y in bank], (1.0, 0.76)], stage.lit((112, 104, 66)))
    stage.area([(0.0, 0.76), *bank, (1.0, 0.76)], stage.lit((132, 176, 88)))
    _tufts(stage, 0.77, 0.99, stage.lit((74, 124, 54)), 40)
    draw, width = stage.pen(), max(1, round(side * 0.005))
    for cluster in (
        rng.uniform(0.0, 0.07),
        rng.uniform(0.30, 0.36),
        rng.uniform(0.64, 0.70),
        rng.uniform(0.93, 1.0),
    ):
        for _ in range(7):
            x = (cluster + rng.uniform(-0.03, 0.03)) * side
            top = rng.uniform(0.615, 0.675) * side
            draw.line(
                (x, 0.735 * side, x + rng.uniform(-0.008, 0.008) * side, top), stage.lit((84, 122, 56)), width
            )
            if rng.random() < 0.45:
                draw.line((x, top, x, top + 0.028 * side), stage.lit((110, 72, 44)), width * 2)


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


_BACKDROPS: dict[Setting, Callable[[Stage], None]] = {
    Setting.BEACH: beach,
    Setting.HARBOUR: harbour,
    Setting.MOUNTAINS: mountains,
    Setting.CITY: city,
    Setting.FARM: farm,
    Setting.DESERT: desert,
    Setting.FOREST: forest,
    Setting.SNOWFIELD: snowfield,
    Setting.LAKE: lake,
    Setting.PARK: park,
}


def draw_ground(
    canvas: Image.Image, setting: Setting, light: Light, weather: Weather, sun_x: float, rng: Random
) -> None:
    """Paint the setting below and at its horizon, over a finished sky."""
    _BACKDROPS[setting](Stage(canvas, light, weather, HORIZON[setting], sun_x, rng))
