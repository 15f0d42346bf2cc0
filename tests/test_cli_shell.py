"""The command line as a shell: quick help, nearest names, one line for every error, exit statuses."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import pytest
import typer

from merkit.cli import main as shell
from merkit.cli.failure import explain
from merkit.cli.main import COMMANDS, main
from merkit.errors import ConfigError, LeakageError, VideoError

HEAVY = {"cv2", "numpy", "pandas", "scipy", "sklearn", "skimage", "plotly", "av", "jinja2", "PIL", "torch"}


def python(code: str, **how) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, **how)


@pytest.mark.parametrize(
    "words", [["--help"], ["analyze", "--help"], ["doctor", "-h"], ["--version"], ["analize"]]
)
def test_help_and_typos_load_nothing_heavy(words: list[str]) -> None:
    """Importing any of these takes a noticeable part of a second."""
    code = (
        f"import sys, json; from merkit.cli.main import main; main({words!r}); "
        "print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})), file=sys.stderr)"
    )
    loaded = set(json.loads(python(code).stderr.splitlines()[-1]))
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_examples(command: str, capsys) -> None:
    assert main([command, "--help"]) == 0
    assert f"merkit {command}" in capsys.readouterr().out.split("Usage:")[1].split("\n", 1)[1]


def test_help_lists_every_command(capsys) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in COMMANDS)
    assert main([]) == 0
    assert capsys.readouterr().out == out


def test_version(capsys) -> None:
    import merkit

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"merkit {merkit.__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["analise", "a.mp4"], "'analyze'"),
        (["docter"], "'doctor'"),
        (["analyze", "a.mp4", "--sensitivty", "2"], "--sensitivity"),
        (["analyze"], "VIDEO"),
        (["analyze", "a.mp4", "--face", "left"], "--face"),
        (["completely-else"], "merkit --help"),
    ],
)
def test_wrong_usage_is_one_line_with_the_nearest_name(words: list[str], said: str, capsys) -> None:
    assert main(words) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert err.startswith("error: ")
    assert said in err


def failing(monkeypatch, error: BaseException) -> None:
    """Make `merkit doctor` fail in this way."""

    def fail() -> None:
        raise error

    class Module:
        @staticmethod
        def register(app: typer.Typer) -> None:
            app.command("doctor")(fail)

    monkeypatch.setattr(shell, "import_module", lambda name: Module)


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (VideoError("a.mp4: no such file"), 2, ["error: a.mp4: no such file"]),
        (VideoError("a.mp4: bad\n  on two lines"), 2, ["a.mp4: bad on two lines"]),
        (ConfigError("flow 'raft': choose"), 2, ["raft"]),
        (LeakageError("subject 7 is on both sides"), 3, ["subject 7"]),
        (PermissionError(errno.EACCES, "Permission denied", "b.mp4"), 2, ["b.mp4", "permission denied"]),
        (OSError(errno.ENOSPC, "No space left on device", "out/x"), 2, ["out/x", "disk is full"]),
        (MemoryError(), 2, ["memory"]),
        (KeyboardInterrupt(), 130, ["stopped"]),
        (typer.Abort(), 130, ["stopped"]),
        (ZeroDivisionError("division by zero"), 1, ["bug in merkit", "ZeroDivisionError", "MERKIT_DEBUG=1"]),
        (AssertionError(), 1, ["bug in merkit", "AssertionError"]),
        (RuntimeError("two\nlines"), 1, ["two lines"]),
    ],
)
def test_each_kind_of_error(monkeypatch, capsys, error, status, words) -> None:
    failing(monkeypatch, error)
    assert main(["doctor"]) == status
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert all(word in err for word in words)


def test_debug_shows_the_traceback(monkeypatch, capsys) -> None:
    monkeypatch.setenv("MERKIT_DEBUG", "1")
    failing(monkeypatch, ZeroDivisionError("division by zero"))
    assert main(["doctor"]) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("error: this is a bug")


@pytest.mark.parametrize("code", [0, 3])
def test_a_command_may_end_with_a_status(monkeypatch, capsys, code: int) -> None:
    failing(monkeypatch, typer.Exit(code))
    assert main(["doctor"]) == code
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="closes a pipe")
def test_a_reader_that_leaves_early_hears_nothing() -> None:
    """As in `merkit --help | head -1`."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "merkit", "--help"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr == ""
    assert done.returncode == 0


def test_an_error_without_a_number_is_not_mistaken_for_the_user_s() -> None:
    assert explain(OSError("odd"))[1] == 1


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.skipif(sys.platform == "win32", reason="syntax of the shell")
def test_closed_streams_are_no_bug(closed: str) -> None:
    def status(words: str) -> int:
        command = f"{sys.executable} -m merkit {words} {closed}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        assert "bug" not in done.stderr
        return done.returncode

    assert status("--version") == 0
    assert status("analyze") == 2
