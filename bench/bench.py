"""One run of the benchmark: what is to be measured, the requests, and what came out."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench import message
from bench.figures import BenchError, Run, Trouble
from bench.message import Bodies, Requests, Sign
from bench.scale import Scale

# More than any server that stores answers in a second on two cores.
_RATE = 50_000
_WARM_S = 1

Measure = Callable[[Path], Mapping[str, float]]


@dataclass
class Bench:
    """What a workload is given.

    Attributes:
        place: A folder on a real disk, where fsync costs what it costs.
        only: The subjects that are measured; empty for all.
        size: Bytes of a body.
    """

    scale: Scale
    place: Path
    only: Collection[str] = ()
    size: int = message.BODY_BYTES
    warm_s: int = _WARM_S
    runs: list[Run] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    _files: dict[str, Requests] = field(default_factory=dict)

    def wants(self, subject: str) -> bool:
        """Whether a subject is to be measured."""
        return not self.only or subject in self.only

    def attempt(
        self, workload: str, subject: str, condition: str, turn: int, measure: Measure
    ) -> None:
        """Measure once, in a fresh folder; what fails is noted, and the others go on."""
        if not self.wants(subject):
            return
        say(f"  {workload}: {subject}, {condition} … ")
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=self.place))
        # PostgreSQL runs as somebody else.
        folder.chmod(0o755)
        named = {"workload": workload, "subject": subject, "condition": condition}
        try:
            values = dict(measure(folder))
        except Exception as error:  # noqa: BLE001 - a peer that fails in whatever way is reported
            reason = (
                str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
            )
            say(f"{reason}\n")
            trouble = Trouble(**named, reason=reason)
            if trouble not in self.troubles:
                self.troubles.append(trouble)
        else:
            self.runs.append(Run(**named, round=turn, values=values))
            say(" ".join(f"{name}={value:,.5g}" for name, value in values.items()) + "\n")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def new(self, sign: Sign = message.alma_signature) -> Requests:
        """Signed requests with an id of its own each, more than can be sent in a measurement."""
        count = _RATE * (self.scale.seconds + self.warm_s)
        # A program that reads hexadecimal signatures stores nothing, and may get one twice.
        if sign is not message.alma_signature:
            count = _RATE // 5
        name = f"new-{sign.__name__}"
        return self._file(
            name, lambda path: message.write(path, message.new(self._bodies(), count), sign=sign)
        )

    def forged(self, sign: Sign = message.alma_signature) -> Requests:
        """Requests that are signed with another secret."""
        bodies = message.new(self._bodies(), _RATE // 5)
        return self._file(
            f"forged-{sign.__name__}",
            lambda path: message.write(path, bodies, sign=sign, secret=message.OTHER_SECRET),
        )

    def half_repeated(self) -> Requests:
        """Signed requests of which each second one was there before."""
        count = _RATE * (self.scale.seconds + self.warm_s)
        return self._file(
            "half-repeated",
            lambda path: message.write(path, message.half_repeated(self._bodies(), count)),
        )

    def renew(self) -> None:
        """Let the next requests be other ones."""
        self._files.clear()

    def _bodies(self) -> Bodies:
        return Bodies(self.size)

    def _file(self, name: str, write: Callable[[Path], Requests]) -> Requests:
        if name not in self._files:
            say(f"  writing requests ({name}) …\n")
            self._files[name] = write(self.place / f"{name}.requests")
        return self._files[name]


def say(text: str) -> None:
    """Tell whoever waits."""
    # stderr, so that --json stays JSON
    print(text, end="", flush=True, file=sys.stderr)
