"""Fetching the face models when they are needed for the first time."""

from __future__ import annotations

from collections.abc import Callable


def fetch_missing_models(say: Callable[[str], None], needed: bool = False) -> None:
    """Fetch the face models if they are not on this machine; go on without them if that fails.

    The fallback warns in the report of its own, so a failure here is said and not raised.

    Parameters
    ----------
    say : callable
        Is told in words what is being done, and what failed.
    needed : bool
        Whether the user asked for just these models, so that there is no going on without them.

    Raises
    ------
    DataError
        If they are needed and cannot be fetched.
    """
    from merkit.errors import DataError
    from merkit.faces.models import fetch_models, model_status

    if all(status.path is not None for status in model_status()):
        return
    try:
        fetch_models(say)
    except DataError as error:
        if needed:
            raise
        say(f"warning: {error}")
