"""Where each item is in the table: its partition key and its sort key.

events#<thousand>        <seq>                    an event
id#<hash>                <hash>                   that an event of this key is there, and its seq
subject#<hash>           <seq>                    an event is about this
work#<seq>               runs                     the runs of an event, one document
attempt#<run>#<number>   one execution
step#<run>#<name>        the kept result of a step
pending                  <seq>                    an event that is not dispatched
waiting#<handler>        <due>#<run id>           a run that waits
running                  <run id>                 a run that is leased
parked                   <run id>                 a run that waits for a person
lane#<hash>              <happened>#<run id>      an open run in its lane
lock                     <hash>                   which run of a lane is executed
guard                    <part of hash>           a counter: who coalesces lanes of this part
handlers                 <name>                   a handler that has had a run
rejections               <id>                     a refused request
meta                     counters                 the highest numbers given
"""

import json
from hashlib import sha256

Key = tuple[str, str]

# Of one partition's events; a listing reads partition after partition.
EVENTS_PER_PAGE = 1000

COUNTERS: Key = ("meta", "counters")
PENDING = "pending"
RUNNING = "running"
PARKED = "parked"
HANDLERS = "handlers"
REJECTIONS = "rejections"

# An attempt and a step belong to a run of an event by the run's place there.
MOST_RUNS = 1 << 16
_LONGEST_NAME = 200


def number(value: int) -> str:
    """Write a number so that texts sort as numbers do."""
    return f"{value:020d}"


def page(of: int) -> str:
    """Return the partition of a page of events."""
    return f"events#{of:012d}"


def event(seq: int) -> Key:
    """Return the place of an event."""
    return page(seq // EVENTS_PER_PAGE), number(seq)


def event_id(value: str) -> str:
    """Return the partition of all events with an id; there are several only in several profiles."""
    return f"id#{_hash(value)}"


def identity(profile: str, action: str, event: str, value: str) -> Key:
    """Return the place that exists once for what makes an event one event."""
    return event_id(value), _hash(profile, action, event)


def subject(value: str) -> str:
    """Return the partition of the events about one thing."""
    return f"subject#{_hash(value)}"


def work(seq: int) -> str:
    """Return the partition of what became of an event."""
    return f"work#{number(seq)}"


def runs(seq: int) -> Key:
    """Return the place of an event's runs."""
    return work(seq), "runs"


def attempts(place: int) -> str:
    """Return what the sort keys of a run's attempts begin with."""
    return f"attempt#{place:05d}#"


def steps(place: int) -> str:
    """Return what the sort keys of a run's steps begin with."""
    return f"step#{place:05d}#"


def step(place: int, name: str) -> str:
    """Return the sort key of a step, whatever its name."""
    return steps(place) + (name if len(name) <= _LONGEST_NAME else f"#{_hash(name)}")


def pending(seq: int) -> Key:
    """Return the place that says that an event is not dispatched."""
    return PENDING, number(seq)


def waiting(handler: str) -> str:
    """Return the partition of a handler's waiting runs."""
    return f"waiting#{handler}"


def due(at: float) -> str:
    """Write a time so that texts sort as times do, to the microsecond."""
    return f"{at:026.6f}"


def lane(handler: str, name: str) -> str:
    """Return the partition of a lane's open runs."""
    return f"lane#{_hash(handler, name)}"


def in_lane(happened: str, run_id: int) -> str:
    """Return a run's place in its lane: the oldest event first."""
    return f"{happened[:_LONGEST_NAME]}\x1f{number(run_id)}"


def lock(lane: str) -> Key:
    """Return the place of a lane's lock."""
    return "lock", lane


def guard(lane: str) -> Key:
    """Return the place of the counter that coalescing in this lane moves on."""
    return "guard", lane.removeprefix("lane#")[:2]


def rejection(number_: int) -> Key:
    """Return the place of a refused request."""
    return REJECTIONS, number(number_)


def run_id(seq: int, place: int) -> int:
    """Return the number of a run: its event's, and its place there, counted from 1."""
    return seq * MOST_RUNS + place


def run_of(run_id: int) -> tuple[int, int]:
    """Return a run's event and its place there."""
    return divmod(run_id, MOST_RUNS)


def _hash(*values: str) -> str:
    """Make a key of any texts: it may have 1,024 bytes, and no patron belongs in one."""
    return sha256(json.dumps(values).encode()).hexdigest()
