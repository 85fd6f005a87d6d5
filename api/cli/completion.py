"""Shell completion of commands, options and paths: Click's own scripts, shown or installed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from vasari.api.cli import output
from vasari.retrieval.errors import UsageError

VARIABLE = "_VASARI_COMPLETE"  # holds what a shell asks, such as bash_complete
_SHELLS = {"bash": "bash", "zsh": "zsh", "fish": "fish", "pwsh": "powershell", "powershell": "powershell"}

# Where a shell's script goes, and the line that has the shell read it, below the user's home.
_PLACES = {
    "bash": (".bash_completions/vasari.sh", ".bashrc", "source ~/.bash_completions/vasari.sh"),
    "zsh": (".zfunc/_vasari", ".zshrc", "fpath+=~/.zfunc; autoload -Uz compinit; compinit"),
    "fish": (".config/fish/completions/vasari.fish", None, ""),
}


def answer(command: click.Command, instruction: str) -> int:
    """Print what a shell asks for: its script, or what could come next."""
    from click.shell_completion import shell_complete  # not for every command

    return shell_complete(command, {}, "vasari", VARIABLE, instruction)


def _shell() -> str:
    """The shell that the command was typed into, else the user's own."""
    parent = Path(f"/proc/{os.getppid()}/comm")
    running = parent.read_text("utf-8").strip() if parent.is_file() else ""
    own = "powershell" if os.name == "nt" else Path(os.environ.get("SHELL", "")).name
    shell = _SHELLS.get(running) or _SHELLS.get(own)
    if shell is None:
        raise UsageError("this shell is not known: set SHELL to bash, zsh, fish or pwsh")
    return shell


def _script(command: click.Command, shell: str) -> str:
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None, shell
    return made(command, {}, "vasari", VARIABLE).source()


def _show(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        output.verbatim(_script(context.command, _shell()))
        context.exit()


def _install(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    shell, home = _shell(), Path.home()
    if shell not in _PLACES:
        raise UsageError("add to your profile by hand what `vasari --show-completion` prints")
    place, settings, line = _PLACES[shell]
    script = home / place
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(_script(context.command, shell), "utf-8")
    if settings is not None:
        _have_read(home / settings, line)
    output.line(f"completion for {shell} is in {script}, and works in the next shell that is started")
    context.exit()


def _have_read(settings: Path, line: str) -> None:
    """End a shell's settings with `line`, unless they have it."""
    text = settings.read_text("utf-8", "surrogateescape") if settings.is_file() else ""
    if line not in text:
        with settings.open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")


OPTIONS = (
    click.Option(
        ["--install-completion"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_install,
        help="Install completion for the current shell.",
    ),
    click.Option(
        ["--show-completion"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show,
        help="Show completion for the current shell, to copy it or customize the installation.",
    ),
)
