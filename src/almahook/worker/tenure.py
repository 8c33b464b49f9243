"""When leases are to be renewed, and when those of others may be taken for lost: pure."""


class Tenure:
    """Tells by two clocks what is to be done about leases.

    A lease runs out by the wall clock, the one clock that all workers share. But that clock can be
    set, and it leaps when the machine wakes from sleep, while the steady clock has stood still. So
    a lease is renewed when either clock says so; and after a leap forward nobody's lease counts as
    lost until everybody who is alive has had the time to renew.

    Args:
        lease_s: How long a lease holds.
    """

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._third_s = lease_s / 3
        self._renew_at = float("-inf")
        self._apart: float | None = None
        self._trusted_from = float("-inf")
        self.renew_from = float("-inf")

    def is_renewal_due(self, *, wall: float, steady: float) -> bool:
        """Say whether it is time to renew."""
        return wall >= self._renew_at or steady >= self.renew_from

    def renewed(self, *, wall: float, steady: float) -> None:
        """Note that everything was renewed."""
        self._renew_at, self.renew_from = wall + self._third_s, steady + self._third_s

    def may_recover(self, *, wall: float, steady: float) -> bool:
        """Say whether a lease that has run out means that its worker is gone."""
        apart = wall - steady
        if self._apart is not None and apart - self._apart > self._third_s:
            self._trusted_from = steady + self._lease_s
        self._apart = apart
        return steady >= self._trusted_from
