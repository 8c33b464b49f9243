"""The settings of the listener on AWS: those of this folder, with the secrets that AWS keeps."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from almahook.config import NotifySettings, ProfileSettings, Settings, is_kept_by_aws
from almahook.config.settings import Table

# What the templates decide, or a function has no use for.
_ELSEWHERE = frozenset(
    {
        "inbox",
        "host",
        "port",
        "mode",
        "handlers",
        "worker",
        "public_url",
        "body_timeout_s",
        "max_pending_events",
        "worker_poll_s",
        "stop_timeout_s",
        "metrics",
        "log_level",
        "log_format",
        "profiles",
        "notify",
    }
)
_HEAD = """\
# The settings of the listener on AWS, for the functions and for the commands that look at it:
#     almahook events list --settings {file}
# The secrets lie in AWS Secrets Manager, by the names below; README.md says how to put them there.
# After a change: almahook aws init --overwrite (what the functions may read), build, deploy.
"""


def aws_settings_file(settings: Settings, *, folder: Path, file: Path, inbox: str) -> str:
    """Write the file.

    Args:
        settings: Those of the listener here.
        folder: Where the file will be.
        file: How its path is written in a command.
        inbox: The inbox on AWS.
    """
    handlers = os.path.relpath(settings.path(settings.handlers), folder)
    head = {"inbox": inbox, "handlers": Path(handlers).as_posix()}
    return "\n".join([_HEAD.format(file=file.as_posix()), *_lines(settings, head), ""])


def _lines(settings: Settings, head: dict[str, Any]) -> Iterator[str]:
    yield from _assignments(head)
    yield from _assignments(_changed(settings, Table, _ELSEWHERE))
    for name, profile in settings.profiles.items():
        yield from ("", f"[profiles.{name}]")
        yield from _assignments(_profile(name, profile))
    notify = _notify(settings.notify)
    if notify:
        yield from ("", "[notify]")
        yield from _assignments(notify)


def _profile(name: str, profile: ProfileSettings) -> dict[str, Any]:
    secrets = _kept_by_aws(profile.secrets or [""], f"almahook/{name}/webhook-secret")
    keys = _kept_by_aws([profile.api_key], f"almahook/{name}/api-key") if profile.api_key else []
    key = {"api_key": keys[0]} if keys else {}
    others = _changed(profile, ProfileSettings, frozenset({"secrets", "api_key"}))
    return {"secrets": secrets, **key, **others}


def _notify(notify: NotifySettings) -> dict[str, Any]:
    lists = {
        name: _kept_by_aws(urls, f"almahook/notify/{name}")
        for name in ("sms", "mail", "chat")
        if (urls := getattr(notify, name))
    }
    others = _changed(notify, NotifySettings, frozenset({*lists, "outbox"}))
    # The one folder that a function can write to.
    outbox = {"outbox": "/tmp/outbox.jsonl"} if notify.dry_run else {}  # noqa: S108
    return {**lists, **others, **outbox}


def _kept_by_aws(references: Sequence[str], name: str) -> list[str]:
    """Leave the references to AWS as they are, and let the others be moved there."""
    moved = [reference for reference in references if not is_kept_by_aws(reference)]
    names = iter([name, *(f"{name}-{number}" for number in range(2, len(moved) + 1))])
    return [
        reference if is_kept_by_aws(reference) else f"aws-secretsmanager:{next(names)}"
        for reference in references
    ]


def _changed(value: Any, kind: type[msgspec.Struct], left_out: frozenset[str]) -> dict[str, Any]:
    """Return what is not as it is by default."""
    default = kind()
    return {
        name: getattr(value, name)
        for name in kind.__struct_fields__
        if name not in left_out and getattr(value, name) != getattr(default, name)
    }


def _assignments(values: dict[str, Any]) -> Iterator[str]:
    # A text, a list of texts, a number and a truth value look the same in TOML as in JSON.
    return (f"{name} = {json.dumps(value)}" for name, value in values.items())
