"""All figures by kind."""

from __future__ import annotations

from vasari.training.scenes.objects import animals, boats, buildings, flyers, plants, things, vehicles
from vasari.training.scenes.objects.figure import Figure
from vasari.training.scenes.scene import Kind

FIGURES: dict[Kind, Figure] = {
    **boats.FIGURES,
    **flyers.FIGURES,
    **buildings.FIGURES,
    **vehicles.FIGURES,
    **plants.FIGURES,
    **animals.FIGURES,
    **things.FIGURES,
}
