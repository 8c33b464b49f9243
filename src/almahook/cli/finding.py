"""What a check-up finds."""

from dataclasses import dataclass

from almahook.cli.page import State


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: What was looked at, as a stable word for programs.
        state: ``ok``, ``warning`` or ``problem``.
        text: How it is, in a sentence; it holds no secret and no patron's data.
        fix: What to do; empty when there is nothing to do.
    """

    check: str
    state: State
    text: str
    fix: str = ""


def ok(check: str, text: str) -> Finding:
    """Find something in order."""
    return Finding(check=check, state="ok", text=text)


def warning(check: str, text: str, fix: str = "") -> Finding:
    """Find something that may be meant so, or will become a problem."""
    return Finding(check=check, state="warning", text=text, fix=fix)


def problem(check: str, text: str, fix: str = "") -> Finding:
    """Find something that keeps events from being received or handled."""
    return Finding(check=check, state="problem", text=text, fix=fix)


def ago(seconds: float) -> str:
    """Say how long ago something was."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number:,} {unit}{'' if number == 1 else 's'} ago"
    return "less than a minute ago"
