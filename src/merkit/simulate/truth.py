"""The truth beside a simulated video: what was planted, exactly, and how it was filmed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from merkit.errors import DataError
from merkit.saving import write_whole
from merkit.simulate.camera import Camera
from merkit.simulate.head_motion import HeadMotion
from merkit.simulate.performance import Performance

FORMAT = "merkit-truth-2"


@dataclass(frozen=True)
class Truth:
    """Everything that was planted into a video.

    ``encoding`` says how the video was compressed; ``face`` is the name of the picture.
    """

    video: str
    seed: int
    width: int
    height: int
    face: str
    performance: Performance
    camera: Camera
    head_motion: HeadMotion
    encoding: dict[str, Any]
    version: str

    def to_json(self) -> dict[str, Any]:
        """As plain data; see :meth:`Performance.to_json`."""
        about = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            "format": FORMAT,
            **about,
            "camera": asdict(self.camera),
            "head_motion": asdict(self.head_motion),
            "performance": self.performance.to_json(),
        }

    def save(self, path: Path) -> None:
        """Write the truth as JSON; the file appears whole or not at all."""
        write_whole(path, in_lines(self.to_json()) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Truth:
        """Read what :meth:`save` wrote."""
        path = Path(path)
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as problem:
            raise DataError(f"truth file {path}: cannot be read ({problem})") from problem
        if not isinstance(plain, dict) or plain.pop("format", None) != FORMAT:
            raise DataError(f"truth file {path}: not a {FORMAT} file; simulate the video again")
        return cls(
            **{
                **plain,
                "camera": Camera(**plain["camera"]),
                "head_motion": HeadMotion(**plain["head_motion"]),
                "performance": Performance.from_json(plain["performance"]),
            }
        )


def in_lines(plain: Any, indent: str = "") -> str:
    """JSON for eyes: one line a key, lists of numbers in a line of their own.

    >>> print(in_lines({"fps": 60, "x": [1, 2]}))
    {
      "fps": 60,
      "x": [1, 2]
    }
    """
    inner = indent + "  "
    if isinstance(plain, dict) and plain:
        rows = [f"{json.dumps(key)}: {in_lines(value, inner)}" for key, value in plain.items()]
    elif isinstance(plain, (list, tuple)) and any(isinstance(item, (dict, list, tuple)) for item in plain):
        rows = [in_lines(item, inner) for item in plain]
    else:
        return json.dumps(plain)
    opening, closing = "{}" if isinstance(plain, dict) else "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(rows) + f"\n{indent}{closing}"
