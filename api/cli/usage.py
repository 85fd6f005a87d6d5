"""Usage errors in one line: what is missing or not known, what could be meant, and an example that works."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import click

from vasari.api.cli.options import Command
from vasari.retrieval.errors import UsageError

_TERM = re.compile(r"-(?:[^\W\d]{2,}|\d)")  # a word behind a minus; no option is called like that
_EXTRA = re.compile(r"Got unexpected extra arguments? \((.*)\)", re.DOTALL)


def explained(problem: click.ClickException, words: Sequence[str]) -> UsageError:
    """What Click complains of, in a sentence that names the argument and shows an example."""
    context = problem.ctx if isinstance(problem, click.UsageError) else None
    path = context.command_path if context is not None else " ".join(["vasari", *words[:1]])
    match problem:
        case click.MissingParameter(param=click.Parameter() as missed):
            return UsageError(f"`{path}` misses {_described(missed)}. {_example(context)}")
        case click.NoSuchOption():
            return UsageError(_no_such_option(problem, path, words))
        case click.exceptions.NoSuchCommand(ctx=click.Context(command=click.Group(commands=known))):
            return UsageError(_no_such_command(problem.command_name, known, path))
        case click.BadParameter(param=click.Parameter() as wrong):
            said = _in_a_sentence(problem.message.rstrip("."))
            message = f"{_named(wrong)}{' ' if said.startswith('should') else ': '}{said}"
        case _:
            message = problem.format_message().rstrip(".")
            if extra := _EXTRA.fullmatch(message):
                takes = (
                    any(isinstance(each, click.Argument) for each in context.command.params)
                    if context
                    else True
                )
                quotes = ": put quotes around a text of several words" if takes else ""
                message = f"`{path}` has no place for {extra[1]!r}{quotes}"
    return UsageError(f"{message} (`{path} -h` tells how it is used)")


class QueryCommand(Command):
    """A command that takes a query, and refuses a word in it that begins with a minus."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As Click does it, where no term is taken for options; completion complains of nothing."""
        return super().parse_args(ctx, args if ctx.resilient_parsing else list(self._spelled_out(args)))

    def _spelled_out(self, words: Sequence[str]) -> Iterator[str]:
        """The words with short options in full; UsageError for a term that would be read as options.

        Of `-snow` a parser makes `--sub now`. Bundles of switches (`-fr`) and numbers (`-t5`) stay what they are. Click
        looks for options of a like name before it takes a short one for what it is: 12 ms of a search's 290.
        """
        options = {
            name: option for option in self.params if isinstance(option, click.Option) for name in option.opts
        }
        switches = {name[1] for name, option in options.items() if len(name) == 2 and option.is_flag}
        remaining = iter(words)
        for word in remaining:
            if (option := options.get(word)) is not None:
                yield _named(option)
                if not option.is_flag:
                    yield from islice(remaining, 1)
            elif word == "--":
                yield word
                yield from remaining
            elif _TERM.match(word) and not set(word[1:]) <= switches:
                raise UsageError(
                    f"{word} is read as options: to subtract it write `- {word[1:]}` with a space between,"
                    f" to search for the word itself `vasari search -- {word}`"
                )
            else:
                yield word


def _described(parameter: click.Parameter) -> str:
    what = (parameter.help or "").rstrip(".")
    return f"{_named(parameter)} ({_in_a_sentence(what)})" if what else _named(parameter)


def _named(parameter: click.Parameter) -> str:
    """An option by its first long form, an argument by what help calls it."""
    if isinstance(parameter, click.Option):
        return next((name for name in parameter.opts if name.startswith("--")), parameter.opts[0])
    return (parameter.metavar or parameter.human_readable_name).strip("[]").removesuffix("...")


def _no_such_option(problem: click.NoSuchOption, path: str, words: Sequence[str]) -> str:
    file = next((word for word in words if re.match(r"-[^-].*[./]", word)), None)
    if file is not None and file.startswith(problem.option_name):
        return f"`{path}` has no option {problem.option_name}: write ./{file} for a file of that name"
    close = sorted(problem.possibilities or ())
    meant = f": did you mean {' or '.join(close)}?" if close else ""
    return f"`{path}` has no option {problem.option_name}{meant} (`{path} -h` lists them)"


def _no_such_command(unknown: str, known: Iterable[str], path: str) -> str:
    from difflib import get_close_matches  # a plain search makes no mistake

    if close := get_close_matches(unknown, known, n=1):
        return f"there is no command {unknown!r}: did you mean `{path} {close[0]}`?"
    search = f" To search: `vasari search '{unknown}'`." if path == "vasari" else ""
    return f"there is no command {unknown!r}.{search} `{path} -h` lists them"


def _example(context: click.Context | None) -> str:
    return (context.command.epilog if context is not None else None) or "`vasari -h` lists the commands"


def _in_a_sentence(text: str) -> str:
    """With a small letter first, but for names such as COCO."""
    return text[:1].lower() + text[1:] if text[1:2] == " " or text[1:2].islower() else text
