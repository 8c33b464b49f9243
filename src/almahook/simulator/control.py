"""Pages for people and scripts that drive the simulator from outside: /simulator/… and /."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from almahook.errors import AlmaHookError
from almahook.simulator.messages import EVENTS, Generation
from almahook.simulator.profile import MessageType, Profile

if TYPE_CHECKING:
    from almahook.simulator.sender import Delivery
    from almahook.simulator.simulator import Simulator

_LOG_LINES = 200
_BAD_REQUEST = 400


class _NewProfile(msgspec.Struct, forbid_unknown_fields=True):
    url: str
    secret: str
    name: str = "main"
    message_type: MessageType = "JSON"
    subscriptions: list[str] | None = None
    user_groups: list[str] = []


class _Fire(msgspec.Struct, forbid_unknown_fields=True):
    action: str
    event: str | None = None
    generation: Generation = "2024"
    count: int = 1
    overrides: dict[str, Any] = {}


def control_app(alma: "Simulator") -> Starlette:
    """Make the app that drives this simulator."""
    control = _Control(alma)
    return Starlette(
        routes=[
            Route("/", control.page),
            Route("/simulator/profiles", control.list_profiles, methods=["GET"]),
            Route("/simulator/profiles", control.add_profile, methods=["POST"]),
            Route("/simulator/fire", control.fire, methods=["POST"]),
            Route("/simulator/log", control.log),
        ],
        exception_handlers={
            msgspec.DecodeError: _on_error,
            AlmaHookError: _on_error,
            KeyError: _on_error,
        },
    )


def _answer(value: Any, status: int = 200) -> Response:
    body = msgspec.json.format(msgspec.json.encode(value)) + b"\n"
    return Response(body, status, media_type="application/json")


async def _on_error(_: Request, error: Exception) -> Response:
    text = f"there is no {error}" if isinstance(error, KeyError) else str(error)
    return _answer({"error": text}, _BAD_REQUEST)


class _Control:
    def __init__(self, alma: "Simulator") -> None:
        self._alma = alma

    async def page(self, request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        key, actions = self._alma.api_key, " ".join(EVENTS)
        return PlainTextResponse(_PAGE.format(base=base, key=key, actions=actions))

    async def list_profiles(self, _: Request) -> Response:
        return _answer([_describe(profile) for profile in self._alma.profiles.values()])

    async def add_profile(self, request: Request) -> Response:
        wanted = msgspec.json.decode(await request.body(), type=_NewProfile)
        profile = self._alma.add_profile(**msgspec.structs.asdict(wanted))
        result = await run_in_threadpool(self._alma.activate, profile)
        return _answer({**_describe(profile), "challenge": asdict(result)})

    async def fire(self, request: Request) -> Response:
        wanted = msgspec.json.decode(await request.body(), type=_Fire)
        sent = await run_in_threadpool(self._fire, wanted)
        return _answer({"sent": len(sent), "deliveries": [_outcome(delivery) for delivery in sent]})

    def _fire(self, wanted: _Fire) -> "list[Delivery]":
        sent = [
            delivery
            for _ in range(wanted.count)
            for delivery in self._alma.fire(
                wanted.action,
                wanted.event,
                generation=wanted.generation,
                overrides=wanted.overrides,
            )
        ]
        return [delivery.wait_attempt() for delivery in sent]

    async def log(self, _: Request) -> Response:
        return _answer([asdict(entry) for entry in self._alma.log[-_LOG_LINES:]])


def _describe(profile: Profile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "url": profile.url,
        "message_type": profile.message_type,
        "status": profile.status,
    }


def _outcome(delivery: "Delivery") -> dict[str, Any]:
    return {
        "profile": delivery.profile.name,
        "action": delivery.action,
        "id": delivery.id,
        "outcome": delivery.outcome,
        "reason": delivery.attempts[-1].reason if delivery.attempts else "not sent",
    }


_PAGE = """\
A pretend Alma. Everything in it is invented.

Its REST API is at {base}/almaws/v1, with the key {key}

    curl -H 'Authorization: apikey {key}' -H 'Accept: application/json' \\
      {base}/almaws/v1/users/amendez

Tell it where your listener is. It sends the challenge, and says how it went:

    curl {base}/simulator/profiles -d \\
      '{{"name": "main", "url": "http://127.0.0.1:8080/webhooks/main", "secret": "a secret"}}'

Let something happen. Actions: {actions}

    curl {base}/simulator/fire -d '{{"action": "LOAN", "event": "LOAN_RETURNED"}}'
    curl {base}/simulator/fire -d '{{"action": "JOB_END", "count": 100}}'

Run a job. When it ends, JOB_END is sent:

    curl -X POST -H 'Authorization: apikey {key}' '{base}/almaws/v1/conf/jobs/M47?op=run'

See the profiles, and what was sent:

    curl {base}/simulator/profiles
    curl {base}/simulator/log
"""
