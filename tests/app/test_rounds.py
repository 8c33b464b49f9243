"""Many connections that bring a request in the same turn of the event loop."""

import signal
from contextlib import ExitStack
from pathlib import Path

from almahook.inbox import EventFilter
from almahook.inbox.sqlite import SQLiteInbox
from listening import FORGED, Wire, command, make_settings, message


def test_of_more_requests_than_a_round_takes_each_gets_its_own_answer(tmp_path: Path) -> None:
    make_settings(tmp_path)
    (tmp_path / "handlers").mkdir()
    with command(tmp_path, "serve", "--no-worker") as serve, ExitStack() as open_wires:
        url = serve.address()
        wires = [open_wires.enter_context(Wire(url)) for _ in range(100)]
        for number, wire in enumerate(wires):
            wire.post(message(f"before {number}"))
            assert wire.status() == 200
        # What comes while it stands still it finds all at once.
        serve.process.send_signal(signal.SIGSTOP)
        for number, wire in enumerate(wires):
            if number % 10:
                wire.post(message(str(number)))
            else:
                wire.send(FORGED)
        serve.process.send_signal(signal.SIGCONT)
        assert [wire.status() for wire in wires] == [200 if n % 10 else 401 for n in range(100)]
    inbox = SQLiteInbox(tmp_path / "inbox.db")
    assert len(inbox.events(EventFilter(), limit=1000)) == 190
    inbox.close()
