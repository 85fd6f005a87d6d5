"""All figures by kind."""

from __future__ import annotations

from training.scenes.objects import animals, boats, buildings, flyers, plants, things, vehicles
from training.scenes.objects.figure import Figure
from training.scenes.scene import Kind

FIGURES: dict[Kind, Figure] = {
    **boats.FIGURES,
    **flyers.FIGURES,
    **buildings.FIGURES,
    **vehicles.FIGURES,
    **plants.FIGURES,
    **animals.FIGURES,
    **things.FIGURES,
}
