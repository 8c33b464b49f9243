"""For which Python and which processor a function is built.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from almahook.errors import ConfigurationError

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ARCHITECTURES: Mapping[str, str] = {"arm64": "aarch64", "x86_64": "x86_64"}

# Amazon Linux 2, which 3.11 runs on, has glibc 2.26; Amazon Linux 2023 has 2.34. Of the systems
# that wheels are built for, these are the newest that run there.
_NEWEST_GLIBC: Mapping[str, int] = {"3.11": 17}
_OLDEST, _NEWEST = 17, 28


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A Python of AWS Lambda's, ``3.13``, on a processor, ``arm64`` or ``x86_64``."""

    python: str
    architecture: str

    def __post_init__(self) -> None:
        """Refuse what AWS Lambda does not have.

        Raises:
            ConfigurationError: It is no such Python or processor.
        """
        _require("Python", self.python, PYTHONS)
        _require("architecture", self.architecture, tuple(ARCHITECTURES))

    @property
    def runtime(self) -> str:
        """AWS's name for it: ``python3.13``."""
        return f"python{self.python}"

    @property
    def label(self) -> str:
        """Both, for a person: ``python3.13 on arm64``."""
        return f"{self.runtime} on {self.architecture}"

    @property
    def machine(self) -> str:
        """The processor, as wheels name it."""
        return ARCHITECTURES[self.architecture]

    @property
    def newest_platform(self) -> str:
        """The newest system for which a wheel may have been built: ``aarch64-manylinux_2_28``."""
        return f"{self.machine}-manylinux_2_{self._glibc}"

    @property
    def platforms(self) -> list[str]:
        """All systems for which a wheel may have been built, the newest first."""
        minors = range(self._glibc, _OLDEST - 1, -1)
        tags = [f"manylinux_2_{minor}_{self.machine}" for minor in minors]
        return [*tags, f"manylinux2014_{self.machine}"]

    @property
    def _glibc(self) -> int:
        return _NEWEST_GLIBC.get(self.python, _NEWEST)


def _require(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigurationError(
            f"AWS Lambda has no {what} {value!r} that almahook runs on. Take one of "
            f"{', '.join(known)}."
        )
