"""``merkit methods``: the zoo, and what one method is."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

CLASSES = 3
"""For how many classes parameters are counted."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("methods")(methods)


def methods(
    pattern: Annotated[str, typer.Argument(help="A method, or names with wildcards.")] = "*",
    parameters: Annotated[
        bool, typer.Option("--parameters", help="Count those of networks too, which takes seconds.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the methods, or the settings and the claim sheet of one.

    \b
    [bold]Examples[/bold]
    merkit methods                     all of them
    merkit methods "strcn-*"           some of them
    merkit methods --parameters        and how large the networks are
    merkit methods flow-svm            its settings, what is claimed, and what was measured
    """
    from merkit.errors import ConfigError, did_you_mean
    from merkit.methods import list_methods

    found = list_methods(pattern)
    if not found:
        raise ConfigError(f"no method is named like {pattern!r}{did_you_mean(pattern, list_methods())}")
    if found == [pattern]:
        _show_one(pattern, parameters, as_json)
        return
    about = [describe(name, parameters) for name in found]
    if as_json:
        _as_json(about)
        return
    _print_all(about, parameters)
    typer.echo("Settings and claims of one: merkit methods NAME.  Train one: merkit train NAME --help.")


def describe(name: str, parameters: bool = False) -> dict[str, Any]:
    """What the table says of a method, in plain values.

    Parameters
    ----------
    name : str
        A registered method.
    parameters : bool
        Count those of a network, for which torch is loaded.
    """
    from merkit.methods import create_recognizer, list_networks
    from merkit.methods.registry import get_method, shipped_folder

    method = get_method(name)
    network = name in list_networks()
    counted = {config: count_parameters(name, config) for config in method.configs if network and parameters}
    return {
        "name": name,
        "kind": "network" if network else "classical",
        "summary": method.summary,
        "paper": method.paper,
        "configurations": list(method.configs),
        "requires": list(create_recognizer(name).requires),
        "shipped": (shipped_folder(name) / "card.json").is_file(),
        "parameters": counted or None,
    }


def count_parameters(name: str, config: str) -> int:
    """Parameters of the network of a method with a named configuration and three classes.

    No memory is taken for them.
    """
    import torch

    from merkit.methods import create_network, create_recognizer
    from merkit.methods.network_config import shared_fields
    from merkit.methods.networks import get_network

    recognizer: Any = create_recognizer(name, config=config)
    settings = shared_fields(recognizer.config, get_network(name).config)
    with torch.device("meta"):
        network = create_network(name, **{**settings, "num_classes": CLASSES})
    return sum(part.numel() for part in network.parameters())


def _show_one(name: str, parameters: bool, as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from merkit.methods import create_recognizer
    from merkit.methods.registry import get_method

    about, configs = describe(name, parameters), get_method(name).configs
    made: dict[str, Any] = {config: create_recognizer(name, config=config) for config in configs}
    settings = {config: asdict(recognizer.config) for config, recognizer in made.items()}
    sheet = _claim_sheet(name)
    if as_json:
        _as_json({**about, "settings": settings, "claim_sheet": sheet})
        return
    typer.echo(f"{name}: {about['summary']}")
    if about["paper"]:
        typer.echo(f"paper: {about['paper']}")
    typer.echo(f"a clip must carry: {', '.join(about['requires'])}")
    for config, count in (about["parameters"] or {}).items():
        typer.echo(f"parameters, {config}, {CLASSES} classes: {count:,}")
    published, *others = settings
    table = Table("setting", *settings, title="Settings", title_justify="left")
    for key, value in settings[published].items():
        told = [_said(settings[config][key]) if settings[config][key] != value else "" for config in others]
        table.add_row(key, _said(value), *told)
    Console().print(table)
    typer.echo(f"\n{sheet}", nl=False)


def _print_all(about: list[dict[str, Any]], parameters: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Methods", title_justify="left")
    table.add_column("name", no_wrap=True)
    table.add_column("what, and by whom", overflow="fold", ratio=3)
    table.add_column("a clip must carry", overflow="fold", ratio=1)
    table.add_column("configurations", overflow="fold", ratio=1)
    if parameters:
        table.add_column("parameters", justify="right", no_wrap=True)
    for one in about:
        paper = Text(f"\n{one['paper']}" if one["paper"] else "", style="dim")
        kind = "a network: " if one["kind"] == "network" else ""
        shipped = "; shipped, trained" if one["shipped"] else ""
        row = [
            one["name"], Text(f"{kind}{one['summary']}{shipped}") + paper, ", ".join(one["requires"]),
            ", ".join(one["configurations"]),
        ]  # fmt: skip
        if parameters:
            row.append("\n".join(f"{count:,}" for count in (one["parameters"] or {}).values()))
        table.add_row(*row)
    Console().print(table)


def _claim_sheet(name: str) -> str:
    """The README.md in the folder of a method."""
    import sys

    from merkit.methods.registry import get_method

    module = sys.modules[get_method(name).recognizer.__module__]
    return Path(str(module.__file__)).with_name("README.md").read_text("utf-8")


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _as_json(value: Any) -> None:
    import json

    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
