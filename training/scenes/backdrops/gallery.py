"""All backdrops by setting."""

from __future__ import annotations

from collections.abc import Callable

from vasari.training.scenes.backdrops import settled, shores, wild
from vasari.training.scenes.backdrops.stage import Stage
from vasari.training.scenes.scene import Setting

BACKDROPS: dict[Setting, Callable[[Stage], None]] = {
    Setting.BEACH: shores.beach,
    Setting.HARBOUR: shores.harbour,
    Setting.MOUNTAINS: wild.mountains,
    Setting.CITY: settled.city,
    Setting.FARM: settled.farm,
    Setting.DESERT: wild.desert,
    Setting.FOREST: wild.forest,
    Setting.SNOWFIELD: wild.snowfield,
    Setting.LAKE: shores.lake,
    Setting.PARK: settled.park,
}
