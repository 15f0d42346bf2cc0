"""What a command says while it works: bars and notes on the error stream, answers on the other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from merkit.cli.streams import speak

STAGES = {"scan": "looking", "measure": "measuring", "report": "writing", "target": "training"}


class OnProgress(Protocol):
    """Called with what is done, how much there is (if known), and the name of the stage."""

    def __call__(self, done: int, total: int | None, stage: str) -> None: ...


class Talk:
    """Says things, or holds its tongue.

    Parameters
    ----------
    quiet : bool
        Say nothing at all.
    answers : bool
        Whether answers go to the output; otherwise, as when that is for JSON, to the error stream.
    """

    def __init__(self, quiet: bool = False, answers: bool = True) -> None:
        self.quiet = quiet
        self.answers = answers

    def say(self, line: str) -> None:
        """Something to know, on the error stream."""
        if not self.quiet:
            speak(line, sys.stderr)

    def answer(self, line: str) -> None:
        """What the user asked for."""
        if not self.quiet:
            speak(line, sys.stdout if self.answers else sys.stderr)

    @contextmanager
    def progress(self, name: str) -> Iterator[OnProgress]:
        """A bar for a file, where somebody watches; each stage starts it anew."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda done, total, stage: None
            return
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            TextColumn(escape(name)),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed} of {task.fields[all]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        with bar:
            task = bar.add_task("starting", total=None, all="?")
            current = ""

            def on_progress(done: int, total: int | None, stage: str) -> None:
                nonlocal current
                if stage != current:
                    current = stage
                    bar.reset(task, total=total, description=STAGES.get(stage, stage))
                bar.update(task, completed=done, total=total, all="?" if total is None else total)

            yield on_progress
