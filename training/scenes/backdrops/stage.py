"""The canvas of a backdrop, and the strokes that several backdrops share."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sin
from random import Random

from PIL import Image, ImageDraw

from vasari.training.scenes.palette import RGB, Ink, Light, mix
from vasari.training.scenes.scene import Weather
from vasari.training.scenes.sky import gradient, sky_colours

Point = tuple[float, float]
SNOW: RGB = (240, 245, 252)


@dataclass(frozen=True, slots=True)
class Stage:
    """What the backdrops draw on.

    Coordinates are fractions of the side; `horizon` is where sky and ground meet.
    """

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


def ridge(rng: Random, base: float, height: float, steps: int = 24) -> list[Point]:
    """A soft hill line from left to right around `base`, at most `height` above or below it."""
    parts = [(rng.uniform(0.6, 1.4) * (n + 1), rng.uniform(0, 2 * pi), 1.0 / (n + 1)) for n in range(3)]
    total = sum(part[2] for part in parts)
    line: list[Point] = []
    for step in range(steps + 1):
        x = step / steps
        swing = sum(a * sin(f * x * 2 * pi + p) for f, p, a in parts) / total
        line.append((x, base + height * swing))
    return line


def hill(stage: Stage, base: float, height: float, ink: RGB, bottom: float) -> None:
    """A rolling hill across the whole width, from its `ridge` down to `bottom`."""
    stage.area([(0.0, bottom), *ridge(stage.rng, base, height), (1.0, bottom)], ink)


def specks(
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


def tufts(stage: Stage, top: float, bottom: float, ink: RGB, count: int) -> None:
    """Blades of grass."""
    draw, side, rng = stage.pen(), stage.side, stage.rng
    width = max(1, round(side * 0.004))
    for _ in range(count):
        x, y = rng.random() * side, rng.uniform(top, bottom) * side
        h = side * rng.uniform(0.010, 0.020)
        for dx in (-0.6, 0.0, 0.6):
            draw.line((x, y, x + dx * h, y - h), ink, width)
