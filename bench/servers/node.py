"""Node's own http and crypto modules, and nothing else; it stores nothing."""

import os
from pathlib import Path

from bench.message import SECRET

_SCRIPT = Path(__file__).with_name("bare.js")


def serve(port: int, _folder: Path) -> None:
    """Run it."""
    os.environ["BENCH_SECRET"] = SECRET.decode()
    os.execvp("node", ["node", str(_SCRIPT), str(port)])
