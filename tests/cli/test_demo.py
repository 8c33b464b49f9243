import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from rich.console import Console

from almahook.cli.demo_count import DUPLICATES, SENT, STORED, TEXTS, Book, check
from almahook.cli.demo_play import compare
from almahook.cli.demo_stage import set_stage
from almahook.cli.demo_teller import Teller

COMMAND = [sys.executable, "-c", "from almahook.cli import main; main()", "demo"]
WAIT_S = 60


@contextmanager
def running_demo(tmp_path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            return said
    pytest.fail(said)


def assert_all_gone(said: str, folder: Path) -> None:
    for address in set(re.findall(r"http://[\d.]+:\d+", said)):
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(address)
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [*COMMAND, "--count", "80"],
        capture_output=True,
        check=False,
        text=True,
        timeout=WAIT_S,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(folder.iterdir()) == []
    return done.stdout


def test_the_demonstration_ends_by_itself_and_every_count_is_what_alma_sent(output):
    for name in (SENT, STORED, DUPLICATES, "Refused: ", "Handled", TEXTS):
        row = next(line for line in output.splitlines() if line.strip().startswith(name))
        assert "✓" in row
    assert "✗" not in output


def test_the_demonstration_shows_the_challenge_a_text_and_each_reason_for_a_refusal(output):
    assert 'profile main: from "Pending activation" to "Active"' in output
    assert "to +15550100123: The job Export Physical Items has completed." in output
    assert "The job Filter set by indication has failed." in output
    assert "job_end skipped: no person submitted this job" in output
    assert "no second text" in output
    assert re.findall(r"answers HTTP (\d+):", output) == ["401", "401", "400", "400", "413"]
    assert "# handlers/portfolio_created.py" in output


def test_piped_output_is_plain_text_of_eighty_columns_with_a_line_each_tenth(output):
    assert "\x1b" not in output
    assert max(map(len, output.splitlines())) <= 80
    assert "answered 8 of 80\n" in output
    assert "answered 80 of 80\n" in output


def test_with_stay_everything_runs_until_it_is_interrupted_and_is_removed_then(tmp_path):
    with running_demo(tmp_path, "--stay", "--count", "20") as process:
        said = read_until(process, "almahook send LOAN")
        listener, alma = re.findall(r"(?m)^ +(?:listener|Alma) +(http://\S+)$", said)
        assert httpx2.get(f"{listener}/readyz").status_code == 200
        assert "A pretend Alma" in httpx2.get(alma).text
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) == 0
    assert_all_gone(said, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_in_the_middle_removes_everything_and_is_no_success(tmp_path, number):
    with running_demo(tmp_path, "--count", "20000") as process:
        said = read_until(process, "A busy day")
        process.send_signal(number)
        assert process.wait(WAIT_S) == 130
    assert_all_gone(said, tmp_path)


def test_with_keep_the_folder_stays(tmp_path):
    with running_demo(tmp_path, "--keep", "--count", "20") as process:
        read_until(process, "Every count is what Alma sent")
        assert process.wait(WAIT_S) == 0
    (folder,) = tmp_path.iterdir()
    assert {"inbox.db", "outbox.jsonl", "counts.csv", "almahook.toml"} <= {
        file.name for file in folder.iterdir()
    }


def test_a_count_that_is_not_what_alma_sent_is_named():
    expected = {STORED: 2000, TEXTS: 30}

    assert check(expected, {STORED: 2000, TEXTS: 30}) == []
    assert check(expected, {STORED: 1999, TEXTS: 30}) == [f"{STORED}: 1,999 instead of 2,000"]
    assert check(expected, {**expected, "Refused: odd": 1}) == ["Refused: odd: 1 instead of 0"]


def test_an_event_that_nobody_accounts_for_makes_the_status_one(tmp_path):
    shown = Console(file=io.StringIO(), width=80)
    with set_stage(tmp_path) as stage:
        stage.alma.activate(stage.main)
        unaccounted = stage.alma.send(stage.main, stage.alma.message("LOAN"))
        unaccounted.wait(WAIT_S)

        assert compare(stage, Book(), Teller(shown)) == 1
    assert f"{STORED}: 1 instead of 0" in shown.file.getvalue()
