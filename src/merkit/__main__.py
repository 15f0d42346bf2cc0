"""``python -m merkit`` is the command ``merkit``."""

from merkit.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
