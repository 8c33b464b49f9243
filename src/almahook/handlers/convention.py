"""The folder's convention: a file is named after the action or the event that it handles."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from almahook.errors import HandlerLoadError
from almahook.events import Event
from almahook.protocol import ACTIONS

# The list only catches misspelt file names: an unknown name is legal.
KNOWN_NAMES = (*ACTIONS, *(event for kind in ACTIONS.values() for event in kind.events))

_PASTE = '''\
# handlers/{stem}.py
from almahook import {names}


{decorator}def process(event: {kind}, ctx: Context) -> None:
    """Handle {name}."""
    ctx.log.info("{name} with id %s", event.id)
'''


@dataclass(frozen=True, slots=True)
class Named:
    """Takes the events whose action or sub-event has this name."""

    name: str

    def __call__(self, event: Event) -> bool:
        """Say whether the event has the name."""
        return self.name in {plain_name(event.action), plain_name(event.event)}

    def is_about(self, event: Event) -> bool:
        """Say whether the name is the event's action, or one of the events of that action."""
        known = ACTIONS.get(event.action)
        return self(event) or (known is not None and self.name in known.events)

    def __str__(self) -> str:
        return f"action or event {self.name}"


def plain_name(text: str) -> str:
    """Spell a name as a file's name can: ``loan returned`` is ``LOAN_RETURNED``."""
    return re.sub(r"[^0-9A-Za-z]", "_", text).upper()


def is_handler_file(path: Path) -> bool:
    """Say whether a Python file of the folder holds handlers, by its name."""
    stem = path.stem
    return not (stem.startswith(("_", ".", "test_")) or stem == "conftest")


def named_after(path: Path) -> Named:
    """Read from a file's name what its ``process`` takes.

    Raises:
        HandlerLoadError: The name is nearly, but not quite, one of Alma's.
    """
    name = plain_name(path.stem)
    meant = _meant(name)
    if meant:
        raise HandlerLoadError(
            f"{path} would take {name}, which Alma is not known to send. "
            f"Did you mean {meant.lower()}.py? If Alma does send {name}, "
            'decorate process with @on("…") and the file may have any name.'
        )
    return Named(name)


def _meant(name: str) -> str:
    """Name the known action or event that this name misspells, if it does."""
    near = difflib.get_close_matches(name, KNOWN_NAMES, n=1, cutoff=0.85)
    return near[0] if near and near[0] != name else ""


def handler_to_paste(event: Event) -> str:
    """Write the file that would handle an event nobody handles yet: its path, and all its code."""
    name = plain_name(event.event or event.action)
    kind = type(event).__name__
    # A file called test_….py is a test, and some names look like a slip, whatever Alma sends.
    is_free = is_handler_file(Path(f"{name.lower()}.py")) and not _meant(name)
    names = sorted({"Context", kind} | (set() if is_free else {"on"}), key=str.swapcase)
    return _PASTE.format(
        stem=name.lower() if is_free else f"on_{name.lower()}",
        names=", ".join(names),
        decorator="" if is_free else _decorator(event),
        kind=kind,
        name=name,
    )


def _decorator(event: Event) -> str:
    # Names are letters, digits, blanks and . _ - only: the envelope's reader has seen to it.
    sub_event = f', event="{event.event}"' if event.event else ""
    return f'@on("{event.action}"{sub_event})\n'
