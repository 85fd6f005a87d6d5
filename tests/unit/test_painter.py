"""The painter: every word of a scene can be seen in its picture."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vasari.training.scenes.layout import ASPECT, layout
from vasari.training.scenes.objects.gallery import FIGURES
from vasari.training.scenes.painter import draw_object, paint
from vasari.training.scenes.palette import BASES, Light
from vasari.training.scenes.scene import (
    Colour,
    Column,
    Group,
    Kind,
    Layer,
    Scene,
    Setting,
    Size,
    Time,
    Weather,
)

CAR = Group(Kind.CAR, Colour.RED, Size.LARGE, 1, Column.CENTRE, Layer.NEAR)
SCENE = Scene(Setting.PARK, Time.NOON, Weather.CLEAR, (CAR,), seed=5)


def pixels(picture: Image.Image) -> NDArray[np.int16]:
    return np.asarray(picture, dtype=np.int16)  # (height, width, 3)


def stamp(
    kind: Kind, colour: Colour, time: Time, seed: int, ground: tuple[int, int, int]
) -> NDArray[np.int16]:
    """One object alone on a plain ground, in a box of its own aspect."""
    height = 80
    width = round(height * ASPECT[kind])
    canvas = Image.new("RGB", (width, height), ground)
    light = Light(time, from_left=True)
    draw_object(ImageDraw.Draw(canvas, "RGBA"), (0.0, 0.0, width, height), kind, colour, light, seed)
    return pixels(canvas)


def nearest_colours(painted: NDArray[np.int16]) -> list[Colour]:
    """The named colour nearest to each pixel of (pixels, 3)."""
    names = list(BASES)
    table = np.array([BASES[name] for name in names])
    distances = ((painted[:, None, :].astype(np.int64) - table) ** 2).sum(axis=2)
    return [names[place] for place in distances.argmin(axis=1)]


def test_the_same_scene_gives_the_same_pixels() -> None:
    """Painting is a function of the scene alone."""
    assert paint(SCENE, 96).tobytes() == paint(Scene.from_dict(SCENE.to_dict()), 96).tobytes()


def test_another_seed_gives_another_picture() -> None:
    """The seed moves what captions never mention."""
    other = Scene(SCENE.setting, SCENE.time, SCENE.weather, SCENE.groups, seed=6)
    assert paint(SCENE, 96).tobytes() != paint(other, 96).tobytes()


@pytest.mark.parametrize("size", [1, 16, 96, 225, 1024])
def test_pictures_have_the_asked_size(size: int) -> None:
    """Any size from one pixel up gives an RGB square."""
    picture = paint(SCENE, size)
    assert (picture.size, picture.mode) == ((size, size), "RGB")


def test_a_picture_without_pixels_is_refused() -> None:
    """Size zero is an error, not an empty picture."""
    with pytest.raises(ValueError, match="at least one pixel"):
        paint(SCENE, 0)


def test_sizes_show_the_same_scene() -> None:
    """A large picture, reduced, looks like the small one: all geometry is in fractions of the side."""
    small = pixels(paint(SCENE, 96))
    large = pixels(paint(SCENE, 384).reduce(4))
    assert np.abs(small - large).mean() < 6


def test_every_setting_hour_and_weather_has_its_own_look() -> None:
    """All 160 backdrops can be painted, and no two are alike."""
    scenes = [
        Scene(place, time, weather, (), seed=3) for place in Setting for time in Time for weather in Weather
    ]
    assert len({paint(scene, 32).tobytes() for scene in scenes}) == len(scenes) == 160


def test_night_is_the_darkest_hour_everywhere() -> None:
    """In each setting and weather, night is darker than every other hour."""
    for setting in Setting:
        for weather in Weather:
            glow = {time: pixels(paint(Scene(setting, time, weather, (), 3), 32)).mean() for time in Time}
            assert min(glow, key=glow.__getitem__) is Time.NIGHT, (setting, weather)


def test_every_kind_has_a_figure() -> None:
    """The painter knows all kinds."""
    assert set(FIGURES) == set(Kind)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("time", [Time.NOON, Time.NIGHT])
def test_an_object_wears_its_colour(kind: Kind, time: Time) -> None:
    """Of the pixels that change with the colour, most are nearest to the named one, in every light."""
    other = {colour: Colour.BLUE if colour is not Colour.BLUE else Colour.ORANGE for colour in Colour}
    right = 0
    for seed, colour in enumerate(Colour):
        ground = (128, 128, 128)
        mine = stamp(kind, colour, time, seed, ground)
        theirs = stamp(kind, other[colour], time, seed, ground)
        names = nearest_colours(mine[(mine != theirs).any(axis=2)])
        right += max(set(names), key=names.count) is colour
    assert right >= 9


@pytest.mark.parametrize("kind", list(Kind))
def test_an_object_fills_its_box(kind: Kind) -> None:
    """Boxes are ground truth for detection, so a figure reaches near all four sides of its box."""
    ground = (1, 2, 3)
    for seed in range(4):
        drawn = (stamp(kind, Colour.RED, Time.NOON, seed, ground) != ground).any(axis=2)
        rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
        assert rows[0] <= 0.2 * drawn.shape[0]
        assert rows[-1] >= 0.9 * drawn.shape[0]
        assert columns[0] <= 0.2 * drawn.shape[1]
        assert columns[-1] >= 0.8 * drawn.shape[1]


def test_a_kind_is_not_one_stamp() -> None:
    """Every kind comes in several shapes."""
    for kind in Kind:
        assert (
            len({stamp(kind, Colour.RED, Time.NOON, seed, (9, 9, 9)).tobytes() for seed in range(8)}) > 1
        ), kind


@pytest.mark.parametrize("weather", list(Weather))
def test_objects_are_where_the_layout_says(weather: Weather) -> None:
    """Inside each box the picture differs from the same place without objects, even in fog."""
    bird = Group(Kind.BIRD, Colour.RED, Size.SMALL, 2, Column.LEFT, Layer.SKY)
    ship = Group(Kind.SHIP, Colour.BLUE, Size.SMALL, 1, Column.RIGHT, Layer.FAR)
    tower = Group(Kind.TOWER, Colour.WHITE, Size.SMALL, 1, Column.CENTRE, Layer.FAR)
    duck = Group(Kind.DUCK, Colour.YELLOW, Size.SMALL, 3, Column.LEFT, Layer.NEAR)
    scene = Scene(Setting.LAKE, Time.DAWN, weather, (bird, ship, tower, duck), seed=11)
    bare = Scene(Setting.LAKE, Time.DAWN, weather, (), seed=11)
    change = np.abs(pixels(paint(scene, 128)) - pixels(paint(bare, 128))).sum(axis=2)
    for instance in layout(scene):
        x0, y0, x1, y1 = (round(edge * 128) for edge in instance.box)
        assert change[y0:y1, x0:x1].mean() > 40, instance
