"""What a dry run would have sent."""

import os
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from almahook.errors import NotifyError

Kind = Literal["sms", "mail", "chat"]

# A dry run that is left running must not fill the memory.
_KEPT = 1000
_OWNER_ONLY = 0o600


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message; its repr shows neither who nor what.

    Attributes:
        kind: ``sms``, ``mail`` or ``chat``.
        to: The international number or the address; empty for chat.
        text: What it says.
        subject: Its subject, if it has one.
        at: When it would have been sent.
    """

    kind: Kind
    to: str = field(repr=False)
    text: str = field(repr=False)
    subject: str = field(default="", repr=False)
    at: datetime


class Outbox:
    """Keeps messages in memory, the last 1000, and in a file if there is one.

    Args:
        path: Gets one line of JSON per message. It is made for its owner's eyes only, because it
            holds numbers and texts; threads and processes may share it.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._kept: deque[Message] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Outbox({len(self._kept)} messages)"

    @property
    def messages(self) -> list[Message]:
        """The messages of this process, the oldest first."""
        with self._lock:
            return list(self._kept)

    def add(self, message: Message) -> None:
        """Keep a message.

        Raises:
            NotifyError: The file cannot be written.
        """
        if self._path is not None:
            _append(self._path, msgspec.json.encode(message) + b"\n")
        with self._lock:
            self._kept.append(message)


def read_outbox(path: Path) -> list[Message]:
    """Read an outbox's file, the oldest message first; a file that is not there is empty."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found = (_decode(line) for line in lines)
    return [message for message in found if message is not None]


def _append(path: Path, line: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(path, flags, _OWNER_ONLY)
        try:
            # One write with O_APPEND is one line, whoever else writes.
            written = os.write(descriptor, line)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise NotifyError(f"The outbox cannot be written: {error.strerror}") from None
    if written != len(line):
        raise NotifyError("The outbox cannot be written: the disk is full")


def _decode(line: bytes) -> Message | None:
    try:
        return msgspec.json.decode(line, type=Message)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # A full disk can cut a line short.
        return None
