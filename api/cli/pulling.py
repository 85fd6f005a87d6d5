"""`vasari models pull`: a model's weights from the hub."""

from __future__ import annotations

from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.options import command, open_settings
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.models.registry.files import locate, locate_folder, use_of_repository
from vasari.retrieval.models.registry.hub import HubAccess
from vasari.retrieval.models.registry.presets import PRESETS
from vasari.retrieval.models.registry.resolve import ReferenceKind, resolve
from vasari.retrieval.settings import Settings


@command(example="vasari models pull balanced")
@click.argument("name", metavar="NAME", help="A preset, architecture/tag or owner/name of the hub.")
@click.option("--accept-licence", is_flag=True, help="Agree to a licence that must be agreed to.")
@click.option("--force", is_flag=True, help="Download all again, sound files too.")
def pull(name: str, accept_licence: bool, force: bool) -> None:
    """Download a model's weights, so that it works without a network.

    What was begun is gone on with. Files that are here are compared with their checksums; only a damaged one is
    downloaded again, unless --force asks for all.
    """
    output.line(f"{name} is on this machine: {fetch_model(name, open_settings(), accept_licence, force)}")


def fetch_model(name: str, settings: Settings, accept_licence: bool = False, force: bool = False) -> Path:
    """Download what is missing of a model, or all of it (`force`); the folder of its files."""
    access = HubAccess(settings.offline, settings.hub_timeout, verify=True, anew=force)
    preset = PRESETS.get(name)
    source = resolve(name, preset.kind if preset else ModelKind.DUAL_ENCODER)
    if source.kind is ReferenceKind.HUB and preset is None:
        source = resolve(name, use_of_repository(source.repository or "", access))
    if source.use is ModelKind.DUAL_ENCODER:
        return locate(source, access, accept_licence=accept_licence).weights.parent
    return locate_folder(source, access, accept_licence=accept_licence)
