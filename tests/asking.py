"""A command on a terminal, and a person who answers it."""

import os
import pty
import subprocess
import sys
from pathlib import Path

# With the terminal as its own, so that what is typed can interrupt it.
COMMAND = [
    *(sys.executable, "-c"),
    "import os; os.login_tty(0); from almahook.cli import main; main()",
]
WAIT_S = 30


def answered(folder: Path, *arguments: str, answer: bytes) -> tuple[int, str]:
    """Run a command that asks, answer it, and return its status and everything it has said."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    try:
        said = _read(ours, until=b"[y/N] ")
        os.write(ours, answer)
        said += _read(ours)
        return process.wait(WAIT_S), said.decode()
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read(terminal: int, *, until: bytes | None = None) -> bytes:
    said = b""
    while until is None or until not in said:
        try:
            piece = os.read(terminal, 10_000)
        except OSError:
            # So Linux says that the other side has been closed.
            break
        if not piece:
            break
        said += piece
    return said
