"""Recommended models for a language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vasari.api.contract.scalars import Fields

if TYPE_CHECKING:
    from vasari.retrieval.models.recommend import Candidate, Recommendation
    from vasari.retrieval.models.registry.presets import Preset


def recommendation_fields(found: Recommendation) -> Fields:
    """Models for a language by recall in percent, with what each costs here; `choice` is the one to take."""
    return {
        "language": found.language,
        "recall_is": found.recall_is,
        "source": found.source,
        "images": found.images,
        "memory_bytes": found.memory,
        "device": found.speed.device,
        "precision": found.speed.precision,
        "cores": found.speed.cores,
        "choice": found.choice and found.choice.preset.name,
        "pull": found.choice and pull_command(found.choice.preset),
        "open_choice": found.open_choice and found.open_choice.preset.name,
        "models": [_candidate_fields(candidate) for candidate in found.candidates],
    }


def pull_command(preset: Preset) -> str:
    """What fetches a preset; a licence that has to be agreed to is named by it."""
    return f"vasari models pull {preset.name}" + (" --accept-licence" if preset.ask_before_download else "")


def _candidate_fields(candidate: Candidate) -> Fields:
    return {
        "name": candidate.preset.name,
        "use": candidate.preset.use,
        "recall": candidate.recall,
        "pictures_per_second": round(candidate.pictures_per_second, 3),
        "seconds": round(candidate.seconds),
        "memory_bytes": candidate.memory_bytes,
        "download_bytes": candidate.preset.download_bytes,
        "licence": candidate.preset.licence,
        "restricted": candidate.restricted,
        "fits": candidate.fits,
        "outdone_by": candidate.outdone_by,
    }
