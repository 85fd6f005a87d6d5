"""`vasari upgrade-model`: from the built-in model that a library began with to a larger one."""

from __future__ import annotations

from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.indexing import finish, run_known
from vasari.api.cli.options import command, json_option, library_option, open_settings
from vasari.api.cli.pulling import fetch_model
from vasari.retrieval.library.instant_start import STARTER
from vasari.retrieval.library.library import Library
from vasari.retrieval.settings import NEW_MODEL


@command(example="vasari upgrade-model")
@click.argument(
    "model",
    metavar="[MODEL]",
    required=False,
    help="Which. [default: fast, or the one in use]",
)
@json_option
@library_option
def upgrade_model(model: str | None, json: bool, library: Path | None) -> None:
    """Embed all by a larger model, and search by it from then on.

    Downloads the model, gives each picture and text a vector by it, and switches when none lacks one. Searches go on
    meanwhile by the model they use now. Run again, it goes on where it was stopped.
    """
    with Library.open(library, open_settings(library=library)) as opened:
        before = opened.space()
        usual = NEW_MODEL if before.model == STARTER else before.model
        wanted = model or opened.successor() or usual
        if wanted != before.model:
            fetch_model(wanted, opened.settings)
        finish(run_known(opened, model=wanted), json=json)
        after = opened.space()
    if after != before:
        output.note(f"`vasari spaces drop {before.name}` frees what the vectors of {before.model} take")
