"""The direct function before the inbox that it has on AWS."""

from concurrent.futures import ThreadPoolExecutor

from almahook.app.stores import open_inbox
from almahook.config import load_settings
from almahook.inbox import EventFilter, RunState
from almahook.testing.host_contract.given import message, signed
from aws_local.front_doors import function_url
from aws_local.stack import Stack

DONE = (200, b'"Done"')
FAILED = (500, b'"Handler failed"')
AWAY = 503


def environment(stack: Stack) -> dict[str, str]:
    return {**stack.ministack.environment, "ALMAHOOK_INBOX": f"aws:{stack.name}"}


def post(function, body: bytes) -> tuple[int, bytes]:
    response = function_url(function.invoke)(signed(body))
    return response.status, response.body


def test_what_it_handles_is_in_the_table_and_is_handled_once(
    make_direct, stack: Stack, monkeypatch
) -> None:
    code = "def process(event):\n    open('ran', 'a').write('x')\n"
    function = make_direct({"loan": code}, environment=environment(stack))
    assert post(function, message("table")) == DONE
    function.recycle()
    assert post(function, message("table")) == DONE
    assert (function.folder / "ran").read_text() == "x"
    for name, value in environment(stack).items():
        monkeypatch.setenv(name, value)
    inbox = open_inbox(load_settings(function.folder / "almahook.toml"))
    (event,) = inbox.events(EventFilter(event_id="table"), limit=2)
    assert event.body == message("table")
    assert [run.state for run in inbox.runs([event.seq])] == [RunState.SUCCEEDED]
    inbox.close()


def test_the_same_message_twice_at_once_runs_its_handler_once(make_direct, stack: Stack) -> None:
    code = "def process(event):\n    open('ran', 'a').write('x')\n"
    function = make_direct({"loan": code}, environment=environment(stack))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: post(function, message("twice")), range(2)))
    assert {status for status, _ in answers} <= {200, AWAY}
    assert DONE in answers
    assert (function.folder / "ran").read_text() == "x"


def test_a_handler_that_failed_is_run_again_when_alma_sends_again(
    make_direct, stack: Stack
) -> None:
    code = (
        "import os\n"
        "def process(event):\n"
        "    if not os.path.exists('failed'):\n"
        "        open('failed', 'w').close()\n"
        "        raise LookupError\n"
    )
    function = make_direct({"loan": code}, environment=environment(stack))
    answers = [post(function, message("again")) for _ in range(3)]
    assert answers == [FAILED, DONE, DONE]


def test_without_the_table_alma_is_asked_to_come_again(make_direct, stack: Stack) -> None:
    own = {**environment(stack), "ALMAHOOK_INBOX": "aws:no-such-stack"}
    function = make_direct({"loan": "def process(event):\n    pass\n"}, environment=own)
    assert post(function, message("nowhere"))[0] == AWAY
