"""Processes that are started for a measurement, and stopped by their ids, whatever happens."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.figures import BenchError
from bench.usage import family, start_of

ROOT = Path(__file__).parents[1]
_START_S = 30.0
_STOP_S = 15.0
_LOOK_S = 0.005


def environment(**more: object) -> dict[str, str]:
    """Leave out the settings of whoever measures."""
    own = {name: text for name, text in os.environ.items() if not name.startswith("ALMAHOOK_")}
    return {**own, "PYTHONPATH": str(ROOT), **{name: str(value) for name, value in more.items()}}


@contextmanager
def process(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until the block ends; what it says goes to the log."""
    with log.open("ab") as output:
        started = subprocess.Popen(
            command,
            cwd=log.parent,
            env=env or environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C is for the benchmark, which then stops what it started.
            start_new_session=True,
            user=user,
            extra_groups=[] if user else None,
        )
    try:
        yield started
    finally:
        _stop(started, stop)


def _stop(started: "subprocess.Popen[bytes]", how: signal.Signals) -> None:
    # Noted now, because a child whose parent has ended is nobody's child.
    born = {pid: start_of(pid) for pid in family([started.pid])}
    started.send_signal(how)
    with suppress(subprocess.TimeoutExpired):
        started.wait(_STOP_S)
    for pid, start in born.items():
        # An id may have been given to somebody else since.
        if start and start_of(pid) == start:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    started.wait()


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(
    done: Callable[[], bool],
    what: str,
    *,
    of: "subprocess.Popen[bytes] | None" = None,
    log: Path | None = None,
    seconds: float = _START_S,
) -> None:
    """Wait for a condition.

    Raises:
        BenchError: It did not come true in time, or the process it depends on has ended.
    """
    until = time.monotonic() + seconds
    while not done():
        if of is not None and of.poll() is not None:
            raise BenchError(f"it ended with {of.returncode} before {what}{last_words(log)}")
        if time.monotonic() > until:
            raise BenchError(f"not {what} within {seconds:.0f} s{last_words(log)}")
        time.sleep(_LOOK_S)


def listens(port: int) -> bool:
    """Whether somebody accepts connections on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def last_words(log: Path | None) -> str:
    """Quote the end of a log."""
    with suppress(OSError):
        if log is not None and (lines := log.read_text(errors="replace").split("\n")):
            said = [line for line in lines if line.strip()]
            return f": {said[-1].strip()[:200]}" if said else ""
    return ""
