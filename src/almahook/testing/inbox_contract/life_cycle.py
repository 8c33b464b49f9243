"""The whole life of events, in any order of steps that Hypothesis thinks of, beside a model."""
# ruff: noqa: D102, D103 - a test and its rules are named as what they do

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from almahook.errors import StaleLeaseError
from almahook.inbox import (
    OPEN_STATES,
    EventFilter,
    Inbox,
    Lease,
    NewEvent,
    Receipt,
    Run,
    RunState,
)
from almahook.testing.inbox_contract.given import NOW, ending, hour, new_event
from almahook.testing.inbox_contract.model import HANDLERS, Model, ModelRun, match

LEASE_S = 60.0
END_OF_TIME = 1e12
_PENDING = EventFilter(state="pending")

ACTIONS = ["NONE", "PLAIN", "ORDERED", "COALESCED", "PLAIN_ORDERED_COALESCED"]
EVENTS = st.lists(
    st.tuples(
        st.integers(1, 12), st.sampled_from(ACTIONS), st.sampled_from("ab"), st.integers(1, 4)
    ),
    min_size=1,
    max_size=5,
)
ENDS = [RunState.SUCCEEDED, RunState.SKIPPED, RunState.PARKED, RunState.WAITING]


class LifeCycle(RuleBasedStateMachine):
    """Does to an inbox what receivers, workers and people do, and to the model likewise."""

    def __init__(self, inbox: Inbox) -> None:
        super().__init__()
        self.inbox = inbox
        self.model = Model()
        self.now = NOW
        self.leases: list[Lease] = []

    @rule(events=EVENTS)
    def append(self, events: list[tuple[int, str, str, int]]) -> None:
        batch = self._batch(events)
        self.model.append(batch, self.inbox.append(batch))

    @rule(events=EVENTS)
    def spool(self, events: list[tuple[int, str, str, int]]) -> None:
        batch = {event.event_id: event for event in self._batch(events)}
        self.inbox.spool([self.inbox.pack([*batch.values()])])
        left = len(batch)
        while left > 0:
            taken = self.inbox.collect(limit=10)
            left -= taken.events + taken.duplicates
        newest = max(self.model.events, default=0)
        new = self.inbox.events(EventFilter(), limit=1000, after=newest)
        receipts = [Receipt(seq=event.seq, duplicate=False) for event in new]
        self.model.append([batch[event.event_id] for event in new], receipts)
        assert batch.keys() <= self.model.ids()

    @rule(limit=st.integers(1, 6))
    def tidy(self, limit: int) -> None:
        self.inbox.tidy(limit=limit)

    @rule(limit=st.integers(1, 6))
    def dispatch(self, limit: int) -> None:
        seqs = self.model.dispatch(limit)
        assert self.inbox.dispatch(match, limit=limit) == len(seqs)
        self._learn(seqs)

    @rule(data=st.data())
    @precondition(lambda self: self.model.events)
    def claim(self, data: st.DataObject) -> None:
        seq = data.draw(st.sampled_from(sorted(self.model.events)))
        self.model.make_runs(seq)
        claim = self.inbox.claim(seq, match, now=self.now, until=self.now + LEASE_S)
        self._learn([seq])
        runs = self.model.newest(seq).values()
        wanted = [run for run in runs if self._is_claimable(run)]
        assert {lease.run_id for lease in claim.leases} == {run.id for run in wanted}
        self._took(list(claim.leases))
        others = [run for run in runs if run not in wanted]
        assert claim.busy == any(run.state in OPEN_STATES for run in others)
        assert claim.runs == len(runs)
        # A store may take a claim for the dispatch, or wait for that.
        if seq not in {event.seq for event in self.inbox.events(_PENDING, limit=1000)}:
            self.model.dispatched.add(seq)

    @rule(slots=st.integers(0, 4))
    def lease(self, slots: int) -> None:
        wanted = [
            run.id for handler in HANDLERS for run in self.model.leasable(handler, self.now)[:slots]
        ]
        asked = dict.fromkeys(HANDLERS, slots)
        leases = self.inbox.lease(asked, now=self.now, until=self.now + LEASE_S)
        assert sorted(lease.run_id for lease in leases) == sorted(wanted)
        self._took(leases)

    @rule(data=st.data(), state=st.sampled_from(ENDS), wait_s=st.sampled_from([0.0, 100.0]))
    @precondition(lambda self: self.leases)
    def settle(self, data: st.DataObject, state: RunState, wait_s: float) -> None:
        lease = data.draw(st.sampled_from(self.leases))
        run = self._held(lease)
        done = ending(lease, state, due_at=self.now + wait_s)
        assert self.inbox.settle([done]) == [run is not None]
        if run is not None:
            run.state = state
            run.due_at = self.now + wait_s if state is RunState.WAITING else run.due_at

    @rule(data=st.data())
    @precondition(lambda self: self.leases)
    def release(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(self.leases))
        self.inbox.release([lease])
        if run := self._held(lease):
            run.state = RunState.WAITING
            run.attempts -= 1

    @rule(data=st.data())
    @precondition(lambda self: self.leases)
    def renew(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(self.leases))
        self.inbox.renew([lease], until=self.now + LEASE_S)
        if run := self._held(lease):
            run.until = self.now + LEASE_S

    @rule(data=st.data(), result=st.binary(max_size=3))
    @precondition(lambda self: self.leases)
    def save_step(self, data: st.DataObject, result: bytes) -> None:
        lease = data.draw(st.sampled_from(self.leases))
        key = (lease.event.seq, lease.handler, lease.number)
        try:
            self.inbox.save_step(lease, "text", result)
        except StaleLeaseError:
            assert self._held(lease) is None
            if self._run(lease) is not None:
                self.model.steps.setdefault(key, result)
        else:
            assert self._held(lease) is not None
            self.model.steps[key] = result

    @rule()
    def take_over(self) -> None:
        lost = [
            run
            for run in self.model.runs.values()
            if run.state is RunState.RUNNING and run.until < self.now
        ]
        leases = self.inbox.expired(now=self.now, until=self.now + LEASE_S)
        assert sorted(lease.run_id for lease in leases) == sorted(run.id for run in lost)
        self._took(leases, attempts=0)

    @rule(data=st.data(), handler=st.sampled_from(HANDLERS))
    @precondition(lambda self: self.model.events)
    def replay(self, data: st.DataObject, handler: str) -> None:
        seq = data.draw(st.sampled_from(sorted(self.model.events)))
        given = [one for one in match(self.inbox.event(seq)) if one.handler == handler]
        made = self.inbox.replay(seq, given, fresh=None, now=self.now)
        expected = [self.model.replay(seq, one, now=self.now) for one in given]
        assert [run.number for run in made] == [run.number for run in expected]
        self._learn([seq])

    @rule(limit=st.integers(1, 5))
    def purge(self, limit: int) -> None:
        gone = self.model.purge(before=self.now - 90, limit=limit)
        assert self.inbox.purge(before=self.now - 90, limit=limit).events == len(gone)

    @rule(seconds=st.sampled_from([1.0, 31.0, 61.0, 200.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def the_inbox_holds_what_the_model_holds(self) -> None:
        found = self.inbox.events(EventFilter(), limit=1000, after=0)
        assert {event.seq: event.body for event in found} == {
            seq: event.body for seq, event in self.model.events.items()
        }
        runs = self.inbox.runs(sorted(self.model.events))
        assert {
            (run.event_seq, run.handler, run.number): (run.state, run.attempts, _due(run))
            for run in runs
        } == {key: (run.state, run.attempts, _due(run)) for key, run in self.model.runs.items()}
        assert self.inbox.backlog() == self.model.backlog()

    @invariant()
    def of_runs_in_a_lane_one_at_most_is_executed(self) -> None:
        lanes = [
            (run.handler, run.lane)
            for run in self.model.runs.values()
            if run.lane and run.state is RunState.RUNNING
        ]
        assert len(lanes) == len(set(lanes))

    def teardown(self) -> None:
        """Finish and delete everything, so that the next example starts with an empty inbox."""
        self.now += END_OF_TIME
        while self.inbox.dispatch(match, limit=100):
            pass
        asked = dict.fromkeys(HANDLERS, 100)
        while leases := [
            *self.inbox.expired(now=self.now, until=self.now - 1),
            *self.inbox.lease(asked, now=self.now, until=self.now),
        ]:
            assert all(self.inbox.settle([ending(lease) for lease in leases]))
        assert set(self.inbox.tally()).isdisjoint(OPEN_STATES)
        while self.inbox.purge(before=END_OF_TIME, limit=100).events:
            pass
        assert self.inbox.events(EventFilter(), limit=1) == []

    def _batch(self, events: list[tuple[int, str, str, int]]) -> list[NewEvent]:
        # The same id with another action would be another event.
        return [
            new_event(
                f"{action}-{number}",
                action=action,
                subject=thing,
                time=hour(at),
                received_at=self.now,
                body=f"{thing} at {at}".encode(),
            )
            for number, action, thing, at in events
        ]

    def _learn(self, seqs: list[int]) -> None:
        runs = self.inbox.runs(seqs)
        self.model.learn((run.event_seq, run.handler, run.number, run.id) for run in runs)

    def _run(self, lease: Lease) -> ModelRun | None:
        return self.model.runs.get((lease.event.seq, lease.handler, lease.number))

    def _held(self, lease: Lease) -> ModelRun | None:
        """Return the run of a lease if it is the newest of a run that is executed."""
        run = self._run(lease)
        newest = max(one.token for one in self.leases if one.run_id == lease.run_id)
        is_held = run is not None and run.state is RunState.RUNNING and lease.token == newest
        return run if is_held else None

    def _is_claimable(self, run: ModelRun) -> bool:
        is_free = run.state in {RunState.WAITING, RunState.PARKED} or (
            run.state is RunState.RUNNING and run.until < self.now
        )
        return is_free and self.model.has_turn(run)

    def _took(self, leases: list[Lease], *, attempts: int = 1) -> None:
        for lease in leases:
            run = self._run(lease)
            assert run is not None
            run.state = RunState.RUNNING
            run.attempts += attempts
            run.until = lease.until
            assert lease.attempt == run.attempts
            step = self.model.steps.get((run.seq, run.handler, run.number))
            assert self.inbox.load_step(lease, "text") == step
        self.leases += leases


def _due(run: Run | ModelRun) -> float | None:
    """Return when a run is due, as long as that means something."""
    return run.due_at if run.state is RunState.WAITING else None


def test_no_order_of_steps_loses_a_run_or_runs_two_of_a_lane_at_once(
    inbox: Inbox, life_cycle_examples: int
) -> None:
    class OfThisInbox(LifeCycle):
        def __init__(self) -> None:
            super().__init__(inbox)

    run_state_machine_as_test(
        OfThisInbox,
        settings=settings(
            max_examples=life_cycle_examples,
            stateful_step_count=40,
            deadline=None,
            database=None,
            # To shrink a failing example would outlast the test's time-out.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
