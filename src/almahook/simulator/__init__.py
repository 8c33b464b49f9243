"""A pretend Alma for tests, demonstrations and newcomers.

It keeps integration profiles, challenges their listeners, signs, sends and retries as Alma does,
and answers the REST API that handlers call, with its limits and errors::

    with Simulator() as alma:
        profile = alma.add_profile("main", url=listener_url, secret="a secret")
        alma.activate(profile)
        alma.fire("LOAN", event="LOAN_RETURNED")

See docs/simulator.md.
"""

from almahook.errors import MissingExtraError

try:
    from almahook.simulator.faults import Fault, Faults
    from almahook.simulator.gate import Call
    from almahook.simulator.institution import Institution, Limits
    from almahook.simulator.messages import EVENTS, Messages
    from almahook.simulator.profile import ACTIVE, PENDING, ChallengeResult, Profile
    from almahook.simulator.sender import RETRY_AFTER_S, Attempt, Delivery, LogEntry
    from almahook.simulator.serve import serve
    from almahook.simulator.simulator import Simulator
    from almahook.simulator.xml import to_xml
except ModuleNotFoundError as error:
    if error.name not in {"httpcore2", "starlette", "uvicorn"}:
        raise
    raise MissingExtraError("The pretend Alma", extra="server") from error

__all__ = [
    "ACTIVE",
    "EVENTS",
    "PENDING",
    "RETRY_AFTER_S",
    "Attempt",
    "Call",
    "ChallengeResult",
    "Delivery",
    "Fault",
    "Faults",
    "Institution",
    "Limits",
    "LogEntry",
    "Messages",
    "Profile",
    "Simulator",
    "serve",
    "to_xml",
]
