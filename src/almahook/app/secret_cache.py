"""Secrets that AWS keeps: read when they are first asked for, and again when they are old."""

import logging
import time
from collections.abc import Callable, Sequence
from threading import Lock

from almahook.config.reference import Reference, Secret
from almahook.errors import AlmaHookError, ConfigurationError

log = logging.getLogger("almahook.secrets")

# After a failure nobody waits for the next one at every request.
_TRY_AGAIN_S = 30.0


class Reading:
    """What AWS says a secret is.

    Attributes:
        previous: What it was before; None when it was nothing, or that does not count any more.
        rotated_at: Since when it is what it is, seconds since the epoch.
    """

    def __init__(
        self, *, current: Secret, previous: Secret | None = None, rotated_at: float = 0.0
    ) -> None:
        self.current = current
        self.previous = previous
        self.rotated_at = rotated_at


Read = Callable[[Reference], Reading]


class _Kept:
    def __init__(self, *, reading: Reading, fresh_from: float, fresh_until: float) -> None:
        self.reading = reading
        self.fresh_from = fresh_from
        self.fresh_until = fresh_until


class SecretCache:
    """Keeps what was read for a time, and longer when it cannot be read again.

    Args:
        read: Reads a secret; raises AlmaHookError.
        lifetime_s: After so long it is read again.
        overlap_s: So long after a rotation the previous value is valid too.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        read: Read,
        *,
        lifetime_s: float,
        overlap_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._read = read
        self._lifetime_s = lifetime_s
        self._overlap_s = overlap_s
        self._clock = clock
        self._lock = Lock()
        self._kept: dict[Reference, _Kept] = {}

    def values(self, reference: Reference) -> Sequence[Secret]:
        """Return what is valid now, the current value first.

        Raises:
            ConfigurationError: It was never read, and cannot be read now.
        """
        with self._lock:
            now = self._clock()
            kept = self._kept.get(reference)
            # A clock that was set back makes nothing fresh.
            if kept is None or not kept.fresh_from <= now < kept.fresh_until:
                kept = self._kept[reference] = self._renewed(reference, kept, now)
            return self._valid(kept.reading, now)

    def _renewed(self, reference: Reference, old: _Kept | None, now: float) -> _Kept:
        try:
            reading, lasts_s = self._read(reference), self._lifetime_s
        except AlmaHookError as error:
            if old is None:
                raise _cannot_be_read(reference, error) from error
            _tell(reference, error)
            reading, lasts_s = old.reading, min(self._lifetime_s, _TRY_AGAIN_S)
        return _Kept(reading=reading, fresh_from=now, fresh_until=now + lasts_s)

    def _valid(self, reading: Reading, now: float) -> Sequence[Secret]:
        if reading.previous is None or now >= reading.rotated_at + self._overlap_s:
            return [reading.current]
        return [reading.current, reading.previous]


def _cannot_be_read(reference: Reference, error: AlmaHookError) -> ConfigurationError:
    if isinstance(error, ConfigurationError):
        return error
    return ConfigurationError(f"{reference} cannot be read: {error.message}")


def _tell(reference: Reference, error: AlmaHookError) -> None:
    fields = {"reference": str(reference), "code": error.code, "reason": error.message}
    log.warning("secret.not_refreshed", extra={"fields": fields})
