import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from operating import Project

COMMAND = [sys.executable, "-c", "from almahook.cli import main; main()", "events", "tail"]
WAIT_S = 30


@contextmanager
def following(project: Project, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Follow until the block ends; it begins when the command has said where it starts."""
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert pipe(process.stderr).readline().startswith("Waiting for what arrives")
            yield process
        finally:
            process.kill()


def pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def read(process: subprocess.Popen[str]) -> dict:
    return json.loads(pipe(process.stdout).readline())


def test_what_arrives_is_printed_at_once_and_what_was_there_is_not(project):
    project.receive()
    with following(project, "--json") as process:
        for action in ("LOAN", "USER"):
            seq = project.receive(action)
            found = read(process)
            assert (found["number"], found["action"]) == (seq, action)


def test_json_is_the_object_of_the_list_with_readers_hidden(project):
    with following(project, "--json") as process:
        project.receive("USER")
        found = read(process)
    assert (found["subject"], found["states"], found["runs"]) == ("…", ["pending"], [])


def test_a_person_gets_a_line_for_each_event(project):
    with following(project) as process:
        seq = project.receive("LOAN", event="LOAN_RETURNED", loan_id="777")
        number, _, _, name, about = pipe(process.stdout).readline().split()
    assert (number, name, about) == (str(seq), "LOAN_RETURNED", "777")


def test_only_what_is_asked_for_is_printed(project):
    with following(project, "--action", "loan", "--json") as process:
        project.receive("BIB")
        seq = project.receive("LOAN")
        assert read(process)["number"] == seq


def test_following_goes_on_behind_a_number_without_a_gap(project):
    seqs = [project.receive() for _ in range(230)]
    with following(project, "--after", str(seqs[9]), "--json") as process:
        found = [read(process)["number"] for _ in range(220)]
        new = project.receive()
        assert [*found, read(process)["number"]] == [*seqs[10:], new]


def test_an_inbox_without_events_can_be_followed(project):
    with following(project, "--json") as process:
        assert project.receive() == read(process)["number"] == 1


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_in_good_order(project, number, status):
    with following(project, "--json") as process:
        project.receive()
        read(process)
        process.send_signal(number)
        assert process.wait(WAIT_S) == status
        assert pipe(process.stdout).read() == ""
        assert pipe(process.stderr).read() == ""


def test_it_ends_quietly_as_soon_as_nobody_reads_it_any_more(project):
    with following(project, "--json") as process:
        project.receive()
        read(process)
        pipe(process.stdout).close()
        # Nothing more arrives that it could fail to print.
        assert process.wait(WAIT_S) == 0
        assert pipe(process.stderr).read() == ""


def test_it_ends_quietly_when_a_line_cannot_be_written_any_more(project):
    for _ in range(300):
        project.receive()
    with following(project, "--after", "0", "--json") as process:
        read(process)
        pipe(process.stdout).close()
        assert process.wait(WAIT_S) == 0
        assert pipe(process.stderr).read() == ""


def test_a_second_signal_ends_a_process_that_cannot_write(project):
    for _ in range(300):
        project.receive()
    with following(project, "--after", "0", "--json") as process:
        read(process)
        # Nobody reads on, so the pipe is full and the line in hand waits.
        for _ in range(50):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(0.2)
                break
            except subprocess.TimeoutExpired:
                continue
        assert process.wait(WAIT_S) in {0, -signal.SIGTERM}


def test_it_ends_when_its_terminal_is_gone(project):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "--json"], cwd=project.folder, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    try:
        assert b"Waiting" in os.read(ours, 1000)
        os.close(ours)
        assert process.wait(WAIT_S) == 0
    finally:
        process.kill()
        process.wait()
