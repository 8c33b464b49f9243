"""When new events are dispatched, a step at a time: pure."""

STEP = 512

# After a few events, what follows them is let gather: a transaction for hundreds costs hardly more
# than one for a few, and an acknowledgement that waits for it waits less often. In a burst they
# wait for each other anyway.
_GATHER_S = 0.03
_GATHER_IN_BURST_S = 0.1
_BURST = 100

# While more comes than a step takes, those who wait for an answer come first: what is acknowledged
# is safe. So many times as long as a step took is then left to the receiver, if it has stored
# something a moment ago; but not for long where a step took its time for another reason.
_LEFT_TO_RECEIVER = 5
_LONGEST_PAUSE_S = 0.5
_MOMENT_S = 0.1


class Pace:
    """Tells by a steady clock when to dispatch again.

    Attributes:
        next_at: Not before then.
        is_burst: Whether the last step had many events.
    """

    def __init__(self) -> None:
        self.next_at = 0.0
        self.is_burst = False
        self._stored_at = float("-inf")

    def stored(self, *, at: float) -> None:
        """Note that a receiver has stored something."""
        self._stored_at = at

    def dispatched(self, number: int, *, began: float, ended: float) -> None:
        """Note a step, of so many events."""
        self.is_burst = number >= _BURST
        if number >= STEP:
            is_receiving = ended - self._stored_at < _MOMENT_S
            pause_s = min(_LEFT_TO_RECEIVER * (ended - began), _LONGEST_PAUSE_S)
            self.next_at = ended + (pause_s if is_receiving else 0.0)
        elif number:
            self.next_at = began + (_GATHER_IN_BURST_S if self.is_burst else _GATHER_S)
