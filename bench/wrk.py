"""The load generator: wrk, one thread, closed loop over keep-alive connections.

Its percentiles are corrected for coordinated omission, as wrk does by itself: an answer that took
longer than the usual interval counts also for the requests that could not be sent meanwhile.
https://github.com/wg/wrk
"""

import json
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import BenchError
from bench.message import PATH, Requests

_SCRIPT = Path(__file__).with_name("requests.lua")
_MARK = "FIGURES "
_TIMEOUT_S = 30


@dataclass(frozen=True, kw_only=True)
class Load:
    """What came back.

    Attributes:
        answered: Responses.
        refused: Of these, with a status of 400 and above.
        broken: Connections and requests that failed or took too long.
        taken: Requests that were taken from the file; a few are under way at the end.
        rounds: How often the file came to its end and was begun anew.
        generator_cpu_s: What wrk itself used.
    """

    answered: int
    refused: int
    broken: int
    seconds: float
    taken: int
    rounds: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    generator_cpu_s: float

    @property
    def accepted(self) -> int:
        """Responses with a status below 400."""
        return self.answered - self.refused


def is_installed() -> bool:
    """Whether wrk is there."""
    return shutil.which("wrk") is not None


def load(port: int, requests: Requests, *, connections: int, seconds: int, first: int = 0) -> Load:
    """Send requests to a port of this machine for so long, beginning with one of the file.

    Raises:
        BenchError: wrk failed.
    """
    command = [
        *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={_TIMEOUT_S}s"),
        *("-s", str(_SCRIPT), f"http://127.0.0.1:{port}{PATH}", "--"),
        *(str(requests.path), str(requests.length), str(first)),
    ]
    before = _children_cpu_s()
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 2 * _TIMEOUT_S, check=False
    )
    if done.returncode:
        raise BenchError(f"wrk failed: {done.stderr.strip()[-200:]}")
    return parse(done.stdout, generator_cpu_s=_children_cpu_s() - before)


def parse(output: str, *, generator_cpu_s: float = 0.0) -> Load:
    """Read what the script printed among wrk's own words.

    Raises:
        BenchError: The script did not come to its end.
    """
    for line in output.splitlines():
        if line.startswith(_MARK):
            figures: dict[str, Any] = json.loads(line.removeprefix(_MARK))
            return Load(**figures, generator_cpu_s=generator_cpu_s)
    raise BenchError(f"wrk printed no figures: {output.strip()[-200:]}")


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
