"""Counts what happens in the library: one line per event, which names nobody."""

from pathlib import Path

from almahook import Context, Event, on

COUNTS = Path("counts.csv")


@on(["LOAN", "REQUEST", "ITEM", "BIB", "USER", "NOTIFICATION"])
def count(event: Event, ctx: Context) -> None:
    """Add a line; nothing after it can fail, so that no retry adds it again."""
    with COUNTS.open("a", encoding="utf-8") as file:
        file.write(f"{ctx.profile},{event.action},{event.event}\n")
