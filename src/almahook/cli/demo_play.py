"""The course of the demonstration."""

from rich.console import Console
from rich.text import Text

from almahook.cli.demo_bulk import send_bulk
from almahook.cli.demo_count import Book, check, counted_by_action, expect, find, summary
from almahook.cli.demo_scenes import Scenes
from almahook.cli.demo_stage import Stage, set_stage, settings_file, temporary_folder
from almahook.cli.demo_teller import Teller
from almahook.notify import read_outbox

_SHOWN_TEXTS = 3
_SHOWN_LINES = 10


def play(*, stay: bool, count: int, keep: bool, console: Console) -> int:
    """Show everything, and return the exit status; see :func:`almahook.cli.demo.run_demo`."""
    teller = Teller(console)
    console.print(Text("almahook: what happens between Alma and your code", style="bold"))
    teller.note(
        "A pretend Alma and the real listener, on this machine only. All people and phone numbers "
        "are invented, and nothing is sent to anybody."
    )
    with temporary_folder(keep=keep) as folder:
        if keep:
            teller.note(f"Everything is kept in {folder}")
        teller.scene("The pretend Alma and the listener start")
        with set_stage(folder) as stage:
            book = Book()
            _scenes(stage, book, teller, count)
            status = compare(stage, book, teller)
            return _stay(stage, teller, status) if stay else status


def _scenes(stage: Stage, book: Book, teller: Teller, count: int) -> None:
    scenes = Scenes(stage, book, teller)
    scenes.start()
    teller.scene("Somebody presses Activate in Alma, which asks whether the listener is there")
    scenes.activate()
    teller.scene("A job ends in Alma, and the person who started it gets a text")
    scenes.jobs()
    teller.scene("Alma missed the answer and tries again: nobody gets the text twice")
    scenes.retry()
    teller.scene("Not everything that arrives can be trusted: each refusal is recorded with why")
    scenes.bad_input()
    teller.scene("Alma sends a kind of event that no handler is written for yet")
    scenes.unknown()
    teller.scene(f"A busy day: {count:,} events")
    send_bulk(stage, book, teller, count=count)
    _tell_effects(stage, teller)


def _tell_effects(stage: Stage, teller: Teller) -> None:
    messages = read_outbox(stage.outbox)
    for message in messages[-_SHOWN_TEXTS:]:
        teller.act("outbox", f"to {message.to}: {message.text}")
    teller.act("", f"the last {min(_SHOWN_TEXTS, len(messages))} of {len(messages)} texts")
    counts = counted_by_action(stage)
    told = ", ".join(f"{action} {count:,}" for action, count in sorted(counts.items()))
    teller.act("handler", f"counts.py has counted {told}")


def compare(stage: Stage, book: Book, teller: Teller) -> int:
    """Show what was sent beside what is there; 1 if any count differs, else 0."""
    teller.scene("What Alma sent, and what became of it")
    expected = expect(book, stage.alma)
    actual = find(stage, expected=expected)
    teller.table(summary(expected, actual, console=teller.console))
    wrong = check(expected, actual)
    for text in wrong:
        teller.verdict(text, is_good=False)
    if not wrong:
        teller.verdict("Every count is what Alma sent.", is_good=True)
    if stage.listener.has_ended:
        _tell_ended(stage, teller)
    return 1 if wrong else 0


def _stay(stage: Stage, teller: Teller, status: int) -> int:
    """Leave everything running until Ctrl-C, or until the listener ends."""
    try:
        _tell_where(stage, teller)
        stage.listener.process.wait()
    except KeyboardInterrupt:
        teller.gap()
        teller.note("Stopped and removed.")
        return status
    _tell_ended(stage, teller)
    return 1


def _tell_ended(stage: Stage, teller: Teller) -> None:
    teller.verdict("The listener has ended by itself. The last it said:", is_good=False)
    teller.copy("\n".join(stage.log.splitlines()[-_SHOWN_LINES:]))


def _tell_where(stage: Stage, teller: Teller) -> None:
    teller.scene("Everything keeps running. Ctrl-C ends it and removes it")
    act, alma = teller.act, stage.alma
    act("listener", stage.listener.url)
    act("", "its paths: /webhooks/main, /webhooks/xml, /metrics")
    act("Alma", alma.api_url)
    act("", "open it in a browser: it shows how to let things happen")
    act("", f"its API: /almaws/v1, key {alma.api_key}")
    act("inbox", f"{stage.folder / 'inbox.db'}")
    act("settings", f"{settings_file(stage.folder)}")
    teller.gap()
    teller.note("Send an event yourself, in another terminal:")
    teller.copy(
        f"almahook send LOAN --secret {stage.secret} \\\n    --to {stage.listener.webhook('main')}"
    )
