"""``almahook send``: a signed sample event, sent as Alma would send it."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from almahook.cli.common import FAILED, JSONOption, SettingsOption, print_json
from almahook.cli.lookup import (
    ProfileOption,
    SecretOption,
    choose_profile,
    given_secret,
    known_settings,
    listener_url,
    profile_secrets,
    read_input,
)
from almahook.cli.page import Page, State
from almahook.errors import ConfigurationError

if TYPE_CHECKING:
    from almahook.cli.letter import Letter
    from almahook.cli.post import Answer

# Of many events only the first failures are told one by one.
_TOLD = 5


class _Target(NamedTuple):
    url: str
    secret: bytes


def _complete_action(incomplete: str) -> list[str]:
    from almahook.protocol import ACTIONS

    names = [*ACTIONS, *(event for kind in ACTIONS.values() for event in kind.events)]
    # Both cases are understood; the shell completes only what begins as it was typed.
    spelled = [name.lower() for name in names] if incomplete.islower() else names
    return [name for name in spelled if name.startswith(incomplete)]


def send(
    action: Annotated[
        str | None,
        typer.Argument(
            help="What happened: LOAN, or an event such as LOAN_RETURNED.",
            metavar="[ACTION]",
            autocompletion=_complete_action,
            show_default=False,
        ),
    ] = None,
    *,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="URL",
            help="The listener URL; without it, the listener of the settings on this machine.",
            show_default=False,
        ),
    ] = None,
    event: Annotated[
        str | None, typer.Option(help="The sub-event; without it, any of the action's.")
    ] = None,
    count: Annotated[int, typer.Option(help="How many.", min=1, max=1_000_000)] = 1,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="A value of the message, for example user_id=amendez; may be repeated.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="Send the exact bytes of this file instead; - reads the standard input."),
    ] = None,
    xml: Annotated[bool, typer.Option("--xml", help="As XML.")] = False,
    same_id: Annotated[
        bool, typer.Option("--same-id", help="The same message each time, as Alma's retries are.")
    ] = False,
    bad_signature: Annotated[
        bool, typer.Option("--bad-signature", help="Signed with a wrong secret.")
    ] = False,
    secret: SecretOption = None,
    profile: ProfileOption = None,
    settings: SettingsOption = None,
    as_json: JSONOption = False,
) -> None:
    """Send signed sample events, and say what Alma would make of the answers.

    Ends with 0 only if every answer was 2xx. People and records of the events are invented.
    """
    if file is not None:
        _require_plain(action=action, event=event, set_=set_, xml=xml, same_id=same_id)
        letters: Iterator[Letter] = repeat(_from_file(file), count)
    else:
        letters = _samples(action, event, set_ or [], xml=xml, same_id=same_id, count=count)
    target = _target(to, secret, profile, settings, is_bad=bad_signature)
    answers = _post(letters, target, count)
    if as_json:
        _print(target.url, answers)
    elif len(answers) == 1:
        _tell_one(answers[0], target.url)
    else:
        _tell_many(answers, target.url)
    if any(answer.outcome != "delivered" for answer in answers):
        raise typer.Exit(FAILED)


def _require_plain(**given: object) -> None:
    for name, value in given.items():
        if value:
            word = "ACTION" if name == "action" else f"--{name.strip('_').replace('_', '-')}"
            raise ConfigurationError(f"A file is sent as it is: leave out {word}.")


def _from_file(file: Path) -> "Letter":
    from almahook.cli.letter import Letter

    return Letter(id="", body=read_input(file))


def _samples(
    action: str | None,
    event: str | None,
    assignments: Sequence[str],
    *,
    xml: bool,
    same_id: bool,
    count: int,
) -> "Iterator[Letter]":
    from almahook.cli.letter import Wish, hint, make_letters, read_kind, read_overrides
    from almahook.protocol import ACTIONS

    if action is None:
        raise ConfigurationError(f"Which event? Write one of {', '.join(ACTIONS)}, or --file FILE.")
    name, sub_event = read_kind(action, event)
    if advice := hint(name):
        Page(to_stderr=True).finding("warning", advice)
    overrides = read_overrides(name, assignments)
    wish = Wish(action=name, event=sub_event, overrides=overrides, xml=xml, same_id=same_id)
    return make_letters(wish, count)


def _target(
    to: str | None, secret: str | None, profile: str | None, settings: Path | None, *, is_bad: bool
) -> _Target:
    """Find out where to send and how to sign; the settings are read only if they are needed."""
    from almahook.app.first_run import new_secret

    has_secret = secret is not None or is_bad
    if to is not None and has_secret:
        return _Target(to, new_secret().encode() if is_bad else given_secret(secret or ""))
    known = known_settings(settings)
    name = choose_profile(known, profile, url=to)
    url = to or listener_url(known, name)
    if is_bad:
        return _Target(url, new_secret().encode())
    if secret is not None:
        return _Target(url, given_secret(secret))
    return _Target(url, profile_secrets(known, name)[0])


def _post(letters: "Iterator[Letter]", target: _Target, count: int) -> "list[Answer]":
    from almahook.cli.post import post

    answers: list[Answer] = []
    with _progress(count) as step:

        def take(answer: "Answer") -> None:
            answers.append(answer)
            step()

        post(letters, to=target.url, secret=target.secret, on_answer=take)
    return answers


@contextmanager
def _progress(count: int) -> Iterator[Callable[[], None]]:
    """Show how far it is, to a person who watches many."""
    if count == 1 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress(
        BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task("sent", total=count)
        yield lambda: bar.advance(task)


def _print(url: str, answers: "Sequence[Answer]") -> None:
    from dataclasses import asdict

    is_ok = all(answer.outcome == "delivered" for answer in answers)
    print_json({"ok": is_ok, "to": url, "answers": [asdict(answer) for answer in answers]})


def _tell_one(answer: "Answer", url: str) -> None:
    from almahook.cli.post import ALMA

    page = Page()
    took = f"after {answer.seconds * 1000:.0f} ms"
    head = f"HTTP {answer.status} {took}" if answer.status else f"No answer {took}"
    state: State = "ok" if answer.outcome == "delivered" else "problem"
    page.finding(state, f"{head}{': ' if answer.says else ''}{answer.says}", fix=answer.fix)
    page.note(ALMA[answer.outcome])
    page.note(f"Sent{f' id {answer.id}' if answer.id else ''} to {url}")


def _tell_many(answers: "Sequence[Answer]", url: str) -> None:
    from almahook.cli.post import ALMA

    page = Page()
    page.text(f"{len(answers):,} sent to {url}")
    kinds = Counter((answer.outcome, answer.status, answer.says) for answer in answers)
    for (outcome, status, says), number in kinds.most_common():
        state: State = "ok" if outcome == "delivered" else "problem"
        head = f"HTTP {status}" if status else "no answer"
        page.finding(state, f"{number:,}: {head}{': ' if says else ''}{says}")
        page.note(ALMA[outcome])
    failed = [answer for answer in answers if answer.outcome != "delivered" and answer.id]
    if failed:
        page.note(f"The first ids: {', '.join(answer.id for answer in failed[:_TOLD])}")
