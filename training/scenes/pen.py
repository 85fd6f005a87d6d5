"""Drawing inside a box: a figure is described in a unit square, whatever its place and size in the picture."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import ImageDraw

from vasari.training.scenes.palette import RGB, Ink, Light, Shades

Point = tuple[float, float]
Box = tuple[float, float, float, float]


def rounded(points: Sequence[Point], passes: int = 2) -> list[Point]:
    """A closed outline with its corners cut (Chaikin, 1974): each pass doubles the points."""
    outline = list(points)
    for _ in range(passes):
        cut: list[Point] = []
        for (ax, ay), (bx, by) in zip(outline, outline[1:] + outline[:1], strict=True):
            cut.append((ax * 0.75 + bx * 0.25, ay * 0.75 + by * 0.25))
            cut.append((ax * 0.25 + bx * 0.75, ay * 0.25 + by * 0.75))
        outline = cut
    return outline


class Pen:
    """Draws in one box: (0, 0) is its top left corner and (1, 1) its bottom right one.

    `box` is in canvas pixels. `flip` mirrors the figure. Shapes get a thin edge in the paint's edge
    colour, in a given ink, or with `edge=None` not at all. Radii and line widths are fractions of the box's
    height, so that circles stay circles.
    """

    def __init__(
        self, draw: ImageDraw.ImageDraw, box: Box, light: Light, shades: Shades, flip: bool = False
    ) -> None:
        self._draw = draw
        self._left, self._top, right, bottom = box
        self._width = max(1.0, right - self._left)
        self._height = max(1.0, bottom - self._top)
        self._flip = flip
        self._rim: int = max(1, round(draw.im.size[0] / 200))
        self.light = light
        self.paint = shades
        self.ratio = self._height / self._width  # a height of 1 is a width of `ratio`

    def at(self, x: float, y: float) -> Point:
        """Canvas pixels of a point of the unit square."""
        if self._flip:
            x = 1.0 - x
        return self._left + x * self._width, self._top + y * self._height

    def shape(self, points: Sequence[Point], fill: Ink | None = None, edge: Ink | bool | None = True) -> None:
        """A filled polygon; without `fill` it takes the main colour."""
        self._outline([self.at(x, y) for x, y in points], fill or self.paint.base, edge)

    def soft(
        self,
        points: Sequence[Point],
        fill: Ink | None = None,
        edge: Ink | bool | None = True,
        passes: int = 2,
    ) -> None:
        """A filled shape with rounded corners."""
        self.shape(rounded(points, passes), fill, edge)

    def rect(self, box: Box, fill: Ink | None = None, edge: Ink | bool | None = True) -> None:
        """A filled rectangle (left, top, right, bottom)."""
        x0, y0, x1, y1 = box
        self.shape(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), fill, edge)

    def oval(self, box: Box, fill: Ink | None = None, edge: Ink | bool | None = True) -> None:
        """A filled ellipse that touches the sides of (left, top, right, bottom)."""
        (ax, ay), (bx, by) = self.at(box[0], box[1]), self.at(box[2], box[3])
        rim = self._edge(edge)
        corners = (min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))
        self._draw.ellipse(corners, fill or self.paint.base, rim, self._rim if rim else 0)

    def disc(
        self, x: float, y: float, radius: float, fill: Ink | None = None, edge: Ink | bool | None = True
    ) -> None:
        """A filled circle around (x, y); `radius` in heights of the box."""
        dx = radius * self.ratio
        self.oval((x - dx, y - radius, x + dx, y + radius), fill, edge)

    def ring(self, x: float, y: float, radius: float, ink: Ink, width: float) -> None:
        """A circle's line around (x, y), `width` heights thick."""
        cx, cy = self.at(x, y)
        r = radius * self._height
        self._draw.ellipse((cx - r, cy - r, cx + r, cy + r), None, ink, self._thick(width))

    def line(self, points: Sequence[Point], ink: Ink, width: float = 0.02) -> None:
        """A polyline, `width` heights thick and never thinner than the edge."""
        thick = self._thick(width)
        joint = "curve" if thick > 3 and len(points) > 2 else None
        self._draw.line([self.at(x, y) for x, y in points], ink, thick, joint)

    def _thick(self, width: float) -> int:
        return max(self._rim, round(width * self._height))

    def _edge(self, edge: Ink | bool | None) -> Ink | None:
        if isinstance(edge, bool):
            return self.paint.edge if edge else None
        return edge

    def _outline(self, points: list[Point], fill: Ink, edge: Ink | bool | None) -> None:
        self._draw.polygon(points, fill)
        rim = self._edge(edge)
        if rim is not None:
            # ImageDraw's own wide polygon outlines allocate a mask of the whole canvas each time.
            joint = "curve" if self._rim > 4 else None
            self._draw.line([*points, points[0], points[1]], rim, self._rim, joint)

    def on(self, material: RGB) -> RGB:
        """A second material of the figure in the scene's light."""
        return self.light.on(material)
