"""Faults that a test lets the REST API have: slow, broken, or gone."""

import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from almahook.simulator.institution import BASE_PATH


@dataclass(kw_only=True)
class Fault:
    """One thing that goes wrong, for a number of calls.

    Attributes:
        path_glob: The paths it applies to, for example ``/users/*``.
        status: What is answered instead; None lets the call go on after the delay.
        times: For so many calls; None is for ever.
        delay_s: The call waits this long first.
        drop_connection: The connection is cut without an answer.
        body: The answer's exact body; None is an error body of Alma's.
    """

    path_glob: str
    status: int | None = None
    times: int | None = 1
    delay_s: float = 0.0
    drop_connection: bool = False
    error_code: str = "INTERNAL_SERVER_ERROR"
    message: str = "Internal server error."
    body: bytes | None = field(default=None, repr=False)

    def applies_to(self, path: str) -> bool:
        """Say whether the fault is for this path, with or without ``/almaws/v1``."""
        return any(
            fnmatchcase(spelling, self.path_glob)
            for spelling in (path, path.removeprefix(BASE_PATH))
        )


class Faults:
    """The faults that are still to happen; the oldest that applies comes first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(
        self,
        path_glob: str,
        *,
        status: int | None = None,
        times: int | None = 1,
        delay_s: float = 0.0,
        drop_connection: bool = False,
        error_code: str = "INTERNAL_SERVER_ERROR",
        message: str = "Internal server error.",
        body: bytes | None = None,
    ) -> Fault:
        """Let calls of these paths go wrong; see :class:`Fault` for the arguments."""
        fault = Fault(
            path_glob=path_glob,
            status=status,
            times=times,
            delay_s=delay_s,
            drop_connection=drop_connection,
            error_code=error_code,
            message=message,
            body=body,
        )
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Let everything work again."""
        with self._lock:
            self._faults.clear()

    def take(self, path: str) -> Fault | None:
        """Return the fault that this call has, if any, and count it."""
        with self._lock:
            for fault in self._faults:
                if fault.applies_to(path):
                    self._use(fault)
                    return fault
        return None

    def _use(self, fault: Fault) -> None:
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)
