"""A pretend Alma: its webhook sender and its REST API, on this machine."""

import random
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import msgspec
from starlette.types import Receive, Scope, Send

from almahook.simulator.api import rest_app
from almahook.simulator.control import control_app
from almahook.simulator.faults import Faults
from almahook.simulator.gate import Call, Gate
from almahook.simulator.institution import (
    BASE_PATH,
    Institution,
    Limits,
    Record,
    example_institution,
)
from almahook.simulator.jobs import JobRunner
from almahook.simulator.messages import Generation, Messages
from almahook.simulator.profile import ACTIVE, ChallengeResult, MessageType, Profile, challenge
from almahook.simulator.sender import Delivery, LogEntry, Sender
from almahook.simulator.server import ServerThread
from almahook.simulator.timer import Timer
from almahook.simulator.wire import Wire

# Activating a profile takes a connection beside those of the senders.
_SPARE_CONNECTIONS = 4


class Simulator:
    """Alma as a listener and a handler see it; use it as a context manager.

    Args:
        port: 0 takes any free one.
        time_scale: How many times faster Alma's hours pass; 3600 makes an hour a second.
        timeout_s: A listener that takes longer counts as failed; Alma allows 5 seconds.
        seed: With a seed, the same messages are made each time.
        senders: How many calls of listeners are under way at once.

    Attributes:
        api_url: The base of the REST API, to which ``/almaws/v1/…`` is added.
        api_key: A key that may read and write; ``read_only_key`` may only read.
        institution: What the REST API answers from; tests may change it.
        faults: What is to go wrong in the REST API.
        profiles: The integration profiles, by name.

    Raises:
        ConfigurationError: The address cannot be listened on.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        time_scale: float = 1.0,
        timeout_s: float = 5.0,
        seed: int | None = None,
        senders: int = 16,
    ) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - nothing here is a real secret
        self._messages = Messages(seed)
        self.api_key, self.read_only_key = self._new_key(), self._new_key()
        self.institution: Institution = example_institution()
        self.profiles: dict[str, Profile] = {}
        self.faults = Faults()
        self._server = ServerThread(self._serve, host=host, port=port)
        self.api_url = self._server.url
        self._timer = Timer()
        self._wire = Wire(connections=senders + _SPARE_CONNECTIONS, timeout_s=timeout_s)
        self._sender = Sender(
            wire=self._wire,
            timer=self._timer,
            senders=senders,
            time_scale=time_scale,
            chance=self._chance,
        )
        self._runner = JobRunner(
            self.institution,
            self._messages,
            self._timer,
            time_scale=time_scale,
            fire=self._fire,
        )
        self._gate = Gate(
            rest_app(
                self.institution, run_job=self._runner.run, profiles=self._integration_profiles
            ),
            keys={self.api_key: True, self.read_only_key: False},
            limits=self.institution.limits,
            faults=self.faults,
            drop=self._server.drop,
        )
        self._control = control_app(self)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End everything; messages that wait for a retry are dropped."""
        self._timer.close()
        self._sender.close()
        self._server.stop()

    @property
    def users(self) -> dict[str, Record]:
        """The users, by primary id."""
        return self.institution.users

    @property
    def jobs(self) -> dict[str, Record]:
        """The jobs, by id."""
        return self.institution.jobs

    @property
    def bibs(self) -> dict[str, Record]:
        """The bibliographic records, by MMS id."""
        return self.institution.bibs

    @property
    def limits(self) -> Limits:
        """How many REST calls may be made."""
        return self.institution.limits

    @property
    def calls(self) -> list[Call]:
        """Every REST call that was received, oldest first."""
        return self._gate.calls

    @property
    def log(self) -> list[LogEntry]:
        """Alma's View Log: every call of a listener, oldest first."""
        return self._sender.log

    @property
    def job_s(self) -> float:
        """How many seconds a job runs that was started over the REST API."""
        return self._runner.job_s

    @job_s.setter
    def job_s(self, seconds: float) -> None:
        self._runner.job_s = seconds

    def add_profile(
        self,
        name: str,
        *,
        url: str,
        secret: str,
        message_type: MessageType = "JSON",
        subscriptions: Collection[str] | None = None,
        user_groups: Collection[str] = (),
        duplicate_every: int = 0,
        out_of_order_s: float = 0.0,
        lower_case_headers: bool = False,
        chunked: bool = False,
    ) -> Profile:
        """Add an integration profile; it waits for :meth:`activate`. See :class:`Profile`."""
        profile = Profile(
            name=name,
            url=url,
            secret=secret,
            message_type=message_type,
            subscriptions=subscriptions,
            user_groups=user_groups,
            duplicate_every=duplicate_every,
            out_of_order_s=out_of_order_s,
            lower_case_headers=lower_case_headers,
            chunked=chunked,
        )
        self.profiles[name] = profile
        return profile

    def activate(self, profile: Profile) -> ChallengeResult:
        """Press Activate: send the challenge, and make the profile active if it is answered."""
        text = str(UUID(int=self._chance.getrandbits(128), version=4))
        result = challenge(profile.url, text, wire=self._wire)
        if result.ok:
            profile.status = ACTIVE
        self._sender.log.append(
            LogEntry(
                time=datetime.now(UTC),
                profile=profile.name,
                action="CHALLENGE",
                id=text,
                attempt=1,
                status=result.status,
                reason=result.reason,
            )
        )
        return result

    def message(
        self,
        action: str,
        event: str | None = None,
        *,
        generation: Generation = "2024",
        overrides: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - Alma's word for it
    ) -> bytes:
        """Make one message as wire bytes; see :meth:`Messages.message`."""
        return self._messages.message(
            action, event, generation=generation, overrides=overrides, id=id
        )

    def send(self, profile: Profile, body: bytes) -> Delivery:
        """Send one message to one profile, with all retries, and return at once.

        A JSON message is written as XML for a profile of that type. What is not a message is sent
        as it is.

        Raises:
            ConfigurationError: The profile is not active.
        """
        return self._sender.send(profile, body)

    def fire(
        self,
        action: str,
        event: str | None = None,
        *,
        generation: Generation = "2024",
        overrides: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - Alma's word for it
    ) -> list[Delivery]:
        """Let something happen: one message, sent to every active profile that wants it."""
        return self._fire(
            self.message(action, event, generation=generation, overrides=overrides, id=id)
        )

    def bulk(
        self,
        profile: Profile,
        bodies: Iterable[bytes],
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[Delivery]:
        """Send many messages to one profile, and return when each has been tried once.

        Args:
            profile: To whom.
            bodies: The messages.
            on_progress: Called with how many have been tried so far, and of how many.

        Raises:
            ConfigurationError: The profile is not active.
        """
        return self._sender.bulk(profile, bodies, on_progress)

    def _fire(self, body: bytes) -> list[Delivery]:
        document = msgspec.json.decode(body)
        wanting = [profile for profile in self.profiles.values() if profile.wants(document)]
        return [self.send(profile, body) for profile in wanting]

    def _new_key(self) -> str:
        return f"l8xx{self._chance.getrandbits(128):032x}"

    def _integration_profiles(self) -> list[Record]:
        return [
            {
                "id": str(number),
                "code": profile.name.upper(),
                "name": profile.name,
                "type": {"value": "WEBHOOKS", "desc": "Webhooks"},
                "status": {"value": profile.status, "desc": profile.status},
            }
            for number, profile in enumerate(self.profiles.values(), start=1)
        ]

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._gate if scope["path"].startswith(f"{BASE_PATH}/") else self._control
        await app(scope, receive, send)
