"""A machine of two cores that does 300 GFLOP/s on each, for what is told of times."""

from __future__ import annotations

from pathlib import Path

import pytest

from vasari.retrieval.models.registry.presets import PRESETS
from vasari.retrieval.models.speed import Speed, remember

_MODULE = "vasari.retrieval.models.speed"
_GFLOPS = 300.0  # a second, of one core


def a_speed(asked: str = "auto/auto", device: str = "cpu") -> Speed:
    """A block takes as long as its operations."""
    towers = [preset.tower for preset in PRESETS.values() if preset.tower is not None]
    return Speed(
        asked=asked,
        processor="a processor",
        cores=2,
        device=device,
        precision="bfloat16",
        decode_seconds=0.02,
        block_seconds={
            f"{tower.width}/{tower.mlp}/{tower.heads}/{tower.tokens}": tower.gflops / tower.layers / _GFLOPS
            for tower in towers
        },
    )


def pretend(monkeypatch: pytest.MonkeyPatch, cache: Path, asked: str = "auto/auto") -> Speed:
    """Have this machine be that one, which was measured; in a cache of its own."""
    monkeypatch.setattr(f"{_MODULE}.user_cache", lambda: cache)
    monkeypatch.setattr(f"{_MODULE}._processor", lambda: "a processor")
    monkeypatch.setattr(f"{_MODULE}._cores", lambda: 2)
    speed = a_speed(asked)
    remember(speed)
    return speed
