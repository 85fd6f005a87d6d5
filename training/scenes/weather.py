"""Weather drawn over a scene: streaks of rain, flakes of snow, veils of fog."""

from __future__ import annotations

from random import Random

from PIL import Image, ImageDraw

from vasari.training.scenes.palette import RGB
from vasari.training.scenes.scene import Time, Weather

_FOG: dict[Time, RGB] = {
    Time.DAWN: (238, 226, 238),
    Time.NOON: (232, 238, 242),
    Time.SUNSET: (246, 214, 196),
    Time.NIGHT: (124, 134, 162),
}


def veil(canvas: Image.Image, time: Time, strength: float) -> Image.Image:
    """`canvas` behind fog of `strength` in [0, 1]."""
    return Image.blend(canvas, Image.new("RGB", canvas.size, _FOG[time]), strength)


def draw_weather(canvas: Image.Image, time: Time, weather: Weather, rng: Random) -> None:
    """Paint what falls or drifts in front of everything."""
    draw = ImageDraw.Draw(canvas, "RGBA")
    if weather is Weather.RAIN:
        _rain(draw, canvas.size[0], time, rng)
    elif weather is Weather.SNOW:
        _snow(draw, canvas.size[0], rng)
    elif weather is Weather.FOG:
        _wisps(draw, canvas.size[0], time, rng)


def _rain(draw: ImageDraw.ImageDraw, side: int, time: Time, rng: Random) -> None:
    width = max(1, round(side * 0.0042))
    slant = rng.choice((-1, 1)) * rng.uniform(0.22, 0.34)
    ink = (214, 224, 246, 165) if time is Time.NIGHT else (238, 245, 253, 200)
    shade = (60, 74, 104, 70)
    for n in range(110):
        x, y = rng.uniform(-0.1, 1.1) * side, rng.uniform(-0.08, 1.0) * side
        length = rng.uniform(0.045, 0.085) * side
        end = (x + length * slant, y + length)
        if n % 3 == 0:
            draw.line(((x + width, y), (end[0] + width, end[1])), shade, width)
        draw.line(((x, y), end), ink, width)


def _snow(draw: ImageDraw.ImageDraw, side: int, rng: Random) -> None:
    for _ in range(105):
        x, y = rng.uniform(0.0, 1.0) * side, rng.uniform(0.0, 1.0) * side
        r = side * rng.choice((0.004, 0.0055, 0.0075))
        draw.ellipse((x - r, y - r, x + r, y + r), (255, 255, 255, 235))


def _wisps(draw: ImageDraw.ImageDraw, side: int, time: Time, rng: Random) -> None:
    for _ in range(9):
        x, y = rng.uniform(-0.2, 0.9), rng.uniform(0.28, 0.92)
        w, h = rng.uniform(0.3, 0.6), rng.uniform(0.012, 0.026)
        draw.ellipse((x * side, (y - h) * side, (x + w) * side, (y + h) * side), (*_FOG[time], 50))
