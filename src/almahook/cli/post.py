"""Posts messages as Alma does, and says what Alma would make of the answers."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

from almahook.cli.call import Heard, Unheard, call_with, open_client, split_url
from almahook.cli.letter import Letter
from almahook.cli.trouble import why_refused, why_unheard
from almahook.protocol import SIGNATURE_HEADER, sign

Outcome = Literal["delivered", "lost", "retried"]

_AT_ONCE = 8

ALMA = {
    "delivered": "Alma is content.",
    "lost": "Alma would give this event up for ever: it is lost.",
    "retried": "Alma would try again after 1, 3 and 6 hours, and then give the event up.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What became of one message.

    Attributes:
        status: None when there was no answer in time.
        says: What the listener says, in a few words.
        fix: What to do about it; empty when there is nothing to do.
        outcome: What Alma would make of it.
    """

    id: str
    status: int | None
    says: str
    fix: str = ""
    outcome: Outcome
    seconds: float


def post(
    letters: Iterable[Letter], *, to: str, secret: bytes, on_answer: Callable[[Answer], None]
) -> None:
    """Post messages, several at once; each answer is handed on as it comes.

    Raises:
        ConfigurationError: The URL is none, or a message cannot be made.
    """
    split_url(to)
    asyncio.run(_post(iter(letters), to, secret, on_answer))


async def _post(
    letters: Iterable[Letter], to: str, secret: bytes, on_answer: Callable[[Answer], None]
) -> None:
    async with open_client(to) as client:

        async def work() -> None:
            # All workers draw from the one iterator.
            for letter in letters:
                heard = await call_with(
                    client, "POST", to, headers=_headers(letter, secret), content=letter.body
                )
                on_answer(read_answer(letter.id, to, heard))

        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))


def _headers(letter: Letter, secret: bytes) -> dict[str, str]:
    return {
        "Content-Type": letter.content_type,
        SIGNATURE_HEADER: sign(letter.body, secret=secret),
    }


def read_answer(id_: str, to: str, heard: Heard | Unheard) -> Answer:
    """Read an answer as Alma would, and as a person would."""
    if isinstance(heard, Unheard):
        trouble = why_unheard(to, heard)
        return Answer(
            id=id_,
            status=None,
            says=trouble.what,
            fix=trouble.fix,
            outcome="retried",
            seconds=heard.seconds,
        )
    says, fix = _words(to, heard)
    return Answer(
        id=id_,
        status=heard.status,
        says=says,
        fix=fix,
        outcome=_outcome(heard),
        seconds=heard.seconds,
    )


def _outcome(heard: Heard) -> Outcome:
    if heard.is_success:
        return "delivered"
    return "retried" if heard.status >= 500 else "lost"  # noqa: PLR2004 - what Alma tries again


def _words(to: str, heard: Heard) -> tuple[str, str]:
    own = _own_words(heard.body)
    if own is not None:
        return own, _FIXES.get(own_code(heard.body), "")
    trouble = why_refused(to, heard)
    return (trouble.what, trouble.fix) if trouble else ("", "")


def own_code(body: bytes) -> str:
    """Return the stable code of an error of almahook's; empty for any other answer."""
    document = _document(body)
    return str(document.get("error", ""))


def _own_words(body: bytes) -> str | None:
    document = _document(body)
    if "message" in document and "error" in document:
        return f"{document['message']} [{document['error']}]"
    return str(document["status"]) if "status" in document else None


def _document(body: bytes) -> dict[str, object]:
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}


_FIXES = {
    "signature.mismatch": "Use the secret of this profile; if the settings have changed, restart "
    "the listener.",
    "signature.no_secret": "Give the profile a secret (profiles.NAME.secrets), and restart the "
    "listener.",
    "request.unknown_profile": "Look at the last part of the URL: it is the profile's name.",
    "request.unknown_path": "The URL ends in /webhooks/ and the profile's name.",
}
