import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from almahook.inbox import EventFilter, RunState
from almahook.inbox.sqlite import SQLiteInbox
from asking import answered
from operating import SECRET, Project

PAGE = (Path(__file__).parents[2] / "docs" / "operate.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if "umask" not in block]
INLINE = re.findall(r"`(almahook [a-z]+[^`\n]*)`", PAGE)
DATABASE = "data/almahook.db"
WAIT_S = 30

# Who types these is asked, and is answered on a terminal.
ASKING = ("almahook events replay --state parked --handler job_end", "almahook rejections recheck")
TAIL = next(line for line in COMMANDS if "tail" in line)
RESTORE = next(block for block in BLOCKS if block.startswith("rm "))
BACKUPS = [block for block in BLOCKS if "umask" in block]
PLAIN = [line for line in COMMANDS if line not in {*ASKING, TAIL, *RESTORE.splitlines()}]


@pytest.fixture
def listener(tmp_path):
    """Make the folder that the page speaks of: event 7 is parked, and more besides."""
    project = Project(tmp_path, database=DATABASE)
    for number in range(1, 13):
        if number == 7:
            project.ended(RunState.PARKED, action="JOB_END", handler="job_end", error="no file")
        else:
            project.ended(RunState.SUCCEEDED, event="LOAN_RETURNED")
    project.refuse()
    project.refuse(secret=SECRET)
    call = f'#!/bin/sh\nexec "{sys.executable}" -c "from almahook.cli import main; main()" "$@"\n'
    project.write("bin/almahook", call).chmod(0o755)
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    yield project
    project.inbox.close()


def start(project: Project, script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["sh", "-ec", script],
        cwd=project.folder,
        env={**os.environ, "PATH": f"{project.folder / 'bin'}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(project: Project, script: str) -> tuple[int, str, str]:
    with start(project, script) as process:
        out, err = process.communicate(timeout=WAIT_S)
    return process.returncode, out, err


def stored(inbox: SQLiteInbox) -> list[int]:
    return [event.seq for event in inbox.events(EventFilter(), limit=10_000, after=0)]


@pytest.mark.parametrize("command", PLAIN)
def test_every_command_of_the_page_does_what_was_asked(listener, command):
    status, out, err = run(listener, command)
    assert status == 0, err
    assert out or "> body.json" in command or "There is n" in err


@pytest.mark.parametrize("command", ASKING)
def test_every_command_of_the_page_that_asks_is_answered(listener, command):
    status, said = answered(listener.folder, *command.split()[1:], answer=b"y\n")
    assert status == 0, said
    assert "Replayed 1 event" in said or "Taken in 1 event" in said


def test_the_command_of_the_page_that_follows_prints_what_arrives_and_ends(listener):
    process = start(listener, TAIL)
    try:
        assert process.stderr is not None
        assert "Waiting" in process.stderr.readline()
        listener.receive("JOB_END")
        out, _ = process.communicate(timeout=WAIT_S)
        assert process.returncode == 0
        assert '"action":"JOB_END"' in out
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def test_the_page_shows_a_list_as_it_is(listener):
    (shown,) = re.findall(r"^```text\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    printed = run(listener, "almahook events list")[1].splitlines()
    heads = [shown.splitlines()[0].split(), printed[0].split()]
    assert heads[0] == heads[1]
    row = r" +\d+  \w{3} [ \d]\d \d\d:\d\d  \w+ +\d+ +[a-z]+"
    assert all(re.fullmatch(row, line) for line in [*shown.splitlines()[1:], *printed[1:]])


def test_every_command_that_the_page_mentions_exists(listener):
    mentioned = {" ".join(re.findall(r"^almahook|(?<= )[a-z]+", one)) for one in INLINE}
    assert "almahook events tail" in mentioned
    for command in mentioned:
        status, _, err = run(listener, f"{command} --help")
        assert status == 0, err


def test_the_body_that_the_page_writes_to_a_file_is_the_events(listener):
    run(listener, next(line for line in PLAIN if "body.json" in line))
    assert (listener.folder / "body.json").read_bytes() == listener.inbox.event(7).body


@pytest.mark.parametrize("script", BACKUPS, ids=["sqlite3", "python"])
def test_a_backup_is_whole_though_the_listener_receives_all_the_time(listener, script):
    if "\nsqlite3 " in script and shutil.which("sqlite3") is None:
        pytest.skip("there is no command sqlite3 here")
    before = stored(listener.inbox)
    stopping = threading.Event()

    def receive() -> None:
        while not stopping.is_set():
            listener.receive()

    receiving = threading.Thread(target=receive)
    receiving.start()
    try:
        status, _, err = run(listener, script)
    finally:
        stopping.set()
        receiving.join()
    assert status == 0, err
    (copy,) = {listener.folder / name for name in ("backup.db", "copy.db")} & set(
        listener.folder.iterdir()
    )
    assert copy.stat().st_mode & 0o077 == 0
    inbox = SQLiteInbox(copy)
    kept = stored(inbox)
    inbox.close()
    assert kept[: len(before)] == before
    assert kept == stored(listener.inbox)[: len(kept)]


def test_a_backup_can_be_put_back(listener):
    before = stored(listener.inbox)
    run(listener, BACKUPS[1].replace("copy.db", "backup.db"))
    listener.receive()
    listener.inbox.close()
    status, _, err = run(listener, RESTORE)
    assert status == 0, err
    listener.inbox = SQLiteInbox(listener.folder / DATABASE)
    assert stored(listener.inbox) == before


@pytest.mark.parametrize("state", ["pending", "unhandled", *RunState])
def test_every_state_is_explained(state):
    assert f"\n| `{state}` |" in PAGE


def keys(row: str) -> list[str]:
    (found,) = re.findall(rf"^\| {re.escape(row)}.*?\| (.*) \|$", PAGE, re.MULTILINE)
    return re.findall(r"`(\w+)`", found)


def test_the_keys_of_the_page_are_those_of_the_output(almahook, project):
    seq = project.ended(RunState.PARKED, action="JOB_END", handler="job_end")
    number = project.refuse()
    listed = almahook("events", "list", "--json").json
    shown = almahook("events", "show", seq, "--json").json
    (run_,) = shown["runs"]
    assert keys("`events list") == [*listed]
    assert keys("`events show") == [*shown] == [*listed["events"][0]]
    assert keys("each of `runs`") == [*[key for key in run_ if key != "history"], "show", "history"]
    assert keys("each of `history`") == [*run_["history"][0]]
    replayed = almahook("events", "replay", seq, 99, "--json").json
    entries = [*replayed["replayed"][0], *replayed["not_replayed"][0]]
    assert sorted(keys("`events replay")) == sorted([*replayed, *entries])
    refused = almahook("rejections", "list", "--json").json
    assert keys("`rejections list") == [*refused]
    assert keys("`rejections show") == [*almahook("rejections", "show", number, "--json").json]
    project.refuse(secret=SECRET)
    checked = almahook("rejections", "recheck", "--yes", "--json").json
    entries = [*checked["taken_in"][0], *checked["left"][0]]
    assert sorted(keys("`rejections recheck")) == sorted([*checked, *entries])
    assert keys("`purge") == [*almahook("purge", "--yes", "--json").json]
    assert keys("`migrate") == [*almahook("migrate", "--json").json]
