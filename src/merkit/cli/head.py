"""``merkit head``: the parametric head of the simulator, and how it gets here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(name="head")
    group.callback(invoke_without_command=True)(head)
    group.command("show")(show)
    group.command("import")(import_meshes)
    app.add_typer(group)


def head(context: typer.Context) -> None:
    """Show or make the file of the 3D head, with which the simulator draws people.

    merkit does not ship it: it is made from the public meshes of ICT-FaceKit
    (github.com/ICT-VGL/ICT-FaceKit, MIT licence).

    \b
    [bold]Examples[/bold]
    merkit head                                       is there a head, and which
    merkit head import ICT-FaceKit/FaceXModel         make it, once
    """
    if context.invoked_subcommand is None:
        show()


def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Say which head file is used and what is in it.

    Exit status 3 when there is none, or a damaged one.

    \b
    [bold]Examples[/bold]
    merkit head show
    merkit head show --json      for scripts
    """
    import json

    from merkit.cli.failure import FAILED_CHECK, report
    from merkit.errors import DataError
    from merkit.simulate.head3d.model import LICENCE, head_file, load_head_model
    from merkit.simulate.head3d.shapes import N_MADE
    from merkit.simulate.head3d.topology import build_surface

    try:
        place = head_file()
        model = load_head_model(place)
        build_surface(model)
    except DataError as error:
        if as_json:
            typer.echo(json.dumps({"file": None, "problem": str(error)}, indent=2))
        else:
            report(error)
        raise typer.Exit(FAILED_CHECK) from error
    found = {
        "file": str(place),
        "points": len(model.neutral),
        "expressions": len(model.expressions) - N_MADE,
        "identities": len(model.identities),
        "sha256": model.sha256,
        "licence": LICENCE,
    }
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        typer.echo(f"{name:12}{value}")
    typer.echo("All that the 3D-head engine needs is there.")


def import_meshes(
    folder: Annotated[Path, typer.Argument(help="The folder FaceXModel of ICT-FaceKit.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File to write instead of the one in the cache.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
) -> None:
    """Make the head file from the public meshes of ICT-FaceKit.

    It keeps the skin, the eyeballs, all expressions and the first 50 identity modes, about 6 MB of
    417, together with the licence of the meshes.

    \b
    [bold]Examples[/bold]
    merkit head import ICT-FaceKit/FaceXModel                  into merkit's cache
    merkit head import ICT-FaceKit/FaceXModel -o head.npz      elsewhere; then set MERKIT_HEAD
    """
    from merkit.cli.progress import Talk
    from merkit.simulate.head3d.convert import import_head
    from merkit.simulate.head3d.model import LICENCE, cached_file, load_head_model
    from merkit.simulate.head3d.shapes import N_MADE

    talk = Talk(quiet=quiet)
    with talk.progress("head") as progress:
        written = import_head(
            folder, out or cached_file(), lambda done, total: progress(done, total, "reading meshes")
        )
    model = load_head_model(written)
    n_shapes, n_modes = len(model.expressions) - N_MADE, len(model.identities)
    talk.answer(f"{written}: {n_shapes} expressions, {n_modes} identity modes ({LICENCE})")
    if out is not None:
        talk.say(f"To use it, set MERKIT_HEAD={written}")
