"""``python -m bench``: durable acknowledgements per second, and the ratio to a hand-written one.

The servers take turns, a fresh database each time, so that a slow moment of the machine meets all
of them. Quoted are medians, and ratios of runs that stood next to each other.
"""

import argparse
import json
import os
import platform
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.servers import SECRET

Figures = dict[str, Any]

_TITLES = {
    "almahook": "almahook (SQLite, fsync, kept once)",
    "fastapi": "FastAPI + SQLAlchemy + SQLite (fsync, commit per request)",
    "constant": "says 200 to everything (the generator's limit)",
}
_START_S = 20.0
_RUN_S = 300.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--size", type=int, default=2048, help="bytes of a body")
    parser.add_argument("--seconds", type=float, default=4.0, help="aimed at for each run")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rates = {"almahook": 8_000, "fastapi": 800, "constant": 20_000}
    results: dict[str, list[Figures]] = {name: [] for name in rates}
    for _ in range(given.rounds):
        for name, rate in rates.items():
            count = int(rate * given.seconds)
            results[name].append(measure(name, count, given.connections, given.size))
            # stderr, so that --json stays JSON
            print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    summary = summarise(results)
    if given.json:
        json.dump(summary, sys.stdout, indent=2)
    else:
        show(summary, given)


def measure(name: str, count: int, connections: int, size: int) -> Figures:
    """Start a server with a fresh database, load it, check what it answered, stop it."""
    # Not /tmp, which may be in memory, where fsync costs nothing.
    with tempfile.TemporaryDirectory(prefix="almahook-bench-", dir=Path.cwd()) as folder:
        port = _free_port()
        command = [sys.executable, "-m", "bench.servers", name, str(port), folder]
        environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
        server = subprocess.Popen(command, env=environment)
        try:
            _await_port(port)
            figures = _load(port, count, connections, size)
        finally:
            server.terminate()
            server.wait(30)
        if figures["statuses"] != {"200": count}:
            raise SystemExit(f"{name} answered {figures['statuses']}, not 200 to all {count}")
        if name == "almahook":
            _require_stored(Path(folder) / "inbox.db", count)
        return figures


def _load(port: int, count: int, connections: int, size: int) -> Figures:
    command = [
        *(sys.executable, "-m", "bench.load", f"http://127.0.0.1:{port}/webhooks/main"),
        *("--secret", SECRET, "--count", str(count)),
        *("--connections", str(connections), "--size", str(size)),
    ]
    done = subprocess.run(command, check=True, capture_output=True, timeout=_RUN_S)
    figures: Figures = json.loads(done.stdout)
    return figures


def _require_stored(path: Path, count: int) -> None:
    with sqlite3.connect(path) as connection:
        stored = connection.execute("SELECT count(DISTINCT event_id) FROM events").fetchone()[0]
    connection.close()
    if stored != count:
        raise SystemExit(f"almahook answered 200 to {count} events and stored {stored}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_port(port: int) -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def summarise(results: dict[str, list[Figures]]) -> dict[str, Any]:
    """Take medians, and the ratio of each pair of neighbouring runs."""
    names = ("per_second", "p50_ms", "p99_ms", "p999_ms")
    medians = {
        server: {name: statistics.median(run[name] for run in runs) for name in names}
        for server, runs in results.items()
    }
    pairs = zip(results["almahook"], results["fastapi"], strict=True)
    ratios = [ours["per_second"] / theirs["per_second"] for ours, theirs in pairs]
    return {
        "medians": medians,
        "ratio": {
            "median": statistics.median(ratios),
            "lowest": min(ratios),
            "highest": max(ratios),
        },
    }


def show(summary: dict[str, Any], given: argparse.Namespace) -> None:
    """Print a table and the ratio, with the conditions that they hold under."""
    console = Console()
    table = Table(title="Durable acknowledgements over HTTP")
    for title in ("server", "per second", "p50 ms", "p99 ms", "p99.9 ms"):
        table.add_column(title, justify="left" if title == "server" else "right")
    for name, median in summary["medians"].items():
        table.add_row(
            _TITLES[name],
            f"{median['per_second']:,.0f}",
            *(f"{median[column]:.1f}" for column in ("p50_ms", "p99_ms", "p999_ms")),
        )
    console.print(table)
    ratio = summary["ratio"]
    console.print(
        f"almahook / FastAPI + SQLAlchemy + SQLite: [bold]{ratio['median']:.1f}[/bold] times "
        f"(from {ratio['lowest']:.1f} to {ratio['highest']:.1f} over {given.rounds} rounds)"
    )
    console.print(
        f"{given.size}-byte bodies, {given.connections} connections, fsync at every commit, "
        f"loopback, {os.cpu_count()} cores, {platform.python_implementation()} "
        f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


if __name__ == "__main__":
    main()
