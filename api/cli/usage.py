"""Wrong usage in one line: what is missing or not known, what could be meant, and an example that works."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import typer

from retrieval.errors import UsageError

ClickException: type[Exception] = typer.BadParameter.__mro__[
    2
]  # Typer brings its own Click, or uses the installed one
_TERM = re.compile(r"-(?:[^\W\d]{2,}|\d)")  # a word behind a minus; no option is called like that


def explained(problem: Exception, words: Sequence[str]) -> UsageError:
    """What Click complains of, in a sentence that names the argument and shows an example."""
    context = getattr(problem, "ctx", None)
    path = context.command_path if context is not None else " ".join(["vasari", *words[:1]])
    name = type(problem).__name__
    if name == "MissingParameter":
        return UsageError(_missing(problem, context, path))
    if name == "NoSuchOption":
        return UsageError(_no_such_option(problem, path))
    if getattr(problem, "param", None) is not None:
        return UsageError(f"{_bad_value(problem)} (`{path} -h` tells how it is used)")
    message = _plain(problem.format_message() if hasattr(problem, "format_message") else str(problem))
    if context is not None and hasattr(context.command, "commands") and words:
        unknown = next((word for word in words if not word.startswith("-") and word in message), None)
        if unknown is not None and message.startswith("No such command"):
            return UsageError(_no_such_command(unknown, context.command.commands, path))
    if extra := re.fullmatch(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", message, re.DOTALL):
        message = f"`{path}` has no place for {extra[1]!r}: put quotes around a text of several words"
    return UsageError(f"{message} (`{path} -h` tells how it is used)")


def refuse_minus_terms(words: Sequence[str], command: Any) -> None:
    """Refuse a query's word that begins with a minus, which would be read as a bundle of short options.

    Of `-snow` a parser makes `--sub now`. Bundles of switches (`-fr`) and numbers (`-t5`) stay what they are.
    """
    options = {
        name: not option.is_flag
        for option in command.params
        if option.param_type_name == "option"
        for name in option.opts
    }
    switches = {name[1] for name, takes_value in options.items() if len(name) == 2 and not takes_value}
    value_follows = False
    for word in words:
        if value_follows:
            value_follows = False
        elif word == "--":
            return
        elif word in options:
            value_follows = options[word]
        elif _TERM.match(word) and not set(word[1:]) <= switches:
            raise UsageError(
                f"{word} is read as options: to subtract it write `- {word[1:]}` with a space between,"
                f" to search for the word itself `vasari search -- {word}`"
            )


def _missing(problem: Any, context: Any, path: str) -> str:
    parameter = problem.param
    named = _named(parameter) if parameter is not None else "an argument"
    what = (getattr(parameter, "help", None) or "").rstrip(".")
    said = f" ({_in_a_sentence(what)})" if what else ""
    return f"`{path}` misses {named}{said}. {_example(context)}"


def _named(parameter: Any) -> str:
    """An option by its long form, an argument by what help calls it."""
    if parameter.param_type_name == "option":
        return str(max(parameter.opts, key=len))
    return str(parameter.metavar or parameter.name.upper()).strip("[]").removesuffix("...")


def _bad_value(problem: Any) -> str:
    said = _in_a_sentence(_plain(problem.message).partition(", unable to parse")[0])
    said = said.removeprefix("value error, ").removeprefix("input ")
    return f"{_named(problem.param)}{' ' if said.startswith('should') else ': '}{said}"


def _no_such_option(problem: Any, path: str) -> str:
    close = sorted(problem.possibilities or ())
    meant = f": did you mean {' or '.join(close)}?" if close else ""
    return f"`{path}` has no option {problem.option_name}{meant} (`{path} -h` lists them)"


def _no_such_command(unknown: str, known: Mapping[str, Any], path: str) -> str:
    close = get_close_matches(unknown, known, n=1)
    if close:
        return f"there is no command {unknown!r}: did you mean `{path} {close[0]}`?"
    search = f" To search: `vasari search '{unknown}'`." if path == "vasari" else ""
    return f"there is no command {unknown!r}.{search} `{path} -h` lists them"


def _example(context: Any) -> str:
    epilog = context.command.epilog if context is not None else None
    return epilog or "`vasari -h` lists the commands"


def _in_a_sentence(text: str) -> str:
    """With a small letter first, but for names such as COCO."""
    return text[:1].lower() + text[1:] if text[1:2] == " " or text[1:2].islower() else text


def _plain(message: str) -> str:
    """A message in the middle of a sentence, without its full stop."""
    return message.rstrip(".")
