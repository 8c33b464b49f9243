"""AWS on loopback: ministack, an emulator, started for the tests and stopped after them.

A conftest takes it over by ``from aws_local.ministack import aws_environment, ministack``.
"""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from urllib.parse import urlsplit

import pytest

REGION = "us-east-1"
_IS_UP = "Running on http"
_WAIT_S = 30


@dataclass(frozen=True)
class Ministack:
    """A running emulator; all services are behind one URL."""

    url: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that lead a process's AWS clients to it, and past a user's own files."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_SESSION_TOKEN": "test",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        """Return a boto3 client, for what a test prepares or looks at."""
        return _client(self.url, service)

    def reset(self) -> None:
        """Forget everything: all tables, queues, functions."""
        self.post("/_ministack/reset")

    def post(self, path: str, body: bytes = b"") -> bytes:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=_WAIT_S)
        try:
            connection.request("POST", path, body)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status == 200, said
            return said
        finally:
            connection.close()


@contextmanager
def running_ministack(python: str = sys.executable, **variables: str) -> Iterator[Ministack]:
    """Run an emulator for the time of a block; its functions run with the same Python.

    The variables are the emulator's: AUTH="true" makes it hold everybody to IAM's policies.
    """
    port = _free_port()
    with TemporaryDirectory(prefix="ministack-") as folder:
        process = subprocess.Popen(
            [python, "-m", "ministack"],
            cwd=folder,
            env={**_environment(port, Path(folder)), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        try:
            _wait_until_up(process.stdout)
            yield Ministack(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(_WAIT_S)


@pytest.fixture(scope="session")
def ministack() -> Iterator[Ministack]:
    """One emulator for all tests of a process; a test takes names of its own in it."""
    with running_ministack() as running:
        yield running


@pytest.fixture
def aws_environment(ministack: Ministack, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Lead the AWS clients of this process to the emulator."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in ministack.environment.items():
        monkeypatch.setenv(name, value)
    return ministack.environment


@cache
def _client(url: str, service: str) -> Any:
    import boto3

    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(port: int, folder: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **own,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "TMPDIR": str(folder),
        "LOG_LEVEL": "INFO",
        # Listeners that no test needs, on ports that are not free for certain.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "PYTHONUNBUFFERED": "1",
    }


def _wait_until_up(stdout: IO[str]) -> None:
    said = ""
    for line in stdout:
        said += line
        if _IS_UP in line:
            # What it says further is read, so that it never waits for a reader.
            threading.Thread(target=_drain, args=[stdout], daemon=True).start()
            return
    raise AssertionError(f"ministack has not started:\n{said}")


def _drain(stdout: IO[str]) -> None:
    with stdout:
        for _ in stdout:
            pass
