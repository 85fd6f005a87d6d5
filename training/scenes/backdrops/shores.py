"""Backdrops with water: a beach, a harbour, a lake."""

from __future__ import annotations

from math import pi, sin

from PIL import Image

from vasari.training.scenes.backdrops.stage import Stage, hill, ridge, specks, tufts
from vasari.training.scenes.palette import RGB
from vasari.training.scenes.scene import Time, Weather
from vasari.training.scenes.sky import gradient


def water(stage: Stage, top: float, bottom: float, deep: RGB, shallow: RGB) -> None:
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
    water(stage, h, 0.76, (14, 104, 178), (70, 196, 206))
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
    specks(stage, 0.78, 1.0, (stage.lit((206, 160, 96)), stage.lit((255, 240, 200))), 60)


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
    water(stage, h, 0.74, (16, 74, 108), (40, 116, 140))
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


def lake(stage: Stage) -> None:
    """Still water between wooded hills and a meadow with reeds."""
    h, rng, side = stage.horizon, stage.rng, stage.side
    hill(stage, h - 0.09, 0.05, stage.lit((96, 142, 132), 0.42), h + 0.01)
    hill(stage, h - 0.035, 0.028, stage.lit((74, 128, 84), 0.15), h + 0.01)
    stage.area([(0.0, h), (0.0, h - 0.014), (1.0, h - 0.014), (1.0, h)], stage.lit((150, 176, 96), 0.1))
    water(stage, h, 0.75, (36, 110, 150), (86, 162, 184))
    bank = ridge(rng, 0.715, 0.016)
    stage.band(0.75, 1.0, stage.lit((132, 176, 88)), stage.lit((98, 152, 66)))
    stage.area([(0.0, 0.76), *[(x, y - 0.008) for x, y in bank], (1.0, 0.76)], stage.lit((112, 104, 66)))
    stage.area([(0.0, 0.76), *bank, (1.0, 0.76)], stage.lit((132, 176, 88)))
    tufts(stage, 0.77, 0.99, stage.lit((74, 124, 54)), 40)
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
