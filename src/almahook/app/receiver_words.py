"""What the processes that receive say to each other: a JSON object a line."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from almahook.config import Settings
from almahook.config.settings import Table
from almahook.protocol import Endpoint, Response
from almahook.receivers.counts import Counts

_encoder = msgspec.json.Encoder()
# Not as text: a variable can hold anything.
_Variables = list[tuple[bytes, bytes]]


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What a further receiver is to be, as the main process is it; its repr shows no value.

    Attributes:
        sockets: The descriptors of the sockets that listen.
        table: What a settings file may hold.
        secrets: Those of the profiles whose secrets do not change while it runs.
    """

    sockets: list[int]
    table: Table
    folder: str
    file: str | None
    environment: _Variables
    secrets: dict[str, list[bytes]]

    def settings(self) -> Settings:
        """Return the settings of the main process."""
        return Settings(
            **{name: getattr(self.table, name) for name in self.table.__struct_fields__},
            folder=Path(self.folder),
            file=None if self.file is None else Path(self.file),
            environment={os.fsdecode(name): os.fsdecode(text) for name, text in self.environment},
        )

    def __repr__(self) -> str:
        return f"<Orders for sockets {self.sockets}>"


def orders(settings: Settings, endpoints: Mapping[str, Endpoint], sockets: Sequence[int]) -> Orders:
    """Say what a further receiver is to be."""
    held = {name: one.secrets for name, one in endpoints.items()}
    return Orders(
        sockets=list(sockets),
        table=Table(**{name: getattr(settings, name) for name in Table.__struct_fields__}),
        folder=str(settings.folder),
        file=None if settings.file is None else str(settings.file),
        environment=[(os.fsencode(k), os.fsencode(v)) for k, v in settings.environment.items()],
        # What changes each process reads by itself.
        secrets={name: some for name, some in held.items() if isinstance(some, list)},
    )


class Question(msgspec.Struct, frozen=True):
    """A page that the main process is to answer."""

    number: int
    path: str


class Word(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a further receiver's.

    Attributes:
        is_ready: Said once.
        has_stored: Whether it has stored anything since the last line.
        is_failing: Whether its last event could not be stored.
        counts: All that it has counted since it started; None when it does not say.
    """

    is_ready: bool = False
    has_stored: bool = False
    is_failing: bool = False
    counts: Counts | None = None
    questions: list[Question] = []


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the main process's: a page as it is to be sent, or that there is none."""

    number: int
    status: int = 0
    headers: dict[str, str] = {}
    body: bytes = b""

    def response(self) -> Response | None:
        """Return the page; None when there is none."""
        if not self.status:
            return None
        return Response(status=self.status, body=self.body, headers=self.headers)


def answer(number: int, page: Response | None) -> Answer:
    """Answer a question."""
    if page is None:
        return Answer(number=number)
    headers = dict(page.headers)
    return Answer(number=number, status=page.status, headers=headers, body=page.body)


def encode_line(said: Orders | Word | Answer) -> bytes:
    """Write one line."""
    return _encoder.encode(said) + b"\n"


read_orders = msgspec.json.Decoder(Orders).decode
read_word = msgspec.json.Decoder(Word).decode
read_answer = msgspec.json.Decoder(Answer).decode
