"""The upper half of a postcard: sky, sun, moon, stars and clouds."""

from __future__ import annotations

from math import cos, pi, sin
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from vasari.training.scenes.palette import RGB, mix
from vasari.training.scenes.scene import Time, Weather

# Zenith, middle, horizon.
_SKY: dict[Time, tuple[RGB, RGB, RGB]] = {
    Time.DAWN: ((150, 148, 208), (226, 176, 212), (255, 226, 216)),
    Time.NOON: ((38, 116, 214), (98, 176, 240), (200, 232, 250)),
    Time.SUNSET: ((104, 52, 112), (226, 88, 66), (255, 184, 76)),
    Time.NIGHT: ((8, 12, 40), (20, 30, 78), (46, 62, 118)),
}
# What a closed cover of cloud looks like at each hour.
_COVER: dict[Time, RGB] = {
    Time.DAWN: (176, 164, 190),
    Time.NOON: (156, 170, 184),
    Time.SUNSET: (150, 104, 104),
    Time.NIGHT: (30, 36, 58),
}
_CLOUD: dict[Time, RGB] = {
    Time.DAWN: (255, 226, 232),
    Time.NOON: (255, 255, 255),
    Time.SUNSET: (255, 172, 130),
    Time.NIGHT: (62, 74, 118),
}
_COVERED: dict[Weather, float] = {
    Weather.CLEAR: 0.0,
    Weather.RAIN: 0.58,
    Weather.SNOW: 0.42,
    Weather.FOG: 0.3,
}


def sky_colours(time: Time, weather: Weather) -> tuple[RGB, RGB, RGB]:
    """The sky's colour at the zenith, half way down and at the horizon."""
    cover, share = _COVER[time], _COVERED[weather]
    top, middle, low = _SKY[time]
    return mix(top, cover, share), mix(middle, cover, share), mix(low, cover, share * 0.7)


def gradient(size: tuple[int, int], stops: tuple[RGB, ...]) -> Image.Image:
    """A vertical blend through evenly spaced colours, (width, height) pixels."""
    width, height = size
    rows = np.linspace(0.0, len(stops) - 1.0, max(1, height))
    table = np.asarray(stops, dtype=np.float32)  # (stops, 3)
    column = np.stack([np.interp(rows, np.arange(len(stops)), table[:, c]) for c in range(3)], axis=1)
    strip = Image.fromarray(column.round().astype(np.uint8)[:, None, :])  # (height, 1, 3)
    return strip.resize((width, max(1, height)), Image.Resampling.NEAREST)


def draw_sky(
    canvas: Image.Image, time: Time, weather: Weather, horizon: float, sun_x: float, rng: Random
) -> None:
    """Paint everything above `horizon` (a fraction of the side); the sun or moon stands at `sun_x`."""
    side = canvas.size[0]
    edge = round(side * horizon) + 2
    canvas.paste(gradient((side, edge), sky_colours(time, weather)), (0, 0))
    draw = ImageDraw.Draw(canvas, "RGBA")
    if time is Time.NIGHT:
        _stars(draw, side, edge, weather, rng)
    if weather in (Weather.CLEAR, Weather.FOG):
        _lamp_of_the_sky(draw, side, time, horizon, sun_x, 1.0)
    elif time is not Time.NOON:
        _lamp_of_the_sky(draw, side, time, horizon, sun_x, 0.55)
    if weather in (Weather.RAIN, Weather.SNOW):
        _cover(draw, side, time, weather, rng)
    else:
        for _ in range(rng.randint(2, 4)):
            _cloud(draw, side, time, rng.uniform(-0.05, 1.0), rng.uniform(0.05, horizon * 0.62), rng)


def _stars(draw: ImageDraw.ImageDraw, side: int, edge: int, weather: Weather, rng: Random) -> None:
    for _ in range(45 if weather is Weather.CLEAR else 16):
        x, y = rng.uniform(0, side), rng.uniform(0, edge * 0.9)
        r = side * rng.choice((0.002, 0.003, 0.0048))
        draw.ellipse((x - r, y - r, x + r, y + r), (255, 252, 226, rng.randint(150, 255)))


def _lamp_of_the_sky(
    draw: ImageDraw.ImageDraw, side: int, time: Time, horizon: float, sun_x: float, strength: float
) -> None:
    """The sun with its glow, where the hour puts it; at night a crescent moon."""
    x = sun_x * side
    height, radius, core, glow = {
        Time.DAWN: (horizon - 0.035, 0.075, (255, 246, 214), (255, 240, 226)),
        Time.NOON: (0.10, 0.060, (255, 250, 206), (255, 252, 226)),
        Time.SUNSET: (horizon - 0.025, 0.105, (255, 96, 40), (255, 190, 80)),
        Time.NIGHT: (0.12, 0.060, (250, 246, 222), (150, 170, 226)),
    }[time]
    y, r = height * side, radius * side
    for reach, alpha in ((2.6, 26), (1.9, 40), (1.4, 58)):
        spread = r * reach
        draw.ellipse((x - spread, y - spread, x + spread, y + spread), (*glow, round(alpha * strength)))
    ink = (*core, round(255 * strength))
    if time is Time.NIGHT:
        draw.polygon(_crescent(x, y, r), ink)
    else:
        draw.ellipse((x - r, y - r, x + r, y + r), ink)


def _crescent(x: float, y: float, r: float) -> list[tuple[float, float]]:
    """A moon lit from the lower left: half the rim, and back along a flatter inner arc."""
    turns = [pi * n / 14 for n in range(15)]
    rim = [(-r * sin(a), -r * cos(a)) for a in turns]
    inner = [(-r * 0.38 * sin(a), -r * cos(a)) for a in reversed(turns)]
    tilt = -0.5
    return [(x + u * cos(tilt) - v * sin(tilt), y + u * sin(tilt) + v * cos(tilt)) for u, v in rim + inner]


def _cloud(draw: ImageDraw.ImageDraw, side: int, time: Time, x: float, y: float, rng: Random) -> None:
    """A heap cloud: puffs over a flat base, its underside shaded by the sky."""
    top = _CLOUD[time]
    under = mix(top, _SKY[time][1], 0.4)
    width = rng.uniform(0.14, 0.30)
    puffs = rng.randint(3, 5)
    strong = 120 if time is Time.NIGHT else 215
    for ink, drop in (((*under, strong), 0.014), ((*top, strong), 0.0)):
        for n in range(puffs):
            share = (n + 0.5) / puffs
            r = width * (0.10 + 0.11 * sin(pi * share))
            cx, cy = (x + width * share) * side, (y + drop) * side
            draw.ellipse(
                (cx - r * side * 1.35, cy - r * side, cx + r * side * 1.35, cy + r * side * 0.6), ink
            )


def _cover(draw: ImageDraw.ImageDraw, side: int, time: Time, weather: Weather, rng: Random) -> None:
    """Rows of heavy cloud along the top: dark before rain, pale before snow."""
    ink = mix(_COVER[time], (40, 46, 60) if weather is Weather.RAIN else (236, 240, 246), 0.42)
    if time is Time.NIGHT:
        ink = mix(_COVER[time], (70, 78, 104) if weather is Weather.RAIN else (120, 130, 160), 0.5)
    for row, (y, alpha) in enumerate(((0.13, 90), (0.07, 130), (0.0, 190))):
        shift = rng.uniform(0.0, 0.2)
        for n in range(7):
            r = rng.uniform(0.055, 0.10)
            cx = (n / 6 + shift - 0.1 + 0.05 * row) * side
            draw.ellipse(
                (cx - r * 1.9 * side, (y - r) * side, cx + r * 1.9 * side, (y + r) * side), (*ink, alpha)
            )
