"""All commands of `vasari`: a table of where each is, so that one is imported only when it is run."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from vasari.api.cli import completion, output, usage
from vasari.api.cli.lazy import LazyCommand, LazyGroup
from vasari.api.cli.options import NARROW
from vasari.retrieval.version import __version__

_MODEL = "loading the model…"
_JOB = "starting: reading the library, loading the model…"

_COMMANDS = (
    ("demo", "demo:demo", "Show what Vasari does, on pictures that it draws itself.", _MODEL),
    ("index", "indexing:index", "Bring the library in step with folders, tables or buckets.", _JOB),
    ("status", "contents:status", "Tell what the library holds."),
    ("failures", "failures:failures", "List the files that could not be indexed, and why."),
    ("fields", "contents:fields", "List what a filter may ask for."),
    ("remove", "contents:remove", "Take items out of the library."),
    ("purge", "contents:purge", "Forget missing pictures and texts for good."),
    ("watch", "watching:watch", "Keep the library in step with folders until Ctrl-C.", _JOB),
    ("search", "searching:search", "Find pictures by words, by a picture, or by both."),
    ("similar", "searching:similar", "Find pictures like one picture.", _MODEL),
    (
        "doctor",
        "upkeep:doctor",
        "Check that catalog, vectors, indexes and exported models are whole and agree.",
    ),
    ("rebuild", "upkeep:rebuild", "Build new indexes, and switch to them."),
    ("dedupe", "upkeep:dedupe", "List near-duplicates, the best copy of each group first."),
    ("eval", "evaluating:evaluate", "Measure how well a model retrieves.", _MODEL),
    ("train", "training:train", "Fine-tune an open_clip model on your pairs.", _MODEL),
    ("serve", "serving:serve", "Serve the search page and the HTTP API until Ctrl-C."),
    ("match", "understanding:match", "Tell how well a text describes a picture.", _MODEL),
    ("classify", "understanding:classify", "Choose among labels, without training (zero-shot).", _MODEL),
    ("caption", "understanding:caption", "Describe pictures.", _MODEL),
    ("ask", "understanding:ask", "Answer a question about a picture.", _MODEL),
    ("why", "understanding:why", "Draw where in a picture a query's words are seen.", _MODEL),
    ("export", "exchange:export", "Write items with their captions and vectors, for other tools."),
    ("import", "exchange:import_", "Bring in items with the vectors that another tool made."),
    (
        "bench",
        "benching:bench",
        "Measure how fast a folder would be indexed, what holds it up, and what would help.",
        _MODEL,
    ),
)
_SPACES = (
    (
        "list",
        "spaces:list_spaces",
        "List the spaces: how many items have a vector in each, and how many have none.",
    ),
    ("use", "spaces:use", "Have searches and jobs use a space, complete or not."),
    ("drop", "spaces:drop", "Delete a space's vectors and indexes."),
)
_MODELS = (
    ("list", "models:list_models", "List the presets: size, licence, quality, and whether they are here."),
    ("info", "models:info", "Tell all that is known of one preset."),
    ("pull", "pulling:pull", "Download a model's weights, so that it works without a network."),
    ("optimize", "optimizing:optimize", "Make a faster form of a library's model for this CPU."),
)
_SCENES = (
    ("render", "scenes:render", "Draw picture postcards with captions, questions and hard negatives."),
)
_KEYS = (
    ("create", "keys:create", "Make a key; it is shown this once."),
    ("list", "keys:list_keys", "List keys: number, name, scopes, whether revoked."),
    ("revoke", "keys:revoke", "Make a key useless; running services notice within seconds."),
)


def _group(name: str, rows: Sequence[tuple[str, ...]], line: str, example: str) -> LazyGroup:
    """A family of commands under one name."""
    return LazyGroup(
        name, (LazyCommand(*row) for row in rows), help=line, short_help=line, epilog=f"Example: {example}"
    )


def _print_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        output.line(f"vasari {__version__}")
        context.exit()


app = LazyGroup(
    "vasari",
    (
        *(LazyCommand(*row) for row in _COMMANDS),
        _group(
            "spaces",
            _SPACES,
            "The spaces, one for each model: list them, switch searches to one, drop one.",
            "vasari spaces list",
        ),
        _group("models", _MODELS, "The models: list them, look one up, fetch one.", "vasari models list"),
        _group("scenes", _SCENES, "The drawn collection.", "vasari scenes render --count 300 ./scenes"),
        _group(
            "keys",
            _KEYS,
            "Keys of the HTTP service: create, list, revoke.",
            "vasari keys create page --scope search",
        ),
    ),
    help="Find pictures by words, and words by pictures.",
    epilog="Begin with: vasari index ~/Pictures && vasari search 'a red boat at sunset'",
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Print the version and exit.",
        ),
        click.Option(["--debug"], is_flag=True, expose_value=False, help="Show the traceback of an error."),
        *completion.OPTIONS,
    ],
)


def _width() -> int | None:
    """How wide help is on a terminal so narrow that Click would not fit it; else Click decides."""
    return output.columns() - 1 if output.columns() < NARROW else None


def run(words: Sequence[str]) -> int:
    """Run the command that `words` name, and tell its exit code; UsageError for what it does not understand."""
    if instruction := os.environ.get(completion.VARIABLE):  # the shell asks what could come next
        return completion.answer(app, instruction)
    try:
        with app.make_context("vasari", list(words), terminal_width=_width()) as context:
            app.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.exceptions.NoArgsIsHelpError as shown:
        for line in shown.message.splitlines():
            output.note(line)
        return 2
    except click.ClickException as problem:
        raise usage.explained(problem, words) from None
    return 0
