"""The scenes of the demonstration before the bulk part, one function each."""

import re
from typing import Literal

from almahook.cli.demo_bulk import is_idle
from almahook.cli.demo_count import Book
from almahook.cli.demo_stage import MAX_BODY_BYTES, Stage
from almahook.cli.demo_teller import Teller
from almahook.cli.demo_wait import until
from almahook.errors import ConfigurationError
from almahook.inbox import EventFilter, Rejection, Run
from almahook.notify import Message, read_outbox
from almahook.protocol import SIGNATURE_HEADER, sign
from almahook.simulator import Call, Delivery, Profile

Generation = Literal["2020", "2024"]

_ANSWER_S = 60.0
_RECORDED_S = 5.0
_SHOWN = 12
_MANY = 1000

# Each entity holds the one before ten times, so that the last is ten gigabytes.
_ENTITIES = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
_BOMB = (
    f'<!DOCTYPE webhook [<!ENTITY e0 "{"a" * 10}">{_ENTITIES}]>'
    "<webhook><id>1</id><action>LOAN</action><note>&e9;</note></webhook>"
).encode()


class Scenes:
    """What is shown step by step.

    Args:
        stage: What it runs on.
        book: Where everything that Alma sends is noted.
        teller: Tells it.
    """

    def __init__(self, stage: Stage, book: Book, teller: Teller) -> None:
        self._stage = stage
        self._book = book
        self._teller = teller
        self._first_job: bytes | None = None

    def start(self) -> None:
        """Say what runs, and where."""
        stage, act = self._stage, self._teller.act
        act("Alma", f"{stage.alma.api_url}, pretended: it sends, and answers API calls")
        act("listener", f"{stage.listener.url}, the real one: almahook serve")
        act("inbox", f"{stage.folder / 'inbox.db'}, an SQLite file")
        act("handlers", "job_end.py texts the person who started a job,")
        act("", "counts.py counts everything else that happens")

    def activate(self) -> None:
        """Let Alma challenge the listener, once for each profile."""
        for profile in (self._stage.main, self._stage.xml):
            before = profile.status
            result = self._stage.alma.activate(profile)
            if not result.ok:
                raise ConfigurationError(f"Alma could not activate the profile: {result.reason}")
            text = _short(self._stage.alma.log[-1].id)
            act = self._teller.act
            act("Alma", f"asks GET /webhooks/{profile.name}?challenge={text}")
            act("listener", f"answers {result.status} and says the same text back")
            act("Alma", f'profile {profile.name}: from "{before}" to "{profile.status}"')

    def jobs(self) -> None:
        """Let jobs end: one that went well, one that failed, and one that nobody started."""
        self._job("M47", "amendez", "COMPLETED_SUCCESS", "2024")
        self._teller.gap()
        self._teller.note("The same in the older form of Alma's JSON. This job has failed:")
        self._job("M53", "fkowalska", "FAILED", "2020")
        self._teller.gap()
        self._teller.note("Most jobs run by themselves. Their submitter is called System:")
        self._job("S48800410002319", "System", "COMPLETED_SUCCESS", "2024")

    def retry(self) -> None:
        """Send the first text's message again, byte for byte."""
        assert self._first_job is not None
        texts = len(self._texts())
        self._teller.act("Alma", "sends the first JOB_END once more, the same bytes")
        self._deliver(self._stage.main, self._first_job)
        new = len(self._texts()) - texts
        self._teller.act("outbox", f"{new} more" if new else "no second text")

    def bad_input(self) -> None:
        """Send what must not be believed; each is refused and recorded with its reason."""
        stage = self._stage
        good = stage.alma.message("LOAN", "LOAN_RETURNED")
        stranger, nobody = self._impostor("stranger", "a guess"), self._impostor("nobody", "")
        half, large = good[: len(good) // 2], b" " * (MAX_BODY_BYTES + 1)
        self._refused("a loan, signed with a wrong secret", stranger, good, "signature.mismatch")
        self._refused("the same loan, not signed", nobody, good, "signature.missing")
        for profile in (stranger, nobody):
            del stage.alma.profiles[profile.name]
        self._teller.note("Even with the right signature, these are not taken:")
        self._refused("only half of the loan", stage.main, half, "body.json")
        self._refused("XML that unfolds to 10 GB", stage.main, _BOMB, "body.xml_forbidden")
        self._refused(f"a message of {len(large):,} bytes", stage.main, large, "body.too_large")
        kept = len(stage.inbox.rejections(limit=_MANY))
        self._teller.act("inbox", f"none of these is an event; all {kept} refusals are on record")

    def unknown(self) -> None:
        """Send a kind of event that Alma does not have yet."""
        body = self._stage.alma.message("PORTFOLIO", "PORTFOLIO_CREATED")
        self._teller.act("Alma", "sends PORTFOLIO, event PORTFOLIO_CREATED")
        delivery = self._deliver(self._stage.main, body)
        where = EventFilter(event_id=delivery.id, state="unhandled")
        if self._stage.inbox.events(where, limit=1):
            self._teller.act("inbox", 'keeps it as "unhandled": it can be replayed later')
        if code := _pasteable(self._stage.log):
            self._teller.act("log", "says what to write, ready to paste:")
            self._teller.copy(code)

    def _job(self, job_id: str, submitter: str, status: str, generation: Generation) -> None:
        stage, act = self._stage, self._teller.act
        job = stage.alma.jobs[job_id]
        overrides = {
            "job_instance.name": job["name"],
            "job_instance.job_info": job,
            "job_instance.submitted_by.value": submitter,
            "job_instance.status.value": status,
        }
        body = stage.alma.message("JOB_END", generation=generation, overrides=overrides)
        calls, texts = len(stage.alma.calls), len(self._texts())
        act("Alma", f'sends JOB_END: "{job["name"]}", {status}, submitted by {submitter}')
        act("", f"{SIGNATURE_HEADER}: {_short(sign(body, secret=stage.secret.encode()))}")
        delivery = self._deliver(stage.main, body)
        self._first_job = self._first_job or body
        for call in stage.alma.calls[calls:]:
            act("handler", f"asks Alma who {submitter} is: {_spoken(call)}")
        for run in self._runs(delivery):
            act("handler", _ended(run))
        for message in self._texts()[texts:]:
            act("outbox", f"to {message.to}: {message.text}")
            act("", "(a dry run: it is kept in a file and sent to nobody)")

    def _deliver(self, profile: Profile, body: bytes) -> Delivery:
        """Send a good message, say what was answered, and wait until it has been handled."""
        delivery = self._stage.alma.send(profile, body).wait(_ANSWER_S)
        self._book.good.append((delivery, body))
        for event in self._stage.inbox.events(EventFilter(event_id=delivery.id), limit=10):
            self._teller.act("inbox", f"the signature is right; on disk as event no. {event.seq}")
        last = delivery.attempts[-1]
        self._teller.act("listener", f"answers {last.reason} after {last.seconds * 1000:.0f} ms")
        until(lambda: is_idle(self._stage), timeout_s=_ANSWER_S)
        return delivery

    def _impostor(self, name: str, secret: str) -> Profile:
        alma, url = self._stage.alma, self._stage.main.url
        profile = alma.add_profile(name, url=url, secret=secret)
        alma.activate(profile)
        return profile

    def _refused(self, what: str, profile: Profile, body: bytes, code: str) -> None:
        inbox = self._stage.inbox
        before = [rejection.id for rejection in inbox.rejections(limit=1)]
        delivery = self._stage.alma.send(profile, body).wait(_ANSWER_S)
        self._book.bad.append((delivery, code))
        self._teller.act("sent", what)

        def recorded() -> list[Rejection]:
            return [one for one in inbox.rejections(limit=1) if one.id not in before]

        until(lambda: bool(recorded()), timeout_s=_RECORDED_S)
        reason = recorded()[0].reason if recorded() else "and no reason was recorded"
        self._teller.act("listener", f"answers {delivery.attempts[-1].reason}: {reason}")

    def _runs(self, delivery: Delivery) -> list[Run]:
        inbox = self._stage.inbox
        found = inbox.events(EventFilter(event_id=delivery.id), limit=1)
        return inbox.runs([event.seq for event in found])

    def _texts(self) -> list[Message]:
        return read_outbox(self._stage.outbox)


def _short(text: str) -> str:
    return f"{text[:_SHOWN]}..."


def _spoken(call: Call) -> str:
    return f"{call.method} {call.path}, {call.status}"


def _ended(run: Run) -> str:
    return f"{run.handler} {run.state}{': ' if run.reason else ''}{run.reason}"


def _pasteable(log: str) -> str:
    """Find in the listener's log the handler that it proposes; each entry begins with a time."""
    found = re.search(r"^# handlers/.*?(?=^\d\d:\d\d:\d\d |\Z)", log, re.DOTALL | re.MULTILINE)
    return found[0].rstrip() if found else ""
