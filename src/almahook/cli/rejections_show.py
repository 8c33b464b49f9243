"""``almahook rejections show``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from almahook.cli.common import JSONOption, SettingsOption, print_json
from almahook.cli.events_show import BodyOption, NumberArgument, require_one_form
from almahook.errors import NotFoundError

if TYPE_CHECKING:
    from almahook.inbox import Inbox, Rejection


def show_rejection(
    number: NumberArgument,
    *,
    body: BodyOption = False,
    as_json: JSONOption = False,
    settings: SettingsOption = None,
) -> None:
    """Show a refused request, and say what can be done about it."""
    from almahook.cli.entry import rejection_entry
    from almahook.cli.looking import open_for_look
    from almahook.cli.output import say, write_body

    require_one_form(body=body, as_json=as_json)
    with open_for_look(settings) as (_, inbox):
        rejection = _find(inbox, number)
    if body:
        write_body(rejection.body)
    elif as_json:
        print_json(rejection_entry(rejection))
    else:
        for line in _lines(rejection):
            say(line)


def _find(inbox: "Inbox", number: int) -> "Rejection":
    found = inbox.rejections(limit=1, before=number + 1)
    if not found or found[0].id != number:
        raise NotFoundError(f"There is no refused request {number} in the inbox.")
    return found[0]


def _lines(rejection: "Rejection") -> Iterator[str]:
    from almahook.cli.advice import advice
    from almahook.cli.moment import local_time
    from almahook.cli.output import fact, paragraph

    kept = len(rejection.body)
    is_whole = kept == rejection.size
    yield f"Refused request {rejection.id}"
    yield from fact("received", local_time(rejection.at))
    yield from fact("profile", rejection.profile)
    yield from fact("method", rejection.method)
    yield from fact("answer", str(rejection.status))
    yield from fact("reason", f"{rejection.reason} [{rejection.code}]")
    yield from fact("type", rejection.content_type)
    yield from fact(
        "body", f"{rejection.size:,} bytes, " + ("all kept" if is_whole else f"{kept:,} kept")
    )
    if text := advice(rejection.code, profile=rejection.profile):
        yield ""
        yield from paragraph(text)
