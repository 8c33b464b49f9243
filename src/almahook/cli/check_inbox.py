"""Checks the inbox: its file, its disk, its schema, what waits in it, and what Alma has sent.

Of an inbox on AWS only what waits in it and what Alma has sent is to be seen from here.
"""

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from almahook.app.stores import aws_name, inbox_file, open_existing_inbox
from almahook.cli.advice import advice
from almahook.cli.finding import Finding, ago, ok, problem, warning
from almahook.cli.probe import is_probe
from almahook.config import Settings
from almahook.errors import AlmaHookError
from almahook.inbox import EventFilter, Inbox, Rejection
from almahook.inbox.sqlite.schema import schema_of
from almahook.inbox.sqlite.sql import load_migrations

_MOUNTS = Path("/proc/mounts")
_GONE_AT_RESTART = {"tmpfs", "ramfs"}
_OF_THE_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs"}
_LITTLE_BYTES = 1_000_000_000
_TOO_LITTLE_BYTES = 50_000_000

_PENDING_S = 60.0
_WAITING_S = 3600.0
_SILENCE_S = 7 * 86_400.0
_LOOKED_AT = 200
_NO_WORKER = "Run one: almahook serve (with worker = true), or almahook work beside it."
_NO_FUNCTION = "Look in CloudWatch, under Log groups, what the function that works says."
_NOT_MINE = stat.S_IRWXG | stat.S_IRWXO


def check_inbox(settings: Settings, *, now: float) -> Iterator[Finding]:
    """Look at the inbox; it works whether or not a listener has it open."""
    try:
        if aws_name(settings) is None:
            file = inbox_file(settings).absolute()
            yield from _file(file)
            if not is_current(file):
                yield from _schema(file)
                return
        with closing(open_existing_inbox(settings)) as inbox:
            is_on_aws = aws_name(settings) is not None
            if is_on_aws:
                yield ok("inbox", f"The inbox {settings.inbox} can be read.")
            yield from _backlog(inbox, now, no_worker=_NO_FUNCTION if is_on_aws else _NO_WORKER)
            for profile in settings.profiles:
                yield from _history(inbox, profile, now)
    except AlmaHookError as error:
        yield problem("inbox", error.message, "almahook serve answers 503 until it can be used.")


def _file(file: Path) -> Iterator[Finding]:
    place = next(path for path in (file, *file.parents) if path.exists())
    if not os.access(place, os.W_OK):
        yield problem(
            "inbox",
            f"{place} cannot be written by this user.",
            "Run almahook as the user that it belongs to, or give it to this one: "
            f"chown -R $USER {place}",
        )
    elif not file.exists():
        yield warning(
            "inbox",
            f"There is no inbox {file} yet.",
            "almahook serve makes it. If it runs, it has other settings: name them with "
            "--settings FILE.",
        )
    else:
        yield _writable(file)
    yield from _disk(place)
    if file.exists() and file.stat().st_mode & _NOT_MINE:
        yield warning(
            "privacy",
            f"{file} holds patron data, and others on this machine may read it.",
            f"chmod 600 {file}",
        )


def _writable(file: Path) -> Finding:
    """Begin to write, and take it back: a listener that runs does not notice."""
    try:
        with closing(sqlite3.connect(file, timeout=3.0, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.DatabaseError as error:
        return problem(
            "inbox",
            f"{file} cannot be written now: {error}.",
            "Look whether the disk is full, and whether another program holds the file.",
        )
    return ok("inbox", f"The inbox {file} can be written.")


def _disk(place: Path) -> Iterator[Finding]:
    kind = _filesystem(place)
    if kind in _GONE_AT_RESTART:
        yield problem(
            "disk",
            f"{place} is in memory ({kind}): every event is lost at a restart.",
            'Set inbox to a file on a disk, for example inbox = "sqlite:/srv/almahook/inbox.db".',
        )
    elif kind in _OF_THE_NETWORK:
        yield problem(
            "disk",
            f"{place} is on a network disk ({kind}), where SQLite cannot promise that what is "
            "written stays written.",
            "Set inbox to a file on a disk of this machine.",
        )
    elif kind == "overlay":
        yield warning(
            "disk",
            f"{place} is in the layer of a container: it is gone with the container.",
            "Mount a volume there (docs/deploy.md).",
        )
    yield _space(place)


def _space(place: Path) -> Finding:
    free = shutil.disk_usage(place).free
    told = f"{free / 1e9:,.1f} GB are free on the disk of {place}."
    if free < _TOO_LITTLE_BYTES:
        return problem("disk", told, "Make room: a full disk is answered 503.")
    if free < _LITTLE_BYTES:
        return warning("disk", told, "Make room, or lower retention_days.")
    return ok("disk", told)


def _filesystem(place: Path) -> str:
    """Return the kind of file system, where the system tells; empty elsewhere."""
    try:
        lines = _MOUNTS.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    mounts = {fields[1]: fields[2] for fields in map(str.split, lines) if len(fields) > 2}  # noqa: PLR2004 - device, place, kind
    resolved = place.resolve()
    return next((mounts[str(p)] for p in (resolved, *resolved.parents) if str(p) in mounts), "")


def is_current(file: Path) -> bool:
    """Say whether there is an inbox that this release can open without changing it.

    Raises:
        InboxUnavailableError: The file cannot be read, or is no database.
    """
    return file.exists() and schema_of(file) == max(load_migrations())


def _schema(file: Path) -> Iterator[Finding]:
    if not file.exists():
        return
    present, newest = schema_of(file), max(load_migrations())
    text = f"The inbox has the schema {present}, and this release {newest}."
    if present > newest:
        yield problem(
            "schema", f"{text} A newer release wrote it.", "Install that release here too."
        )
    else:
        yield warning(
            "schema",
            text,
            "Stop the listener, and type almahook migrate; or restart it, which does the same.",
        )


def _backlog(inbox: Inbox, now: float, *, no_worker: str) -> Iterator[Finding]:
    backlog = inbox.backlog()
    age_s = now - backlog.oldest_at if backlog.oldest_at is not None else 0.0
    if backlog.parked:
        yield warning(
            "parked",
            f"Given up and waiting for a person: {backlog.parked:,}.",
            "See why: almahook events list --state parked. When the cause is gone: almahook "
            "events replay",
        )
    if backlog.pending and age_s > _PENDING_S:
        yield problem(
            "backlog",
            f"{backlog.pending:,} events wait for a worker, the oldest since {ago(age_s)}.",
            no_worker,
        )
    elif backlog.waiting and age_s > _WAITING_S:
        yield warning(
            "backlog",
            f"{backlog.waiting:,} runs wait, the oldest event came {ago(age_s)}.",
            "See why they are tried again: almahook events list --state waiting",
        )
    else:
        waits = backlog.pending + backlog.waiting + backlog.running
        yield ok("backlog", f"In work or waiting: {waits:,}.")


def _history(inbox: Inbox, profile: str, now: float) -> Iterator[Finding]:
    """Say what has come for a profile, and whether Alma is being refused."""
    newest = next(iter(inbox.events(EventFilter(profile=profile), limit=1)), None)
    came_at = newest.received_at if newest else 0.0
    yield from _refused(inbox.rejections(limit=_LOOKED_AT, profile=profile), profile, came_at, now)
    if newest is None:
        yield warning(
            "alma",
            f"Nothing has come for the profile {profile} yet.",
            "In Alma, press Activate in the integration profile, and choose subscriptions. To try "
            "it without Alma: almahook send LOAN",
        )
        return
    what = f"{newest.action} {newest.event}".strip()
    text = f"The last event for the profile {profile} came {ago(now - came_at)}: {what}."
    if now - came_at > _SILENCE_S:
        fix = (
            "If that is unusual, look in Alma whether the profile is active: a sandbox that was "
            "copied anew is not."
        )
        yield warning("alma", text, fix)
    else:
        yield ok("alma", text)


def _refused(
    rejections: Sequence[Rejection], profile: str, came_at: float, now: float
) -> Iterator[Finding]:
    """Tell the last refusal, if no event has come since."""
    last = next((one for one in rejections if _counts(one)), None)
    if last is None or last.at < came_at:
        return
    text = f"The last request for the profile {profile}, {ago(now - last.at)}, was refused: "
    fix = advice(last.code, profile=profile)
    is_fault = last.code in {"signature.mismatch", "signature.no_secret", "body.too_large"}
    yield (problem if is_fault else warning)("alma", text + last.reason, fix)


def _counts(rejection: Rejection) -> bool:
    """Pass over what was no event: a browser's visit, and this check-up's own questions."""
    return rejection.code != "challenge.missing" and not is_probe(rejection.body)
