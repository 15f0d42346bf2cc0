"""The program: which commands there are, and the one place where errors end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from merkit import __version__
from merkit.cli.failure import STOPPED, WRONG_INPUT, report
from merkit.cli.streams import open_closed_streams, silence, speak

COMMANDS = (
    "analyze", "cache", "compare", "datasets", "demo", "doctor", "evaluate", "flow", "head", "magnify",
    "methods", "predict", "prepare", "pretrain", "score", "simulate", "train",
)  # fmt: skip
"""Each is a module of this package with a function ``register(app)``."""

# typer does not name the base of its usage errors, and where it lives differs between versions.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the name of the program; those of the process by default.
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    open_closed_streams()
    try:
        status = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, for example `head`, has seen enough.
        silence(sys.stdout)
        return 0
    except SystemExit as stop:
        # rich has done the same already.
        if isinstance(stop.__context__, BrokenPipeError):
            return 0
        raise
    except _UsageError as error:
        return _wrong_usage(error)
    except typer.Abort:
        return report(KeyboardInterrupt())
    except (Exception, KeyboardInterrupt) as error:
        return report(error)
    return status


def _run(words: list[str]) -> int:
    command = typer.main.get_command(_program(words[0]))
    try:
        with command.make_context("merkit", words) as context:
            command.invoke(context)
    except typer.Exit as done:
        return report(KeyboardInterrupt()) if done.exit_code == STOPPED else done.exit_code
    return 0


def _program(first: str) -> typer.Typer:
    """The program with the command that is asked for, or with all of them."""
    app = typer.Typer(
        name="merkit",
        add_completion=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(merkit)
    for name in [first] if first in COMMANDS else COMMANDS:
        import_module(f"merkit.cli.{name}").register(app)
    return app


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"merkit {__version__}")
        raise typer.Exit


def merkit(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Find facial micro-expressions in video: what moved, when, and how sure that is.

    Videos stay on this machine.

    \b
    [bold]Examples[/bold]
    merkit demo                         see it work on a simulated face
    merkit analyze interview.mp4        report in merkit-out/interview
    merkit analyze frames/ --fps 200    a folder of pictures
    merkit simulate toy                 a labelled dataset of simulated faces
    merkit methods                      what can be trained and compared
    merkit doctor --fetch               check, and fetch the face models
    merkit analyze --help               all options of a command
    """


def _wrong_usage(error: Exception) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "merkit"
    message = " ".join(error.format_message().split())  # type: ignore[attr-defined]
    end = "" if message.endswith((".", "?")) else "."
    speak(f"error: {message}{end} Type '{command} --help' for what there is.", sys.stderr)
    return WRONG_INPUT
