"""Folders as AWS would unpack them, one per function, and fresh processes that run one."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench import message
from bench.figures import BenchError
from bench.functions import FUNCTIONS, Function
from bench.loopback import queue
from bench.process import ROOT

# The release that is asked for on AWS; what runs the benchmark, where that is not installed.
_RELEASE = "3.13"
_UV = ROOT / ".tools" / "bin" / "uv"
_LOCK = ROOT / "requirements" / "bench.txt"
_HERE = Path(__file__).parent / "functions"
_SECRET = message.SECRET.decode()
_TIMEOUT_S = 60

CASES = ("challenge", "refused", "accepted")
_STATUS = {"challenge": 200, "refused": 401, "accepted": 200}
_MANIFEST = {
    "inbox": "aws:hooks",
    "profiles": {"main": {"secrets": ["env:SECRET"], "refuse_status": 401}},
    "max_body_bytes": 10485760,
    "secret_lifetime_s": 300.0,
    "secret_overlap_days": 1.0,
}


@dataclass(frozen=True, kw_only=True)
class Lambdas:
    """All functions, unpacked, and a queue.

    Attributes:
        folder: Has a folder for each function, with and without ``.pyc`` files.
    """

    folder: Path
    queue_url: str

    def run(
        self, name: str, case: str, *, compiled: bool = True, calls: int = 1
    ) -> tuple[float, float]:
        """Run a function in a fresh process.

        Returns:
            How long the process took, in milliseconds, and how long each further call, in
            microseconds (the median).

        Raises:
            BenchError: It answered something else than it should.
        """
        place = self.folder / name / ("compiled" if compiled else "plain")
        event = self.folder / f"{case}.json"
        command = [_python(), str(place / "drive.py"), FUNCTIONS[name].module, event, str(calls)]
        began = time.perf_counter()
        done = subprocess.run(
            command,
            env=self._environment(place),
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
        took_ms = (time.perf_counter() - began) * 1e3
        if done.returncode:
            raise BenchError(f"it failed: {done.stderr.strip().splitlines()[-1]}")
        status, call_us = json.loads(done.stdout)
        if status != _STATUS[case]:
            raise BenchError(f"it answered {status}")
        return took_ms, call_us

    def _environment(self, place: Path) -> Mapping[str, str]:
        return {
            "PATH": os.defpath,
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAMBDA_TASK_ROOT": str(place),
            "SECRET": _SECRET,
            "QUEUE_URL": f"{self.queue_url}/000000000000/hooks-events",
            "AWS_ENDPOINT_URL": self.queue_url,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "made-up",
            "AWS_SECRET_ACCESS_KEY": "made-up",
            "AWS_SESSION_TOKEN": "made-up",
        }


@contextmanager
def lambdas(place: Path, size: int) -> Iterator[Lambdas]:
    """Unpack all functions, and write the events that they get; behind them is a queue."""
    folder = place / "lambdas"
    folder.mkdir()
    for case, event in _events(size).items():
        (folder / f"{case}.json").write_text(json.dumps(event))
    for name, function in FUNCTIONS.items():
        _unpack(function, folder / name)
    try:
        with queue() as url:
            yield Lambdas(folder=folder, queue_url=url)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def python_release() -> str:
    """Say which Python the functions run with."""
    return subprocess.run(
        [_python(), "-c", "import platform; print(platform.python_version())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@cache
def _python() -> str:
    """Find the release that is asked for, also where pyenv keeps it without putting it first."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    kept = map(str, sorted(pyenv.glob(f"versions/{_RELEASE}.*/bin/python{_RELEASE}"), reverse=True))
    for choice in [shutil.which(f"python{_RELEASE}"), *kept]:
        if (
            choice
            and subprocess.run([choice, "-c", ""], capture_output=True, check=False).returncode == 0
        ):
            return choice
    return sys.executable


def _unpack(function: Function, place: Path) -> None:
    plain, compiled = place / "plain", place / "compiled"
    plain.mkdir(parents=True)
    if function.packages:
        _install(function.packages, plain)
    for name in (function.module, "drive"):
        shutil.copy(_HERE / f"{name}.py", plain)
    if function.is_ours:
        own = ROOT / "src" / "almahook"
        shutil.copytree(own, plain / own.name, ignore=shutil.ignore_patterns("__pycache__"))
        (plain / "almahook-manifest.json").write_text(json.dumps(_MANIFEST))
    shutil.copytree(plain, compiled)
    command = [_python(), "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, str(compiled)], check=False, capture_output=True)


def _install(packages: tuple[str, ...], place: Path) -> None:
    command = [_UV, "pip", "install", "-q", "--python", _python(), "--target", place]
    done = subprocess.run(
        [*command, "-c", _LOCK, *packages], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"cannot be installed: {done.stderr.strip()}")


def _events(size: int) -> Mapping[str, Mapping[str, object]]:
    _, body = message.Bodies(size, seed=1).next()
    signature = message.alma_signature(body, message.SECRET).partition(": ")[2]
    other = message.alma_signature(body, message.OTHER_SECRET).partition(": ")[2]
    return {
        "challenge": _event("GET", challenge="0b9d2f0e-6d5c-4d2a-9c1e-7f1f6f1b2f10"),
        "refused": _event("POST", body=body.decode(), signature=other),
        "accepted": _event("POST", body=body.decode(), signature=signature),
    }


def _event(method: str, **given: str) -> Mapping[str, object]:
    """Make what an HTTP API hands over (payload format 2.0)."""
    domain = "abcdefghij.execute-api.us-east-1.amazonaws.com"
    headers = {
        "accept": "*/*",
        "content-length": str(len(given.get("body", ""))),
        "content-type": "application/json",
        "host": domain,
        "user-agent": "Java/11.0.21",
        "x-amzn-trace-id": "Root=1-65f1a3c2-0123456789abcdef01234567",
        "x-exl-signature": given.get("signature", ""),
        "x-forwarded-for": "192.0.2.1",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }
    query = f"challenge={given['challenge']}" if "challenge" in given else ""
    http = {"method": method, "path": "/webhooks/main", "protocol": "HTTP/1.1"}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/webhooks/main",
        "rawQueryString": query,
        "headers": headers,
        "queryStringParameters": {"challenge": given["challenge"]} if query else {},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "abcdefghij",
            "domainName": domain,
            "domainPrefix": "abcdefghij",
            "http": {**http, "sourceIp": "192.0.2.1", "userAgent": "Java/11.0.21"},
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "24/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1795608000000,
        },
        **({"body": given["body"]} if "body" in given else {}),
        "isBase64Encoded": False,
    }
