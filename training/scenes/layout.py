"""Where each object of a scene stands: boxes for the painter and for object detection, and who is left of whom.

The picture is cut into columns (as wide as the scene's other columns allow) and layers; a group fills its cell with
one or two rows of alike boxes. Boxes of different groups never overlap, so every object can be seen and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import permutations
from random import Random

from vasari.training.scenes.scene import Column, Group, Instance, Kind, Layer, Scene, Setting, Size

Span = tuple[float, float]
Box = tuple[float, float, float, float]

HORIZON: Mapping[Setting, float] = {
    Setting.BEACH: 0.47,
    Setting.HARBOUR: 0.47,
    Setting.MOUNTAINS: 0.5,
    Setting.CITY: 0.5,
    Setting.FARM: 0.5,
    Setting.DESERT: 0.5,
    Setting.FOREST: 0.5,
    Setting.SNOWFIELD: 0.5,
    Setting.LAKE: 0.48,
    Setting.PARK: 0.5,
}
"""The height (0 is the top) where sky and ground, or sky and water, meet."""

WATER: Mapping[Setting, Span] = {
    Setting.BEACH: (0.47, 0.70),
    Setting.HARBOUR: (0.47, 0.70),
    Setting.LAKE: (0.48, 0.70),
}
"""The band of water (top, bottom) of the settings that have one; the ground lies in front of it."""

ASPECT: Mapping[Kind, float] = {
    Kind.SAILBOAT: 0.85,
    Kind.ROWBOAT: 1.7,
    Kind.SHIP: 1.6,
    Kind.LIGHTHOUSE: 0.55,
    Kind.BUOY: 0.7,
    Kind.SWAN: 1.1,
    Kind.DUCK: 1.15,
    Kind.BALLOON: 0.75,
    Kind.KITE: 0.75,
    Kind.PLANE: 1.6,
    Kind.BIRD: 1.45,
    Kind.AIRSHIP: 1.7,
    Kind.HOUSE: 1.05,
    Kind.BARN: 1.2,
    Kind.CHURCH: 0.8,
    Kind.TOWER: 0.55,
    Kind.CASTLE: 1.1,
    Kind.TENT: 1.3,
    Kind.WINDMILL: 0.8,
    Kind.CAR: 1.7,
    Kind.BUS: 1.65,
    Kind.TRUCK: 1.6,
    Kind.TRACTOR: 1.25,
    Kind.BICYCLE: 1.45,
    Kind.TRAIN: 1.75,
    Kind.TREE: 0.75,
    Kind.PALM: 0.7,
    Kind.FLOWER: 0.6,
    Kind.CACTUS: 0.65,
    Kind.MUSHROOM: 0.9,
    Kind.HORSE: 1.15,
    Kind.COW: 1.35,
    Kind.SHEEP: 1.3,
    Kind.DOG: 1.15,
    Kind.CAT: 0.9,
    Kind.CAMEL: 1.15,
    Kind.DEER: 0.9,
    Kind.UMBRELLA: 0.9,
    Kind.BENCH: 1.5,
    Kind.LAMP: 0.55,
    Kind.FLAG: 0.75,
    Kind.SNOWMAN: 0.65,
    Kind.BALL: 1.0,
    Kind.BARREL: 0.8,
    Kind.FENCE: 1.7,
}
"""Width over height of the box an object of each kind is drawn in."""

# The square root of a box's area for an object alone (small, large) and for one of several.
_SCALE: Mapping[Layer, tuple[float, float, float]] = {
    Layer.SKY: (0.15, 0.27, 0.19),
    Layer.FAR: (0.145, 0.235, 0.17),
    Layer.NEAR: (0.18, 0.32, 0.21),
}
# Mild relative scale: a mushroom next to a church should not look like its twin, yet be seen.
_KIND_SCALE: Mapping[Kind, float] = {
    Kind.BALL: 0.85,
    Kind.MUSHROOM: 0.88,
    Kind.CAT: 0.9,
    Kind.DUCK: 0.9,
    Kind.BARREL: 0.9,
    Kind.CASTLE: 1.1,
    Kind.SHIP: 1.08,
    Kind.TRAIN: 1.08,
    Kind.CHURCH: 1.05,
    Kind.LIGHTHOUSE: 1.05,
}
_GAP = 0.012  # between boxes of a group

_DEPTH = {layer: depth for depth, layer in enumerate(Layer)}
# Where in its play a group stands. Outer columns lean outwards, so that left and right are never in doubt.
_LEAN: Mapping[Column, Span] = {
    Column.LEFT: (0.0, 0.6),
    Column.CENTRE: (0.35, 0.65),
    Column.RIGHT: (0.4, 1.0),
}
_STAND: Mapping[Layer, Span] = {Layer.SKY: (0.0, 1.0), Layer.FAR: (0.0, 0.6), Layer.NEAR: (0.2, 1.0)}

_L, _C, _R = Column.LEFT, Column.CENTRE, Column.RIGHT
_COLUMNS: Mapping[frozenset[Column], Mapping[Column, Span]] = {
    frozenset({_L}): {_L: (0.03, 0.42)},
    frozenset({_C}): {_C: (0.27, 0.73)},
    frozenset({_R}): {_R: (0.58, 0.97)},
    frozenset({_L, _C}): {_L: (0.02, 0.335), _C: (0.355, 0.685)},
    frozenset({_C, _R}): {_C: (0.315, 0.645), _R: (0.665, 0.98)},
    frozenset({_L, _R}): {_L: (0.02, 0.45), _R: (0.55, 0.98)},
    frozenset({_L, _C, _R}): {_L: (0.015, 0.33), _C: (0.345, 0.655), _R: (0.67, 0.985)},
}


class RelationKind(StrEnum):
    """How one group stands to another."""

    LEFT_OF = "left of"
    RIGHT_OF = "right of"
    ABOVE = "above"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Relation:
    """Group `first` stands `kind` group `second`; both are indices into `Scene.groups`."""

    kind: RelationKind
    first: int
    second: int


def relations(scene: Scene) -> list[Relation]:
    """Every relation that can be seen without doubt: sideways across columns, above and behind within one."""
    return [
        Relation(kind, first, second)
        for first, second in permutations(range(len(scene.groups)), 2)
        if (kind := relation_between(scene.groups[first], scene.groups[second])) is not None
    ]


def relation_between(first: Group, second: Group) -> RelationKind | None:
    """How `first` stands to `second`; None where the reverse has the only word for it."""
    order = list(Column)
    step = order.index(first.column) - order.index(second.column)
    if step:
        return RelationKind.LEFT_OF if step < 0 else RelationKind.RIGHT_OF
    if first.layer is Layer.SKY:
        return RelationKind.ABOVE
    if first.layer is Layer.FAR and second.layer is Layer.NEAR:
        return RelationKind.BEHIND
    return None


def layout(scene: Scene) -> list[Instance]:
    """The scene's objects in drawing order: sky first, then far, then near, and upper rows before lower ones."""
    rng = Random(scene.seed)
    spans = _COLUMNS[frozenset(group.column for group in scene.groups)] if scene.groups else {}
    placed: list[Instance] = []
    for index, group in enumerate(scene.groups):
        boxes_of_group = _place(group, _room(scene, group, spans[group.column]), rng)
        placed += [Instance(index, group.kind, group.colour, box, group.layer) for box in boxes_of_group]
    return sorted(placed, key=lambda instance: (_DEPTH[instance.layer], instance.box[3]))


def boxes(scene: Scene) -> list[tuple[str, Box]]:
    """Ground truth for object detection: "red sailboat" and its box, left to right."""
    found = [(f"{instance.colour.value} {instance.kind.value}", instance.box) for instance in layout(scene)]
    return sorted(found, key=lambda pair: pair[1])


@dataclass(frozen=True, slots=True)
class _Room:
    """Where a group may stand: between left and right, under the ceiling, every base within `feet`."""

    span: Span
    ceiling: float
    feet: Span

    def tallest(self, lines: int) -> float:
        """How tall an object may be in so many lines."""
        room = (self.feet[1] - self.ceiling - _GAP * (lines - 1)) / lines
        return room if lines == 1 else min(room, self.feet[1] - self.feet[0] - _GAP)


def _room(scene: Scene, group: Group, span: Span) -> _Room:
    """The room of a group; it grows where the column's other layers are empty."""
    layers = {other.layer for other in scene.groups if other.column is group.column}
    if group.layer is Layer.SKY:
        return _Room(span, 0.04, (0.04, 0.34 if Layer.FAR in layers else 0.42))
    if group.layer is Layer.FAR:
        ceiling = 0.35 if Layer.SKY in layers else 0.29
        return _Room(span, ceiling, (HORIZON[scene.setting] + 0.025, 0.69))
    return _Room(span, 0.7 if Layer.FAR in layers else 0.575, (0.78, 0.965))


def _place(group: Group, room: _Room, rng: Random) -> list[Box]:
    """One box for each object of the group, in the one or two lines that let them be largest."""
    aspect = ASPECT[group.kind]
    small, large, several = _SCALE[group.layer]
    wanted = several if group.count > 1 else (large if group.size is Size.LARGE else small)
    wanted *= _KIND_SCALE.get(group.kind, 1.0) * rng.uniform(0.95, 1.05)
    grids = ((group.count, 1), (-(-group.count // 2), 2))[: min(group.count, 2)]
    sizes = {
        (columns, lines): min(
            wanted * aspect**0.5,
            (room.span[1] - room.span[0] - _GAP * (columns - 1)) / columns,
            room.tallest(lines) * aspect,
        )
        for columns, lines in grids
    }
    (columns, lines), width = max(sizes.items(), key=lambda entry: entry[1])
    return _grid(group, room, (columns, lines), (width, width / aspect), rng)


def _grid(
    group: Group, room: _Room, grid: tuple[int, int], size: tuple[float, float], rng: Random
) -> list[Box]:
    """Put the boxes into their cells; the play that is left is spent by chance, so that no group looks drilled."""
    columns, lines = grid
    width, height = size
    breadth = room.span[1] - room.span[0]
    loose = breadth - columns * width - (columns - 1) * _GAP
    step_x = width + _GAP + (loose / columns * rng.uniform(0.1, 0.6) if columns > 1 else 0.0)
    step_y = height + _GAP
    first = max(room.feet[0], room.ceiling + height)  # the base of the upper line at its highest
    play = max(0.0, room.feet[1] - first - (lines - 1) * step_y)
    base = first + play * rng.uniform(*_STAND[group.layer])
    found: list[Box] = []
    for line in range(lines):
        members = min(columns, group.count - line * columns)
        free = breadth - width - (members - 1) * step_x
        left = room.span[0] + free * rng.uniform(*_LEAN[group.column])
        for place in range(members):
            scale = rng.uniform(0.9, 1.0) if group.count > 1 else 1.0
            x = left + place * step_x + width * (1 - scale) * rng.random()
            bottom = base + line * step_y - min(0.02, base - first) * rng.random() * (lines == 1)
            found.append((x, bottom - height * scale, x + width * scale, bottom))
    return found
