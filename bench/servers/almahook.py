"""almahook as it is installed: a receiver that starts its worker, default settings.

What a measurement needs otherwise it says by the environment: BENCH_WORKER, BENCH_RECEIVERS,
BENCH_HANDLER.
"""

import os
import sys
from pathlib import Path

from almahook.inbox import EventFilter
from almahook.inbox.sqlite import SQLiteInbox
from bench.message import SECRET

_PAGE = 1000
_TOML = """
inbox = "sqlite:inbox.db"
port = {port}
worker = {worker}
receivers = {receivers}
log_level = "ERROR"
[profiles.main]
secrets = ["env:BENCH_SECRET"]
"""


def serve(port: int, folder: Path) -> None:
    """Run the listener."""
    prepare(port, folder)
    command = [sys.executable, "-m", "almahook.cli", "serve"]
    os.execv(sys.executable, command)


def prepare(port: int, folder: Path) -> None:
    """Write the settings, and go where they are."""
    handlers = folder / "handlers"
    handlers.mkdir(exist_ok=True)
    if handler := os.environ.get("BENCH_HANDLER"):
        (handlers / "bib.py").write_text(handler)
    worker = os.environ.get("BENCH_WORKER", "true")
    receivers = os.environ.get("BENCH_RECEIVERS", "1")
    settings = _TOML.format(port=port, worker=worker, receivers=receivers)
    (folder / "almahook.toml").write_text(settings)
    os.environ["BENCH_SECRET"] = SECRET.decode()
    os.chdir(folder)


def stored(folder: Path, _services: list[str]) -> tuple[int, int]:
    """Count the events, and the different ids among them."""
    inbox = SQLiteInbox(folder / "inbox.db")
    ids: list[str] = []
    after = 0
    try:
        while page := inbox.events(EventFilter(), limit=_PAGE, after=after):
            ids += (event.event_id for event in page)
            after = page[-1].seq
    finally:
        inbox.close()
    return len(ids), len(set(ids))
