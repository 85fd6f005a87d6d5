"""`vasari judge` and `vasari judgments`: which pictures are right and wrong for a query."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.options import FILE, PLACE, Integer, command, json_option, library_option, yes_option
from vasari.api.cli.saying import complain
from vasari.api.contract.judgments import judgment_fields
from vasari.retrieval.catalog.judgments import HIGHEST_GRADE
from vasari.retrieval.catalog.records import JudgedQuery
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library import judging
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.named import live_items

NAME = "local"  # as a service calls who asks on its own machine without a key
_FIRST = 5  # lines that are told of what was left out

who_option = click.option("--who", default=NAME, show_default=True, help="In whose name.")


@command(example="vasari judge 'a red boat' ~/Pictures/boat.jpg item:42")
@click.argument("query", metavar="QUERY", help="As it was searched for.")
@click.argument("what", metavar="PATH|ITEM...", type=PLACE, nargs=-1, required=True, help="Files or item:ID.")
@click.option("--wrong", is_flag=True, help="They are wrong: --grade 0.")
@click.option(
    "--grade", type=Integer(0, HIGHEST_GRADE), help=f"How right they are, 0 to {HIGHEST_GRADE}. [default: 1]"
)
@click.option("--withdraw", is_flag=True, help="Take back what was said of them.")
@click.option("--filter", "-F", "filter_", metavar="FILTER", help="The filter that the search had.")
@who_option
@json_option
@library_option
def judge(
    query: str,
    what: tuple[str, ...],
    wrong: bool,
    grade: int | None,
    withdraw: bool,
    filter_: str | None,
    who: str,
    json: bool,
    library: Path | None,
) -> None:
    """Say that pictures are right, or wrong, for a query.

    `vasari eval --queries judgments` measures by it, `vasari compare` compares by it. The exit code is 1 when something
    was named that is not in the library.
    """
    if sum((wrong, grade is not None, withdraw)) > 1:
        raise UsageError("say one of --wrong, --grade and --withdraw")
    with Library.open(library) as opened:
        ids, gone = live_items(opened, what)
        if withdraw:
            count = opened.catalog.judgments.withdraw(query, filter_, ids, who)
        elif ids:
            count = judging.judge(
                opened, query, ids, 0 if wrong else 1 if grade is None else grade, who, filter_
            )
        else:
            count = 0
    verb = "withdrawn" if withdraw else "judged"
    if json:
        output.print_json({verb: count, "ids": ids, "not_found": gone})
    elif ids or not gone:
        output.line(f"{count:,} {verb}")
    complain(gone)


@command("list", example="vasari judgments list")
@click.argument("query", metavar="[QUERY]", required=False, help="Only of this query, picture by picture.")
@click.option("--filter", "-F", "filter_", metavar="FILTER", help="The filter that the search had.")
@json_option
@library_option
def list_judgments(query: str | None, filter_: str | None, json: bool, library: Path | None) -> None:
    """List what was judged: each query with how many right and wrong.

    Of one query, the pictures.
    """
    with Library.open(library) as opened:
        said = opened.catalog.judgments.all(query, filter_)
        if json:
            output.print_json([judgment_fields(one) for one in said])
            return
        if query is None:
            output.table([_row(one) for one in opened.catalog.judgments.queries()])
        else:
            items = opened.items(sorted({one.item for one in said}))
            output.table(
                [(_graded(one.grade), items[one.item].uri, one.who) for one in said if one.item in items]
            )
    if not said:
        output.note("nothing was judged: give thumbs on the page, or `vasari judge QUERY ITEM`")


def _row(judged: JudgedQuery) -> tuple[str, ...]:
    right = Counter(grade > 0 for grade in judged.grades.values())
    return f"{right[True]:,} right", f"{right[False]:,} wrong", judged.query, judged.filter or ""


def _graded(grade: int) -> str:
    return "wrong" if not grade else "right" if grade == 1 else f"right, {grade}"


@command(example="vasari judgments export ./judgments")
@click.argument("folder", metavar="FOLDER", type=FILE, help="Where the files go.")
@json_option
@library_option
def export(folder: Path, json: bool, library: Path | None) -> None:
    """Write the judgments, for another library and for trec_eval.

    judgments.jsonl says who judged what when; topics.tsv and qrels.txt are TREC's, with pictures by number.
    """
    with Library.open(library) as opened:
        count = judging.export(opened, folder)
    if json:
        output.print_json({"judgments": count, "folder": str(folder)})
    else:
        output.line(f"{output.counted(count, 'judgment', 'judgments')} in {folder}")


@command("import", example="vasari judgments import ./judgments/judgments.jsonl")
@click.argument("queries", metavar="FILE", type=FILE, help="judgments.jsonl; or TREC topics, with --qrels.")
@click.option("--qrels", type=FILE, help="The judgments of TREC topics.")
@who_option
@json_option
@library_option
def import_(queries: Path, qrels: Path | None, who: str, json: bool, library: Path | None) -> None:
    """Read judgments of another library, or of a TREC collection.

    Pictures are found by path, else by content; the exit code is 1 when some are not in the library.
    """
    with Library.open(library) as opened:
        count, left_out = judging.bring_in(opened, queries, who, qrels)
    if json:
        output.print_json({"judged": count, "left_out": left_out})
    else:
        output.line(f"{count:,} judged")
    tell_left_out(left_out)
    if left_out:
        raise click.exceptions.Exit(1)


def tell_left_out(left_out: list[str]) -> None:
    """Say what of a file could not be used."""
    for line in left_out[:_FIRST]:
        output.note(line)
    if len(left_out) > _FIRST:
        output.note(f"and {len(left_out) - _FIRST:,} more")


@command(example="vasari judgments clear --who local --yes")
@click.option("--who", help="Only what was judged in this name.")
@yes_option
@json_option
@library_option
def clear(who: str | None, yes: bool, json: bool, library: Path | None) -> None:
    """Forget all judgments, or one person's."""
    with Library.open(library) as opened:
        if not yes:
            count = opened.catalog.judgments.count(who)
            if json or not output.can_ask():
                raise UsageError(
                    f"{output.counted(count, 'judgment', 'judgments')} would be forgotten: say --yes"
                )
            if not output.confirmed(
                f"Forget {output.counted(count, 'judgment', 'judgments')}{f' of {who}' if who else ''}?"
            ):
                raise click.exceptions.Exit(1)
        forgotten = opened.catalog.judgments.withdraw(who=who)
    if json:
        output.print_json({"withdrawn": forgotten})
    else:
        output.line(f"{forgotten:,} forgotten")
