"""What a handler may say beside returning: try again, give up, or skip."""

from dataclasses import dataclass
from datetime import timedelta


class Retry(Exception):  # noqa: N818 - the reader sees `raise Retry(after=60)`, not an error
    """Raised by a handler to be run again, after a time of its choice or by its policy.

    Args:
        reason: Kept with the attempt, for the person who looks.
        after: Seconds, or a timedelta; None leaves it to the handler's retry policy.
    """

    def __init__(self, reason: str = "", *, after: float | timedelta | None = None) -> None:
        super().__init__(reason or "the handler asked to be run again")
        self.after_s = after.total_seconds() if isinstance(after, timedelta) else after


class GiveUp(Exception):  # noqa: N818 - likewise
    """Raised by a handler when trying again is useless; the run is parked for a person."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason or "the handler gave up")


@dataclass(frozen=True, slots=True)
class Skip:
    """Returned by a handler that found nothing to do, with the reason."""

    reason: str = ""
