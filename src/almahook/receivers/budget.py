"""A bound on how much one kind of log line may say: pure, with the time as an argument."""


class LineBudget:
    """Lets so many lines through each second, and counts what it holds back.

    Args:
        per_second: How many.
    """

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._second = 0
        self._left = per_second
        self._held_back = 0

    def take(self, now: float) -> int | None:
        """Return how many lines were held back before this one; None holds this one back too."""
        if int(now) != self._second:
            self._second, self._left = int(now), self._per_second
        if not self._left:
            self._held_back += 1
            return None
        self._left -= 1
        held_back, self._held_back = self._held_back, 0
        return held_back
