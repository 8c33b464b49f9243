"""``almahook rejections recheck``."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from almahook.cli.common import JSONOption, SettingsOption, print_json
from almahook.cli.consent import YesOption, require_consent, require_somebody_to_ask
from almahook.cli.output import counted, listed, paragraph, say

if TYPE_CHECKING:
    from almahook.app.recheck import Checked
    from almahook.config import Settings
    from almahook.inbox import Inbox, Receipt


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """A request that became an event, and where it was among the refused ones."""

    rejection: int
    receipt: "Receipt"


def recheck_rejections(
    *,
    yes: YesOption = False,
    as_json: JSONOption = False,
    settings: SettingsOption = None,
) -> None:
    """Verify refused requests again, with the secrets of now, and take in what is right.

    What is taken in is an event like any other from then on. A request whose
    body is not kept in whole cannot be verified.
    """
    from almahook.app.aws_secrets import with_aws_secrets
    from almahook.app.endpoints import make_endpoints
    from almahook.app.first_run import with_kept_secret
    from almahook.app.recheck import recheck_all
    from almahook.cli.looking import open_for_look

    require_somebody_to_ask(yes=yes)
    with open_for_look(settings) as (loaded, inbox):
        endpoints = make_endpoints(with_aws_secrets(with_kept_secret(loaded)))
        checked = list(recheck_all(inbox, endpoints))
        # In the order of their arrival.
        right = [one for one in reversed(checked) if one.event is not None]
        wrong = [one for one in checked if one.event is None]
        if not as_json:
            _tell_found(right, wrong)
        if right:
            require_consent(f"Take in {counted(len(right), 'event')}?", yes=yes)
        taken = _take_in(inbox, loaded, right)
    if as_json:
        print_json(_document(taken, wrong))
    elif taken:
        _tell_taken(taken)


def _take_in(inbox: "Inbox", settings: "Settings", right: Sequence["Checked"]) -> list[Taken]:
    from almahook.app.recheck import take_in
    from almahook.app.registry import load_registry
    from almahook.app.replay import Wish, replay

    # Before anything is changed: a handler that cannot be loaded stops here.
    registry = load_registry(settings) if settings.mode == "direct" and right else None
    taken = [Taken(rejection=one.rejection.id, receipt=take_in(inbox, one)) for one in right]
    if registry is not None:
        # In this mode the request is what runs the handlers, and these were answered long ago.
        new = [one.receipt.seq for one in taken if not one.receipt.duplicate]
        list(replay(inbox, registry, new, Wish(), now=time.time()))
    return taken


def _document(taken: Sequence[Taken], wrong: Sequence["Checked"]) -> dict[str, Any]:
    return {
        "taken_in": [
            {
                "rejection": one.rejection,
                "event": one.receipt.seq,
                "duplicate": one.receipt.duplicate,
            }
            for one in taken
        ],
        "left": [
            {"rejection": one.rejection.id, "code": one.code, "reason": one.reason} for one in wrong
        ],
    }


def _tell_found(right: Sequence["Checked"], wrong: Sequence["Checked"]) -> None:
    total = counted(len(right) + len(wrong), "refused request")
    say(f"{total}, of which {len(right):,} would be accepted now.")
    for reason, number in Counter(one.reason for one in wrong).most_common():
        for line in paragraph(f"{number:,} would not: {reason}", indent=2):
            say(line)


def _tell_taken(taken: Sequence[Taken]) -> None:
    new = [one.receipt.seq for one in taken if not one.receipt.duplicate]
    known = len(taken) - len(new)
    if new:
        for line in paragraph(f"Taken in {counted(len(new), 'event')}: {listed(new)}"):
            say(line)
        say("almahook serve or almahook work runs their handlers.")
    if known:
        say(f"{counted(known, 'event')} had arrived by now in another way, and are kept once.")
