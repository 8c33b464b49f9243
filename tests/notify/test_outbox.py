import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almahook.errors import NotifyError
from almahook.notify import Message, Outbox, read_outbox

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def message(text: str = "The job is done.") -> Message:
    return Message(kind="sms", to="+442079460123", text=text, subject="Job", at=AT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "outbox.jsonl"


def test_the_file_is_for_its_owner_only(path: Path) -> None:
    Outbox(path).add(message())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_message_is_one_line_of_json(path: Path) -> None:
    Outbox(path).add(message("two\nlines"))
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert line == (
        '{"kind":"sms","to":"+442079460123","text":"two\\nlines","subject":"Job",'
        '"at":"2026-11-24T12:00:00Z"}'
    )


def test_an_outbox_goes_on_where_another_ended(path: Path) -> None:
    Outbox(path).add(message("one"))
    Outbox(path).add(message("two"))
    assert [found.text for found in read_outbox(path)] == ["one", "two"]


def test_a_file_that_is_not_there_is_empty(path: Path) -> None:
    assert read_outbox(path) == []


def test_a_line_that_was_cut_short_hides_no_other(path: Path) -> None:
    Outbox(path).add(message("one"))
    with path.open("ab") as file:
        file.write(b'{"kind":"sms","to\n\xff\n')
    Outbox(path).add(message("two"))
    assert [found.text for found in read_outbox(path)] == ["one", "two"]


def test_the_repr_shows_neither_who_nor_what() -> None:
    outbox = Outbox()
    outbox.add(message())
    shown = repr(outbox.messages) + repr(outbox)
    assert not [hidden for hidden in ("442079460123", "job", "Job") if hidden in shown]


def test_threads_and_processes_do_not_mix_their_lines(path: Path) -> None:
    text = "x" * 20_000
    code = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from almahook.notify import Message, Outbox\n"
        "box = Outbox(Path(sys.argv[1]))\n"
        "for _ in range(50):\n"
        "    box.add(Message(kind='chat', to='', text='y' * 20_000, at=datetime.now(UTC)))"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(path)])
    outbox = Outbox(path)
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(outbox.add, message(text)) for _ in range(100)]:
            done.result()
    assert other.wait(60) == 0
    found = [one.text for one in read_outbox(path)]
    assert (found.count(text), found.count("y" * 20_000), len(found)) == (100, 50, 150)


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotifyError, match="outbox cannot be written"):
        Outbox(tmp_path).add(message())


def test_a_full_disk_is_an_error() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(NotifyError, match="outbox cannot be written"):
        Outbox(full).add(message())


def test_memory_is_bounded() -> None:
    outbox = Outbox()
    for number in range(1001):
        outbox.add(message(str(number)))
    assert len(outbox.messages) == 1000
    assert outbox.messages[-1].text == "1000"


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outbox.jsonl"
        Outbox(path).add(message(text))
        assert [found.text for found in read_outbox(path)] == [text]
