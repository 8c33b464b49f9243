"""What became of runs: results, attempts, steps, and runs that a person wants again."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from almahook.errors import NotFoundError, StaleLeaseError
from almahook.inbox.aws import items, keys
from almahook.inbox.aws.document import RunRecord, is_held, new_document, replayed, settled
from almahook.inbox.aws.log import Log
from almahook.inbox.aws.objects import Objects
from almahook.inbox.aws.runs import Runs
from almahook.inbox.aws.table import Check, ConflictError, Item, Put, Table, until_agreed
from almahook.inbox.contract import Assignment, Attempt, Lease, Run, RunState, Settlement


class Results:
    """Results and steps."""

    def __init__(self, table: Table, objects: Objects, log: Log, runs: Runs) -> None:
        self._table = table
        self._objects = objects
        self._log = log
        self._runs = runs

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Record results; False where the lease was no longer the caller's."""
        by_event: defaultdict[int, list[int]] = defaultdict(list)
        for place, given in enumerate(settlements):
            by_event[keys.run_of(given.run_id)[0]].append(place)
        taken = [False] * len(settlements)
        for seq, places in by_event.items():
            results = self._settle(seq, [settlements[place] for place in places])
            for place, result in zip(places, results, strict=True):
                taken[place] = result
        return taken

    def attempts(self, run_id: int) -> list[Attempt]:
        """Return the attempts of a run, oldest first."""
        seq, place = keys.run_of(run_id)
        found = self._table.starting(keys.work(seq), keys.attempts(place))
        return [items.attempt_of(self._objects.load(item)) for item in found]

    def load_step(self, lease: Lease, name: str) -> bytes | None:
        """Return the kept result of a step of this run, or None."""
        item = self._table.get(_step_key(lease, name))
        return None if item is None else self._objects.load(item)

    def save_step(self, lease: Lease, name: str, result: bytes) -> None:
        """Keep a step's result durably.

        Raises:
            StaleLeaseError: The lease is no longer ours; what was done is kept all the same.
        """
        key = _step_key(lease, name)
        kept = self._objects.keep(result, owner=repr(key))
        if not until_agreed(lambda: self._save_step(lease, items.at(key, **kept))):
            raise StaleLeaseError

    def replay(
        self, seq: int, assignments: Sequence[Assignment], *, fresh: bool | None, now: float
    ) -> list[Run]:
        """Make new runs for an event, numbered one higher; what still waited is cancelled.

        Raises:
            NotFoundError: There is no such event.
        """

        def attempt() -> list[Run]:
            event = self._log.event(seq)
            before = self._runs.get(seq) or new_document(event)
            if before.is_deleted:
                raise NotFoundError(f"There is no event {seq} in the inbox.")
            after, previous = replayed(before, assignments, now=now)
            for place, followed in previous.items():
                self._carry_steps(seq, followed, to=place, fresh=fresh)
            self._runs.write(before, after)
            return after.values()[len(before.runs) :]

        return until_agreed(attempt) if assignments else []

    def _settle(self, seq: int, settlements: Sequence[Settlement]) -> list[bool]:
        def attempt() -> list[bool]:
            before = self._runs.get(seq)
            if before is None:
                return [False] * len(settlements)
            after, taken = settled(before, settlements)
            ours = [one for one, is_ours in zip(settlements, taken, strict=True) if is_ours]
            self._runs.write(before, after, *(Put(self._attempt_item(one)) for one in ours))
            return taken

        return until_agreed(attempt)

    def _attempt_item(self, settlement: Settlement) -> Item:
        seq, place = keys.run_of(settlement.run_id)
        attempt = settlement.attempt
        key = keys.work(seq), f"{keys.attempts(place)}{attempt.number:05d}"
        return items.at(key, **self._objects.keep(items.attempt_bytes(attempt), owner=repr(key)))

    def _save_step(self, lease: Lease, step: Item) -> bool:
        """Keep a step; False if the lease was stale, so that it is kept only where none was."""
        seq, place = keys.run_of(lease.run_id)
        document = self._runs.get(seq)
        if document is None or document.is_deleted:
            self._objects.forget([step])
            return False
        is_ours = is_held(document.at(place), lease.token)
        unchanged = Check(keys.runs(seq), document.revision)
        try:
            self._table.transact([Put(step, is_new=not is_ours), unchanged])
        except ConflictError as conflict:
            if is_ours or 0 not in conflict.there:
                raise
        return is_ours

    def _carry_steps(self, seq: int, run: RunRecord, *, to: int, fresh: bool | None) -> None:
        """Carry finished steps over into a replay, so that what was sent is not sent again."""
        partition = keys.work(seq)
        # An earlier try to replay may have got as far as this.
        left = self._table.starting(partition, keys.steps(to), only=["pk", "sk"])
        self._table.delete_many([(one["pk"], one["sk"]) for one in left])
        if fresh is None:
            fresh = run.state is RunState.SUCCEEDED
        if not fresh:
            self._table.put_many(list(self._steps(seq, run, to=to)))

    def _steps(self, seq: int, run: RunRecord, *, to: int) -> Iterator[Item]:
        partition, prefix = keys.work(seq), keys.steps(run.place)
        for step in self._table.starting(partition, prefix):
            yield {**step, "sk": f"{keys.steps(to)}{str(step['sk']).removeprefix(prefix)}"}


def _step_key(lease: Lease, name: str) -> keys.Key:
    seq, place = keys.run_of(lease.run_id)
    return keys.work(seq), keys.step(place, name)
