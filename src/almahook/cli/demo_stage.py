"""What the demonstration runs on: a pretend Alma here, the listener in a process of its own."""

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from almahook.cli.demo_wait import until
from almahook.errors import ConfigurationError
from almahook.inbox import Inbox
from almahook.inbox.sqlite import SQLiteInbox
from almahook.simulator import Profile, Simulator

# An hour of Alma's is a second here, should the machine be so busy that Alma has to try again.
_TIME_SCALE = 3600.0
_START_S = 30.0
_STOP_S = 10.0
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")

MAX_BODY_BYTES = 1_000_000

_SETTINGS = """\
# Written by almahook demo.
host = "127.0.0.1"
port = 0
inbox = "sqlite:inbox.db"
handlers = "handlers"
max_body_bytes = {max_body_bytes}

[profiles.main]
secrets = ["env:DEMO_SECRET"]
api_key = "env:DEMO_API_KEY"
api_url = "{api_url}"

[profiles.xml]
secrets = ["env:DEMO_SECRET"]
api_key = "env:DEMO_API_KEY"
api_url = "{api_url}"

[notify]
default_country = "US"
dry_run = true
outbox = "outbox.jsonl"
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listener:
    """``almahook serve``, as it runs now."""

    url: str
    process: subprocess.Popen[bytes]

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, which it does not do by itself."""
        return self.process.poll() is not None

    def webhook(self, profile: str) -> str:
        """Return the URL that an integration profile is given."""
        return f"{self.url}/webhooks/{profile}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """Everything that runs, and the folder it works in.

    Attributes:
        inbox: The listener's SQLite file, opened a second time, to see what is in it.
        main: Alma's integration profile that sends JSON.
        xml: The one that sends XML.
    """

    folder: Path
    alma: Simulator
    listener: Listener
    inbox: Inbox
    secret: str = field(repr=False)
    main: Profile
    xml: Profile

    @property
    def outbox(self) -> Path:
        """Where the texts go."""
        return self.folder / "outbox.jsonl"

    @property
    def counts(self) -> Path:
        """Where the handler counts.py writes."""
        return self.folder / "counts.csv"

    @property
    def log(self) -> str:
        """What the listener has written so far."""
        return _log(self.folder).read_text("utf-8", "replace")


@contextmanager
def temporary_folder(*, keep: bool) -> Iterator[Path]:
    """Make a folder for one demonstration, and delete it at the end unless it is to be kept."""
    folder = Path(tempfile.mkdtemp(prefix="almahook-demo-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def set_stage(folder: Path) -> Iterator[Stage]:
    """Start everything, and end all of it again.

    Raises:
        ConfigurationError: The listener did not start.
    """
    secret = secrets.token_hex(8)
    with Simulator(time_scale=_TIME_SCALE) as alma:
        _write_files(folder, alma)
        names = {"DEMO_SECRET": secret, "DEMO_API_KEY": alma.api_key}
        with (
            _listener(folder, names) as listener,
            closing(SQLiteInbox(folder / "inbox.db")) as inbox,
        ):
            yield Stage(
                folder=folder,
                alma=alma,
                listener=listener,
                inbox=inbox,
                secret=secret,
                main=alma.add_profile("main", url=listener.webhook("main"), secret=secret),
                xml=alma.add_profile(
                    "xml", url=listener.webhook("xml"), secret=secret, message_type="XML"
                ),
            )


def settings_file(folder: Path) -> Path:
    """Return where the listener's settings are."""
    return folder / "almahook.toml"


def _log(folder: Path) -> Path:
    return folder / "listener.log"


def _write_files(folder: Path, alma: Simulator) -> None:
    settings = _SETTINGS.format(api_url=alma.api_url, max_body_bytes=MAX_BODY_BYTES)
    settings_file(folder).write_text(settings, "utf-8")
    handlers = folder / "handlers"
    handlers.mkdir()
    for package, name in (
        ("almahook.handlers.templates", "job_end.py"),
        ("almahook.cli.demo_handlers", "counts.py"),
    ):
        (handlers / name).write_bytes((resources.files(package) / name).read_bytes())


@contextmanager
def _listener(folder: Path, names: Mapping[str, str]) -> Iterator[Listener]:
    with _log(folder).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - it is this program itself
            [
                *(sys.executable, "-c", "from almahook.cli import main; main()"),
                *("serve", "--settings", str(settings_file(folder))),
            ],
            cwd=folder,
            env=_environment(names),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C is for the demonstration, which then ends the listener in good order.
            start_new_session=True,
        )
    try:
        yield Listener(url=_address(folder, process), process=process)
    finally:
        _end(process)


def _environment(names: Mapping[str, str]) -> dict[str, str]:
    """Leave out the settings of the user's own listener."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("ALMAHOOK_")}
    return {**own, **names, "PYTHONUNBUFFERED": "1"}


def _address(folder: Path, process: subprocess.Popen[bytes]) -> str:
    found = None

    def is_there() -> bool:
        nonlocal found
        found = _ADDRESS.search(_log(folder).read_text("utf-8", "replace"))
        return found is not None or process.poll() is not None

    until(is_there, timeout_s=_START_S)
    if found is None:
        said = _log(folder).read_text("utf-8", "replace").strip() or "It said nothing."
        raise ConfigurationError(f"The listener did not start. {said}")
    return str(found[0])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
