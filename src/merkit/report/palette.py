"""The colours of charts on light and on dark ground, by what they stand for.

The lines are cool and the events warm, so that an event stands out whatever its region.  The same
roles are CSS variables in ``report.css``.
"""

from __future__ import annotations

LIGHT: dict[str, str] = {
    "brows": "#2f6fb3",
    "lids": "#6ea3d8",
    "nose": "#2b8c86",
    "cheeks": "#5f9d55",
    "lip corners": "#7a55b8",
    "lips": "#b06ac0",
    "chin": "#7d8590",
    "micro": "#d9480f",
    "macro": "#e8a06a",
    "hidden": "#9aa1a9",
    "blink": "#5c6670",
    "speech": "#5c6670",
    "text": "#23292f",
    "muted": "#59636e",
    "grid": "#e6e8eb",
    "paper": "#ffffff",
}
DARK: dict[str, str] = {
    "brows": "#6fb0f2",
    "lids": "#a8cdf2",
    "nose": "#5fc8c0",
    "cheeks": "#95d089",
    "lip corners": "#b699f0",
    "lips": "#dba0e8",
    "chin": "#a9b1bb",
    "micro": "#ff8a4c",
    "macro": "#c98a58",
    "hidden": "#6b747e",
    "blink": "#a9b1bb",
    "speech": "#a9b1bb",
    "text": "#e6e9ec",
    "muted": "#a3abb4",
    "grid": "#30363d",
    "paper": "#1b2026",
}
