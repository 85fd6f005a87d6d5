"""The command `vasari`: the table of its commands, how one is run, and its errors as words and an exit code.

The table says where each command is, so that one is imported only when it is run.
Exit codes: 0 done, 1 it failed, 2 wrong usage, 130 interrupted. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import gc
import os
import sys

try:
    import signal
    from collections.abc import Sequence

    import click

    from vasari.api.cli import completion, logs, output, terminal, usage
    from vasari.api.cli.lazy import LazyCommand, LazyGroup
    from vasari.api.cli.options import NARROW
    from vasari.retrieval.errors import QueryError, UsageError, VasariError
    from vasari.retrieval.version import __version__
except KeyboardInterrupt:  # stopped before anything began
    sys.exit(130)

LONGEST = 1000  # columns of a complaint
_MODEL = "loading the model…"
_JOB = "starting: reading the library, loading the model…"

_COMMANDS = (
    ("demo", "demo:demo", "Show what Vasari does, on pictures that it draws itself and some photos.", _MODEL),
    ("index", "indexing:index", "Bring the library in step with folders, tables or buckets.", _JOB),
    ("status", "contents:status", "Tell what the library holds."),
    ("failures", "failures:failures", "List the files that could not be indexed, and why."),
    ("fields", "contents:fields", "List what a filter may ask for."),
    ("show", "saying:show", "Tell all that is known of pictures."),
    ("tag", "saying:tag", "Say something of pictures: tags, a rating, a caption."),
    ("remove", "contents:remove", "Take items out of the library."),
    ("purge", "contents:purge", "Forget missing pictures and texts for good."),
    ("watch", "watching:watch", "Keep the library in step with folders until Ctrl-C.", _JOB),
    ("search", "searching:search", "Find pictures by words, by a picture, or by both."),
    ("open", "opening:open_", "Open the best match in the desktop's own program.", _MODEL),
    ("similar", "searching:similar", "Find pictures like one picture.", _MODEL),
    ("understand", "intent:understand", "Tell what a query would be understood as, without searching."),
    (
        "doctor",
        "upkeep:doctor",
        "Check that catalog, vectors, indexes and exported models are whole and agree.",
    ),
    ("rebuild", "upkeep:rebuild", "Build new indexes, and switch to them."),
    ("backup", "backups:backup", "Keep the library as it is now, while it is used."),
    ("restore", "backups:restore", "Make a library anew from a backup."),
    ("move-root", "backups:move_root", "Tell the library that pictures lie elsewhere now."),
    (
        "known",
        "knowing:known",
        "Tell whether pictures are copies of those in the library, and of which.",
        _MODEL,
    ),
    ("dedupe", "upkeep:dedupe", "List near-duplicates, the best copy of each group first."),
    (
        "stacks",
        "stacks:stacks",
        "List stacks: RAW photos with their JPEGs, live photos, edited copies, bursts, and those made by hand.",
    ),
    (
        "stack",
        "stacks:stack",
        "Make pictures one stack, which `vasari search --group-by stack` shows as one.",
    ),
    ("unstack", "stacks:unstack", "Take pictures out of their stacks; no rule puts them into one again."),
    ("judge", "judging:judge", "Say that pictures are right, or wrong, for a query."),
    ("eval", "evaluating:evaluate", "Measure how well a model retrieves.", _MODEL),
    (
        "compare",
        "measuring:compare",
        "Tell whether one setting finds better than another, by a paired test.",
        _MODEL,
    ),
    ("train", "training:train", "Fine-tune a model on your pictures.", _MODEL),
    ("serve", "serving:serve", "Serve the search page and the HTTP API until Ctrl-C."),
    ("mcp", "agents:mcp", "Offer the library to agents: search, look, ask (Model Context Protocol)."),
    ("match", "understanding:match", "Tell how well a text describes a picture.", _MODEL),
    ("classify", "understanding:classify", "Choose among labels, without training (zero-shot).", _MODEL),
    ("caption", "understanding:caption", "Describe pictures.", _MODEL),
    ("read", "reading:read", "Read the text in pictures (OCR), to find them by it."),
    ("ask", "understanding:ask", "Answer a question about a picture.", _MODEL),
    ("locate", "regions:locate", "Tell where in a picture a phrase is to be seen.", _MODEL),
    ("detect", "regions:detect", "List the things in a picture, and where they are.", _MODEL),
    ("why", "understanding:why", "Draw where in a picture a query's words are seen.", _MODEL),
    ("export", "exchange:export", "Write items with their captions and vectors, for other tools."),
    (
        "upgrade-model",
        "upgrading:upgrade_model",
        "Embed all by a larger model, and search by it from then on.",
    ),
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
    ("list", "models:list_models", "List the presets: what each is for, its size, licence and quality."),
    ("info", "models:info", "Tell all that is known of one preset."),
    (
        "recommend",
        "recommending:recommend_models",
        "Choose a model: recall in a language, time on this machine, memory, licence.",
    ),
    ("pull", "pulling:pull", "Download a model's weights, so that it works without a network."),
    ("optimize", "optimizing:optimize", "Make a faster form of a library's model for this CPU."),
)
_TUNE = (
    (
        "ranking",
        "tuning:ranking",
        "Find out what makes answers better in this library, and switch that on.",
        _MODEL,
    ),
)
_ALBUMS = (
    ("list", "albums:list_albums", "List the albums and saved searches."),
    ("create", "albums:create", "Make an album, or save a search."),
    ("add", "albums:add", "Put pictures into an album."),
    ("remove", "albums:remove", "Take pictures out of an album; they stay in the library."),
    ("share", "albums:share", "Make a link by which others see an album, and nothing else of the library."),
    ("rename", "albums:rename", "Give an album another name."),
    ("delete", "albums:delete", "Forget an album; its pictures stay in the library."),
)
_JUDGMENTS = (
    ("list", "judging:list_judgments", "List what was judged: each query with how many right and wrong."),
    ("export", "judging:export", "Write the judgments, for another library and for trec_eval."),
    ("import", "judging:import_", "Read judgments of another library, or of a TREC collection."),
    ("clear", "judging:clear", "Forget all judgments, or one person's."),
)
_QUERIES = (
    (
        "list",
        "queries:list_queries",
        "List what was searched for, the last first, and how well its best answer matched.",
    ),
    ("clear", "queries:clear", "Forget what was searched for."),
)
_TAGS = (("write", "tags:write", "Write tags, captions and ratings into XMP sidecars."),)
_SCENES = (
    ("render", "scenes:render", "Draw picture postcards with captions, questions and hard negatives."),
)
_KEYS = (
    ("create", "keys:create", "Make a key; it is shown this once."),
    ("list", "keys:list_keys", "List keys: number, name, scopes, state, last use, what each sees."),
    ("rotate", "keys:rotate", "Replace a key by a new one that may and sees the same; the old one ends."),
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
        _group(
            "album", _ALBUMS, "Albums and saved searches: make them, fill them.", "vasari album create Summer"
        ),
        _group(
            "tags", _TAGS, "Tags, captions and ratings, for other programs.", "vasari tags write --dry-run"
        ),
        _group(
            "judgments",
            _JUDGMENTS,
            "Judgments: which pictures are right and wrong for which queries.",
            "vasari judgments list",
        ),
        _group(
            "queries",
            _QUERIES,
            "What was searched for, where that is kept (VASARI_QUERY_LOG=1).",
            "vasari queries list --unanswered",
        ),
        _group("tune", _TUNE, "Measure what suits a library, and switch it on.", "vasari tune ranking"),
        _group("scenes", _SCENES, "The drawn collection.", "vasari scenes render --count 300 ./scenes"),
        _group(
            "keys",
            _KEYS,
            "Keys of the HTTP service: create, list, rotate, revoke.",
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    end = words.index("--") if "--" in words else len(words)  # of options: what comes after is no option
    debug = "--debug" in words[:end]  # works before and after the command's name
    words[:end] = [word for word in words[:end] if word != "--debug"]
    _open_standard_streams()
    # The process is this command's: no garbage collection until all is imported saves a tenth.
    if arguments is None:
        gc.disable()
    try:
        logs.show(debug=debug)
        sys.exit(run(words))
    except VasariError as error:
        if debug:
            raise
        _fail(error)
    except (KeyboardInterrupt, click.Abort):
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the next one ends what still waits for its threads
        _complain("stopped")
        sys.exit(130)
    except BrokenPipeError:  # `vasari search cat | head`: the reader has left, which is no error
        _discard_stdout()
        sys.exit(0)
    except OSError as error:
        if debug:
            raise
        where = f"{error.filename}: " if error.filename is not None else ""
        _complain(f"{where}{error.strerror or error}")
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        _complain(f"unexpected {type(error).__name__}: {error} (--debug shows where)")
        sys.exit(1)


def _fail(error: VasariError) -> None:
    """Say what is wrong, and exit: 2 for a wrong request, 1 for what failed."""
    if isinstance(error, output.OutputError):
        _discard_stdout()
    _complain(str(error))
    if isinstance(error, QueryError) and error.column is not None:
        output.caret(error.text, error.column)
    sys.exit(2 if isinstance(error, UsageError) else 1)


def _complain(line: str) -> None:
    """Say it in a line; a hundred kilobytes that were given are not given back."""
    output.note(f"vasari: {terminal.shortened(line, LONGEST)}")


def _open_standard_streams() -> None:
    """Let descriptors 0 to 2 be taken: a catalog opened as 1 would get what a library prints there."""
    opened = os.open(os.devnull, os.O_RDWR)
    while opened < 2:
        opened = os.dup(opened)
    if opened > 2:
        os.close(opened)


def _discard_stdout() -> None:
    """Throw away what stdout has not taken, or the interpreter would try it again at its end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
