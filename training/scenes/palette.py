"""The ten colours and the light they are seen in.

Objects take a weak tint of the hour (at most 15 %), backdrops a strong one: a red boat stays red at night,
and stands out against a dark sea.
"""

from __future__ import annotations

from dataclasses import dataclass

from vasari.training.scenes.scene import Colour, Time

RGB = tuple[int, int, int]
RGBA = tuple[int, int, int, int]
Ink = RGB | RGBA

BASES: dict[Colour, RGB] = {
    Colour.RED: (216, 34, 38),
    Colour.ORANGE: (247, 132, 18),
    Colour.YELLOW: (252, 218, 44),
    Colour.GREEN: (30, 150, 62),
    Colour.BLUE: (32, 92, 218),
    Colour.PURPLE: (128, 52, 178),
    Colour.PINK: (250, 138, 190),
    Colour.BROWN: (124, 74, 38),
    Colour.BLACK: (34, 34, 40),
    Colour.WHITE: (250, 250, 248),
}
_LIGHTER: dict[Colour, RGB] = {Colour.BLACK: (84, 86, 98), Colour.WHITE: (255, 255, 255)}
_DARKER: dict[Colour, RGB] = {Colour.BLACK: (16, 16, 22), Colour.WHITE: (206, 212, 222)}
_EDGES: dict[Colour, RGB] = {Colour.BLACK: (122, 124, 140), Colour.WHITE: (98, 108, 128)}

_TINT: dict[Time, tuple[float, float, float]] = {
    Time.DAWN: (1.0, 0.95, 0.97),
    Time.NOON: (1.0, 1.0, 1.0),
    Time.SUNSET: (1.0, 0.94, 0.88),
    Time.NIGHT: (0.92, 0.93, 1.0),
}
_AMBIENT: dict[Time, tuple[float, float, float]] = {
    Time.DAWN: (0.95, 0.84, 0.93),
    Time.NOON: (1.0, 1.0, 1.0),
    Time.SUNSET: (0.97, 0.78, 0.69),
    Time.NIGHT: (0.42, 0.43, 0.62),
}


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """`a` with `share` (0 to 1) of `b` in it, channel by channel."""
    keep = 1.0 - share
    return (
        round(a[0] * keep + b[0] * share),
        round(a[1] * keep + b[1] * share),
        round(a[2] * keep + b[2] * share),
    )


def scaled(colour: RGB, factors: tuple[float, float, float]) -> RGB:
    """`colour` times `factors`, held within 0 to 255."""
    return (
        min(255, round(colour[0] * factors[0])),
        min(255, round(colour[1] * factors[1])),
        min(255, round(colour[2] * factors[2])),
    )


@dataclass(frozen=True, slots=True)
class Shades:
    """One colour as flat paint: lit side, main surface, dark side, and the thin line around it."""

    base: RGB
    light: RGB
    dark: RGB
    edge: RGB


@dataclass(frozen=True, slots=True)
class Light:
    """The light of a scene; `from_left` says on which side of the picture the sun or moon stands."""

    time: Time
    from_left: bool

    @property
    def night(self) -> bool:
        """Lamps and windows are lit."""
        return self.time is Time.NIGHT

    @property
    def window(self) -> RGB:
        """Window panes: warm and bright at night, dim glass by day."""
        return (255, 222, 120) if self.night else (74, 92, 118)

    def on(self, material: RGB) -> RGB:
        """A material of an object (wood, metal) under the weak tint of the hour."""
        return scaled(material, _TINT[self.time])

    def far(self, material: RGB) -> RGB:
        """A material of the backdrop under the strong tint of the hour."""
        return scaled(material, _AMBIENT[self.time])

    def shades(self, colour: Colour) -> Shades:
        """The paint of an object; black gets a rim of moonlight at night."""
        base = BASES[colour]
        light = _LIGHTER.get(colour, mix(base, (255, 255, 255), 0.28))
        dark = _DARKER.get(colour, mix(base, (20, 10, 40), 0.24))
        edge = _EDGES.get(colour, mix(base, (15, 8, 25), 0.56))
        if colour is Colour.BLACK and self.night:
            edge = (176, 186, 214)
        return Shades(self.on(base), self.on(light), self.on(dark), self.on(edge))
