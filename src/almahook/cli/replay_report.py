"""What a replay has done, for a program and for a person."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from almahook.app.replay import NotReplayed, Replayed
from almahook.cli.entry import run_entry
from almahook.cli.output import counted, listed, paragraph, remark, say
from almahook.errors import InboxUnavailableError

Result = Replayed | NotReplayed


def collect(results: Iterable[Result]) -> list[Result]:
    """Carry a replay out; if it is cut short it says how far it came: nothing is taken back."""
    collected: list[Result] = []
    try:
        for result in results:
            collected.append(result)  # noqa: PERF402 - an interruption leaves what is done
    except (KeyboardInterrupt, InboxUnavailableError):
        remark(f"Stopped. Replayed so far: {counted(len(collected), 'event')}.")
        raise
    return collected


def has_failed(results: Iterable[Result]) -> bool:
    """Say whether there is anything that could not be replayed."""
    return any(isinstance(result, NotReplayed) for result in results)


def document(results: Sequence[Result]) -> dict[str, Any]:
    """Write it as JSON; these keys are stable."""
    done, failed = _parted(results)
    return {
        "replayed": [
            {"number": one.seq, "runs": [run_entry(run) for run in one.runs]} for one in done
        ],
        "not_replayed": [
            {"number": one.seq, "code": one.error.code, "reason": one.error.message}
            for one in failed
        ],
    }


def tell(results: Sequence[Result]) -> None:
    """Say it to a person."""
    done, failed = _parted(results)
    if done:
        handlers = Counter(run.handler for one in done for run in one.runs)
        runs = ", ".join(f"{name} {number:,}" for name, number in handlers.items())
        for line in paragraph(f"Replayed {counted(len(done), 'event')}: {runs}"):
            say(line)
        say("Their runs wait in the inbox now: almahook serve or almahook work runs them.")
    reasons: dict[str, list[int]] = {}
    for one in failed:
        reasons.setdefault(one.error.message, []).append(one.seq)
    for reason, seqs in reasons.items():
        for line in paragraph(f"Not replayed: {listed(seqs)}. {reason}"):
            remark(line)
    if not results:
        remark("There is nothing to replay.")


def _parted(results: Iterable[Result]) -> tuple[list[Replayed], list[NotReplayed]]:
    done: list[Replayed] = []
    failed: list[NotReplayed] = []
    for result in results:
        if isinstance(result, Replayed):
            done.append(result)
        else:
            failed.append(result)
    return done, failed
