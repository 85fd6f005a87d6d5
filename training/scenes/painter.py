"""Draws a scene: sky, ground, objects with their shadows and reflections, weather."""

from __future__ import annotations

from math import pi, sin
from random import Random

from PIL import Image, ImageDraw

from vasari.training.scenes.backdrops.gallery import BACKDROPS
from vasari.training.scenes.backdrops.stage import Stage
from vasari.training.scenes.layout import HORIZON, WATER, layout
from vasari.training.scenes.objects.figure import Figure
from vasari.training.scenes.objects.gallery import FIGURES
from vasari.training.scenes.palette import Light, mix
from vasari.training.scenes.pen import Box, Pen
from vasari.training.scenes.scene import Colour, Instance, Kind, Layer, Scene, Setting, Time, Weather
from vasari.training.scenes.sky import draw_sky
from vasari.training.scenes.weather import draw_weather, veil

_SAMPLES = 2  # canvas pixels per picture pixel, each way
# How much fog lies between the viewer and the backdrop, the far objects, and the near ones.
_FOG_BACKDROP, _FOG_BACKDROP_NIGHT, _FOG_FAR = 0.48, 0.38, 0.16


def paint(scene: Scene, size: int = 256) -> Image.Image:
    """Draw `scene` as an RGB picture of `size` by `size` pixels; the same scene always gives the same pixels.

    Raises:
        ValueError: `size` is not positive.
    """
    if size < 1:
        raise ValueError(f"a picture needs at least one pixel, not {size}")
    side = size * _SAMPLES
    rng = Random(scene.seed)
    sun_x = rng.choice((rng.uniform(0.10, 0.34), rng.uniform(0.66, 0.90)))
    light = Light(scene.time, from_left=sun_x < 0.5)
    canvas = Image.new("RGB", (side, side))
    horizon = HORIZON[scene.setting]
    draw_sky(canvas, scene.time, scene.weather, horizon, sun_x, rng)
    BACKDROPS[scene.setting](Stage(canvas, light, scene.weather, horizon, sun_x, rng))
    canvas = _populate(canvas, scene, light)
    draw_weather(canvas, scene.time, scene.weather, rng)
    return canvas.reduce(_SAMPLES)


def _populate(canvas: Image.Image, scene: Scene, light: Light) -> Image.Image:
    """Draw the objects; fog lies before the backdrop, and more thinly before what stands far off."""
    instances = layout(scene)
    foggy = scene.weather is Weather.FOG
    if foggy:
        canvas = veil(canvas, scene.time, _FOG_BACKDROP_NIGHT if light.night else _FOG_BACKDROP)
    for near in (False, True):
        draw = ImageDraw.Draw(canvas, "RGBA")
        for instance in instances:
            if (instance.layer is Layer.NEAR) is near:
                _place(draw, instance, scene, light)
        if foggy and not near:
            canvas = veil(canvas, scene.time, _FOG_FAR)
    return canvas


def _place(draw: ImageDraw.ImageDraw, instance: Instance, scene: Scene, light: Light) -> None:
    """One object on its ground, water or islet; objects of a group look alike."""
    side = draw.im.size[0]
    x0, y0, x1, y1 = instance.box
    box = (x0 * side, y0 * side, x1 * side, y1 * side)
    figure = FIGURES[instance.kind]
    if instance.layer is not Layer.SKY:
        _footing(draw, instance, figure, scene, light)
    draw_object(draw, box, instance.kind, instance.colour, light, scene.seed * 31 + instance.group)


def draw_object(
    draw: ImageDraw.ImageDraw, box: Box, kind: Kind, colour: Colour, light: Light, seed: int
) -> None:
    """Draw one object into `box` (canvas pixels); `seed` chooses its shape among those of its kind.

    `draw` must be in mode "RGBA", so that translucent inks blend.
    """
    rng = Random(seed)
    figure = FIGURES[kind]
    flip = rng.random() < 0.5 if figure.turns else not light.from_left
    figure.draw(Pen(draw, box, light, light.shades(colour), flip), rng)


def _footing(
    draw: ImageDraw.ImageDraw, instance: Instance, figure: Figure, scene: Scene, light: Light
) -> None:
    """What an object stands on: its reflection if it floats, an islet in open water, else its shadow."""
    water = WATER.get(scene.setting)
    wet = water is not None and instance.layer is Layer.FAR and instance.box[3] <= water[1]
    if figure.floats:
        if not wet:
            _pond(draw, instance.box, light)
        _reflection(draw, instance, light)
    elif wet:
        _islet(draw, instance.box, scene.setting, light)
    else:
        _shadow(draw, instance.box, light)


def _ellipse(draw: ImageDraw.ImageDraw, box: Box, ink: tuple[int, ...]) -> None:
    side = draw.im.size[0]
    draw.ellipse((box[0] * side, box[1] * side, box[2] * side, box[3] * side), ink)


def _shadow(draw: ImageDraw.ImageDraw, box: Box, light: Light) -> None:
    """A soft pool under the object, drawn out away from the light; long when the sun is low."""
    x0, _, x1, y1 = box
    width = x1 - x0
    reach = {Time.NOON: 0.10, Time.DAWN: 0.42, Time.SUNSET: 0.42, Time.NIGHT: 0.20}[light.time] * width
    depth = max(0.012, width * 0.09)
    span = (x0 + width * 0.04, x1 + reach) if light.from_left else (x0 - reach, x1 - width * 0.04)
    _ellipse(draw, (span[0], y1 - depth, span[1], y1 + depth * 0.9), (16, 18, 44, 70))
    _ellipse(
        draw, (x0 + width * 0.06, y1 - depth * 0.6, x1 - width * 0.06, y1 + depth * 0.5), (16, 18, 44, 70)
    )


def _pond(draw: ImageDraw.ImageDraw, box: Box, light: Light) -> None:
    """A pool for what floats where there is no water."""
    x0, _, x1, y1 = box
    grow = (x1 - x0) * 0.14
    for spread, ink in ((0.012, (120, 110, 84)), (0.0, (70, 150, 196))):
        _ellipse(
            draw,
            (x0 - grow - spread, y1 - 0.030 - spread * 0.5, x1 + grow + spread, y1 + 0.030 + spread * 0.5),
            light.far(ink),
        )


def _reflection(draw: ImageDraw.ImageDraw, instance: Instance, light: Light) -> None:
    """Broken stripes of the object's colour under its waterline, fading downwards."""
    side = draw.im.size[0]
    x0, y0, x1, y1 = instance.box
    width, centre = x1 - x0, (x0 + x1) / 2
    base = light.far(light.shades(instance.colour).base)
    depth = min(0.05, (y1 - y0) * 0.35)
    stripes = 5
    for n in range(stripes):
        half = width * (0.46 - 0.07 * n)
        y = y1 + depth * (n + 0.2) / stripes
        slide = 0.012 * sin(n * pi * 0.7)
        draw.rectangle(
            (
                (centre - half + slide) * side,
                y * side,
                (centre + half + slide) * side,
                (y + depth * 0.12) * side,
            ),
            (*base, 150 - 24 * n),
        )
    foam = (255, 255, 255, 90 if light.night else 170)
    draw.line(
        ((x0 + width * 0.02) * side, y1 * side, (x1 - width * 0.02) * side, y1 * side),
        foam,
        max(1, side // 180),
    )


def _islet(draw: ImageDraw.ImageDraw, box: Box, setting: Setting, light: Light) -> None:
    """A low mound of sand, stone or grass that carries a land object in open water."""
    x0, _, x1, y1 = box
    top = {Setting.BEACH: (238, 206, 138), Setting.HARBOUR: (170, 168, 166)}.get(setting, (128, 172, 88))
    grow = (x1 - x0) * 0.10 + 0.010
    tall = 0.017
    _ellipse(
        draw,
        (x0 - grow - 0.008, y1 - tall + 0.008, x1 + grow + 0.008, y1 + tall + 0.008),
        (255, 255, 255, 90),
    )
    _ellipse(
        draw,
        (x0 - grow, y1 - tall + 0.004, x1 + grow, y1 + tall + 0.004),
        light.far(mix(top, (60, 50, 40), 0.4)),
    )
    _ellipse(draw, (x0 - grow, y1 - tall - 0.002, x1 + grow, y1 + tall - 0.002), light.far(top))
