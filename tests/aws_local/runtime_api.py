"""Lambda on loopback: the real runtime client, under a Runtime API of the tests' own.

A function is a Python process of its own, ``python -m awslambdaric MODULE.handler``, which asks for
events and posts answers as it does on AWS. As there, one process (an execution environment) has one
event at a time, the next event finds it warm, events at the same moment get processes of their own,
and whatever ends a process makes the next event a cold start.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

REGION = "us-east-1"
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
INIT_TIMEOUT_S = 10.0
_STOP_S = 10.0
_INVOCATION = re.compile(r"/2018-06-01/runtime/invocation/([^/]+)/(response|error)")


@dataclass(frozen=True)
class Invocation:
    """What a synchronous invocation returns.

    Attributes:
        payload: The function's answer, or the error as Lambda tells it.
        error: ``Unhandled`` when the function failed, as the header X-Amz-Function-Error says;
            empty when it answered.
    """

    payload: Any
    error: str = ""

    @property
    def message(self) -> str:
        """The error's message, which API Gateway's selection patterns are matched with."""
        return str(self.payload["errorMessage"])


class LambdaFunction:
    """A function that can be invoked, by several threads at once too.

    Args:
        handler: ``package.module.function``, as the function's configuration has it.
        folder: The task root: where the zip would be unpacked, and the working directory.
        environment: What the function's configuration adds; nothing of this process is inherited.
        timeout_s: After so long its process is killed.
        python: Whose awslambdaric and packages it runs with.
    """

    def __init__(
        self,
        handler: str,
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        python: str | Path = sys.executable,
    ) -> None:
        self.timeout_s = timeout_s
        self._command = [str(python), "-m", "awslambdaric", handler]
        self.folder = folder
        self._variables = {**_reserved(handler, folder), **(environment or {})}
        self._logs = TemporaryDirectory(prefix="lambda-log-")
        self._log = Path(self._logs.name) / "log"
        self._lock = threading.Lock()
        self._idle: list[_Environment] = []
        self.cold_starts = 0

    def invoke(self, event: object) -> Invocation:
        """Invoke it with an event, or with the JSON of one as bytes, and wait for its answer."""
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise ValueError(f"Lambda refuses an event of {len(payload)} bytes.")
        environment = self._take()
        try:
            return environment.invoke(payload, self.timeout_s)
        finally:
            self._give_back(environment)

    @property
    def log(self) -> str:
        """What it wrote to its standard output and error so far."""
        return self._log.read_text("utf-8", "replace").replace("\r", "\n")

    def recycle(self) -> None:
        """Let the next event be a cold start."""
        with self._lock:
            idle, self._idle = self._idle, []
        for environment in idle:
            environment.close()

    def close(self) -> None:
        """End its processes."""
        self.recycle()
        self._logs.cleanup()

    def _take(self) -> "_Environment":
        with self._lock:
            if self._idle:
                return self._idle.pop()
            self.cold_starts += 1
        return _Environment(self._command, self.folder, self._variables, self._log)

    def _give_back(self, environment: "_Environment") -> None:
        if environment.is_alive:
            with self._lock:
                self._idle.append(environment)
        else:
            environment.close()


@contextmanager
def lambda_function(handler: str, folder: Path, **given: Any) -> Iterator[LambdaFunction]:
    """Make a function for the time of a block; the arguments are those of LambdaFunction."""
    function = LambdaFunction(handler, folder, **given)
    try:
        yield function
    finally:
        function.close()


class _Environment:
    """One process, and the Runtime API that it talks to."""

    def __init__(
        self, command: list[str], folder: Path, variables: Mapping[str, str], log: Path
    ) -> None:
        # What the process is to do, and what it said: "ready", "response", "error", "init", "exit".
        self.events: queue.SimpleQueue[tuple[str, bytes, float] | None] = queue.SimpleQueue()
        self.said: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self._server = _RuntimeAPI(("127.0.0.1", 0), _Endpoint)
        self._server.environment = self
        self._serving = threading.Thread(target=self._server.serve_forever, args=[0.05])
        self._serving.start()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**variables, "AWS_LAMBDA_RUNTIME_API": self._server.address},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._watch = threading.Thread(target=self._wait)
        self._watch.start()
        self._is_ready = False
        self.is_alive = True

    def invoke(self, payload: bytes, timeout_s: float) -> Invocation:
        request_id = str(uuid4())
        if not self._is_ready:
            what, said = self._hear(INIT_TIMEOUT_S)
            if what != "ready":
                return self._ended(what, said, request_id, INIT_TIMEOUT_S)
            self._is_ready = True
        self.events.put((request_id, payload, time.time() + timeout_s))
        what, said = self._hear(timeout_s)
        if what == "response" and len(said) > MAX_PAYLOAD_BYTES:
            text = (
                f"Response payload size exceeded maximum allowed payload size ({len(said)} bytes)."
            )
            return _failed("Function.ResponseSizeTooLarge", text)
        if what == "response":
            return Invocation(json.loads(said))
        return self._ended(what, said, request_id, timeout_s)

    def close(self) -> None:
        self._kill()
        self._watch.join(_STOP_S)
        self.events.put(None)
        self._server.shutdown()
        self._serving.join(_STOP_S)
        self._server.server_close()

    def _hear(self, timeout_s: float) -> tuple[str, bytes]:
        """Wait for what the process says next; nothing in time is a time-out."""
        try:
            what, said = self.said.get(timeout=timeout_s)
            # It asks for the next event once it has answered the one before.
            while what == "ready" and self._is_ready:
                what, said = self.said.get(timeout=timeout_s)
        except queue.Empty:
            return "timeout", b""
        return what, said

    def _ended(self, what: str, said: bytes, request_id: str, timeout_s: float) -> Invocation:
        """Tell of anything but an answer in the service's own words."""
        if what == "error":
            return Invocation(json.loads(said), error="Unhandled")
        self.is_alive = False
        self._kill()
        if what == "init":
            return Invocation(json.loads(said), error="Unhandled")
        if what == "timeout":
            text = f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds"
            return _failed("Sandbox.Timedout", text)
        why = said.decode()
        return _failed("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited {why}")

    def _kill(self) -> None:
        self._process.kill()

    def _wait(self) -> None:
        code = self._process.wait()
        why = f"signal: {-code}" if code < 0 else f"exit status {code}"
        why = f"with error: {why}" if code else "without providing a reason"
        self.said.put(("exit", why.encode()))


class _RuntimeAPI(ThreadingHTTPServer):
    daemon_threads = True
    environment: _Environment

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Heads and bodies are sent apart, and the second would wait for the first to be acknowledged.
    disable_nagle_algorithm = True
    server: _RuntimeAPI

    def do_GET(self) -> None:
        environment = self.server.environment
        environment.said.put(("ready", b""))
        event = environment.events.get()
        if event is None:
            self.close_connection = True
            return
        request_id, payload, deadline = event
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": (
                f"arn:aws:lambda:{REGION}:000000000000:function:function"
            ),
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid4().hex[:24]}",
        }
        self._answer(200, payload, headers)

    def do_POST(self) -> None:
        body = self._body()
        found = _INVOCATION.fullmatch(self.path)
        # Answered first: whoever hears what was said may end the process.
        self._answer(202, b'{"status":"OK"}', {"Content-Type": "application/json"})
        what = found[2] if found else "init"
        self.server.environment.said.put((what, body))

    def log_message(self, *_: object) -> None:
        """Leave the tests' output alone."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _failed(kind: str, message: str) -> Invocation:
    return Invocation({"errorType": kind, "errorMessage": message}, error="Unhandled")


def _reserved(handler: str, folder: Path) -> dict[str, str]:
    """Return the variables that every function has.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    return {
        "_HANDLER": handler,
        "LAMBDA_TASK_ROOT": str(folder),
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": os.defpath,
        # The task root is read-only there, so that nothing is compiled beside the code.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
