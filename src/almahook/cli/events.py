"""``almahook events``: what has arrived, and what became of it."""

import typer

from almahook.cli.events_list import list_events
from almahook.cli.events_replay import replay_events
from almahook.cli.events_show import show_event
from almahook.cli.events_tail import tail_events

events = typer.Typer(help="Look at what has arrived, and have it handled again.")

events.command("list")(list_events)
events.command("show")(show_event)
events.command("tail")(tail_events)
events.command("replay")(replay_events)
