"""The function that handles at once: Alma is answered how the handlers ended.

It stands behind a REST API whose mapping templates and patterns are in ``rest.py``, and behind
every other front door too. The event is stored first, as in every listener, so that a message that
comes again is not handled again.
"""

import os
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

from almahook.app.aws_secrets import with_aws_secrets
from almahook.app.direct import outcome, without_run
from almahook.app.endpoints import make_endpoints, read_secrets
from almahook.app.functions.log import tell
from almahook.app.logs import configure_logs
from almahook.app.registry import load_registry
from almahook.app.services import AppServices
from almahook.app.stores import open_inbox
from almahook.config import Settings, load_settings
from almahook.errors import InboxUnavailableError
from almahook.handlers import Registry
from almahook.inbox import Claim, Inbox, Settlement
from almahook.protocol import Accepted, Failed, Handled, Unhandled
from almahook.protocol.answering import accept
from almahook.receivers.aws_lambda.receiver import Receiver
from almahook.worker import Runner

# What is left of the function's time when the last handler is stopped: to settle, and to answer.
_RESERVE_S = 3.0
_RESERVED = 0.2
# Lambda ends a function at its time, and then nobody holds its leases any more.
_SLACK_S = 1.0


class DirectFunction:
    """Answers events of one function, one at a time.

    Args:
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        inbox: Inbox,
        registry: Registry,
        runner: Runner,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inbox = inbox
        self._registry = registry
        self._runner = runner
        self._remaining_s = 0.0
        self._receiver = Receiver(
            # Their secrets are read when a message comes.
            endpoints=make_endpoints(settings, known=dict.fromkeys(settings.profiles, ())),
            secrets=partial(read_secrets, settings),
            accept=accept,
            take_in=self._take_in,
            mode="direct",
            tell=tell,
            clock=clock,
        )

    def __call__(self, event: Any, *, remaining_s: float) -> object:
        """Answer an event.

        Args:
            event: Of any front door.
            remaining_s: What is left of the function's time.

        Raises:
            NotDoneError: The front door makes a status of an error, and it is not 200.
            UnknownInvocationError: The event is of no front door.
        """
        self._remaining_s = remaining_s
        return self._receiver(event)

    def _take_in(self, accepted: Accepted) -> Handled | Failed | Unhandled:
        now = accepted.received_at
        ends = time.monotonic() + self._remaining_s
        until = now + self._remaining_s + _SLACK_S
        (receipt,) = self._inbox.append([accepted])
        claim = self._inbox.claim(receipt.seq, self._runner.match, now=now, until=until)
        reserve_s = min(_RESERVE_S, self._remaining_s * _RESERVED)
        settled = self._runner.run(
            claim.leases, ends=ends - reserve_s, settle_by=ends - reserve_s / 2, direct=True
        )
        return self._result(receipt.seq, claim, settled)

    def _result(
        self, seq: int, claim: Claim, settled: Sequence[Settlement]
    ) -> Handled | Failed | Unhandled:
        gone = sum(self._registry.get(lease.handler) is None for lease in claim.leases)
        ended = outcome(claim, settled, gone=gone)
        if len(settled) < len(claim.leases) - gone:
            raise InboxUnavailableError("A result could not be stored.")
        return ended or without_run(self._inbox, self._registry, seq)


def handler(event: Any, context: Any) -> object:
    """Answer one event of any front door of AWS.

    Raises:
        NotDoneError: The front door makes a status of an error, and it is not 200.
        UnknownInvocationError: It is no event of one.
        ConfigurationError: A setting is wrong.
        HandlerLoadError: A handler cannot be loaded.
    """
    return _function()(event, remaining_s=context.get_remaining_time_in_millis() / 1000)


@cache
def _function() -> DirectFunction:
    settings = with_aws_secrets(load_settings())
    configure_logs(form="json", level=settings.log_level)
    registry, inbox = load_registry(settings), open_inbox(settings)
    runner = Runner(inbox=inbox, registry=registry, services=AppServices(settings))
    return DirectFunction(settings, inbox=inbox, registry=registry, runner=runner)


# Lambda gives a function more processor time while it starts than Alma would wait for.
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    _function()
