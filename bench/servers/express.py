"""Express with its own raw body parser; it stores nothing."""

import os
from pathlib import Path

from bench.message import SECRET
from bench.process import ROOT

_SCRIPT = Path(__file__).with_name("express.js")


def serve(port: int, _folder: Path) -> None:
    """Run it."""
    os.environ["BENCH_SECRET"] = SECRET.decode()
    # As its documentation advises for anything but development.
    os.environ["NODE_ENV"] = "production"
    os.environ["NODE_PATH"] = str(ROOT / ".bench" / "node" / "node_modules")
    os.execvp("node", ["node", str(_SCRIPT), str(port)])
