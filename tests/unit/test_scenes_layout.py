"""Where objects stand, and how groups stand to each other."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from vasari.training.scenes.layout import (
    ASPECT,
    HORIZON,
    WATER,
    Relation,
    RelationKind,
    boxes,
    layout,
    relations,
)
from vasari.training.scenes.sampling import sample_scene
from vasari.training.scenes.scene import Column, Instance, Kind, Layer, Scene, Split
from vasari.training.scenes.vocabulary import Surface, surface

SCENES = st.builds(sample_scene, st.integers(min_value=0, max_value=2**63 - 1), st.sampled_from(Split))


def middle(found: list[Instance]) -> float:
    return (min(one.box[0] for one in found) + max(one.box[2] for one in found)) / 2


def by_group(scene: Scene) -> list[list[Instance]]:
    placed = layout(scene)
    return [[one for one in placed if one.group == index] for index in range(len(scene.groups))]


@given(SCENES)
def test_every_object_has_a_box_inside_the_picture(scene: Scene) -> None:
    """There are as many boxes as objects, inside the picture, large enough to be recognised at 112 pixels."""
    found = by_group(scene)
    assert [len(group) for group in found] == [group.count for group in scene.groups]
    for left, top, right, bottom in (one.box for group in found for one in group):
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
        assert max(right - left, bottom - top) >= 0.11
        assert min(right - left, bottom - top) >= 0.06


@given(SCENES)
@settings(max_examples=1000)  # groups that are tall, above each other and at their highest are rare
def test_boxes_never_overlap(scene: Scene) -> None:
    """No object hides another, in its own group or in another one."""
    for one, other in combinations(layout(scene), 2):
        a, b = one.box, other.box
        assert a[2] <= b[0] + 1e-9 or b[2] <= a[0] + 1e-9 or a[3] <= b[1] + 1e-9 or b[3] <= a[1] + 1e-9


@given(SCENES)
def test_groups_stand_in_their_columns(scene: Scene) -> None:
    """Left groups are left of the middle, right ones right of it, and columns keep apart."""
    found = by_group(scene)
    sides = {Column.LEFT: (0.0, 0.38), Column.CENTRE: (0.38, 0.62), Column.RIGHT: (0.62, 1.0)}
    for group, placed in zip(scene.groups, found, strict=True):
        low, high = sides[group.column]
        assert low <= middle(placed) <= high
    order = list(Column)
    for (a, first), (b, second) in combinations(zip(scene.groups, found, strict=True), 2):
        if order.index(a.column) < order.index(b.column):
            assert max(one.box[2] for one in first) <= min(one.box[0] for one in second)


@given(SCENES)
def test_feet_are_on_the_ground(scene: Scene) -> None:
    """What stands, stands below the horizon; what floats, floats on water; the near is lower than the far."""
    for one in layout(scene):
        if one.layer is Layer.SKY:
            assert one.box[3] <= 0.42 + 1e-9
        else:
            assert one.box[3] > HORIZON[scene.setting]
            assert (one.box[3] >= 0.78 - 0.021) is (one.layer is Layer.NEAR)
        if surface(scene.setting, one.kind, one.layer) in (Surface.WATER, Surface.ISLET):
            top, bottom = WATER[scene.setting]
            assert top < one.box[3] <= bottom


@given(SCENES)
def test_drawing_goes_from_far_to_near(scene: Scene) -> None:
    """The sky is drawn first, then what is far, then what is near."""
    depth = [list(Layer).index(one.layer) for one in layout(scene)]
    assert depth == sorted(depth)


@given(SCENES)
def test_layout_is_decided_by_the_scene(scene: Scene) -> None:
    """The same scene is laid out the same way, and detection's boxes are those of the layout."""
    assert layout(scene) == layout(scene)
    assert sorted(box for _, box in boxes(scene)) == sorted(one.box for one in layout(scene))


@given(SCENES)
def test_relations_hold_in_the_picture(scene: Scene) -> None:
    """Every relation told can be seen in the boxes, and left and right come in pairs."""
    found = by_group(scene)
    known = relations(scene)
    for relation in known:
        first, second = found[relation.first], found[relation.second]
        match relation.kind:
            case RelationKind.LEFT_OF:
                assert max(one.box[2] for one in first) <= min(one.box[0] for one in second)
                assert Relation(RelationKind.RIGHT_OF, relation.second, relation.first) in known
            case RelationKind.RIGHT_OF:
                assert min(one.box[0] for one in first) >= max(one.box[2] for one in second)
            case RelationKind.ABOVE:
                assert max(one.box[3] for one in first) <= min(one.box[1] for one in second)
            case RelationKind.BEHIND:
                assert max(one.box[3] for one in first) < min(one.box[3] for one in second)


def test_every_kind_has_its_proportions() -> None:
    """Each kind knows how wide it is for its height."""
    assert set(ASPECT) == set(Kind)
