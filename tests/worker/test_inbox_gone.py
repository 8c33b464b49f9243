import pytest

from almahook.errors import InboxUnavailableError
from almahook.inbox import RunState
from almahook.worker import worker as worker_module
from almahook.worker.steps import LeasedSteps


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(worker_module, "_BACK_OFF_S", (0.01, 0.02))


def unavailable(caplog):
    return [record for record in caplog.records if record.message == "worker.inbox_unavailable"]


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_results_are_kept_until_a_locked_inbox_can_be_written_again(shop, desk, caplog, kind):
    hold = {
        "def": "desk.wait_at('end')",
        "async def": "desk.note('at end')\n    while not desk.is_open('end'):\n"
        "        await asyncio.sleep(0.001)",
    }
    shop.write(loan=f"{kind} process(event):\n    {hold[kind]}")
    shop.start(inbox=shop.open_inbox(busy_timeout_s=0.05))
    seqs = shop.send(count=4)
    desk.until_noted("at end", 4)
    with shop.locked():
        desk.open("end")
        desk.eventually(lambda: len(unavailable(caplog)) >= 3)
        assert {run.state for run in shop.runs(*seqs)} == {RunState.RUNNING}
    runs = shop.until_final(*seqs)
    assert [(run.state, run.attempts) for run in runs] == [(RunState.SUCCEEDED, 1)] * 4
    assert unavailable(caplog)[2].fields["failures"] == 3
    assert "locked" in unavailable(caplog)[0].fields["reason"]


HELD = """
@on("LOAN", retry=SOON)
def process(event):
    desk.wait_at("end")
"""


def let_end(shop, desk, watched, seqs, method):
    """Let the handlers end once the calls have failed, or have the calls fail that follow."""
    if method != "settle":
        desk.eventually(lambda: not watched.errors[method])
    desk.open("end")
    runs = shop.until_final(*seqs)
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    return runs


@pytest.mark.parametrize(
    "method", ["dispatch", "lease", "settle", "renew", "expired", "version", "tidy"]
)
def test_a_call_of_the_inbox_that_fails_for_a_while_loses_nothing(shop, desk, watched, method):
    shop.write(loan=HELD)
    watched.errors[method] = [InboxUnavailableError("gone for a while") for _ in range(3)]
    worker = shop.start(inbox=watched, lease_s=2.0)
    runs = let_end(shop, desk, watched, shop.send(count=4), method)
    assert [run.attempts for run in runs] == [1] * 4
    assert desk.notes.count("at end") == 4
    assert worker.is_alive


@pytest.mark.parametrize("method", ["dispatch", "lease", "settle", "renew", "expired"])
def test_an_error_that_nobody_thought_of_is_told_and_does_not_end_the_worker(
    shop, desk, watched, method, caplog
):
    shop.write(loan=HELD)
    watched.errors[method] = [LookupError("the name of a patron")] * 2
    worker = shop.start(inbox=watched, lease_s=2.0)
    let_end(shop, desk, watched, shop.send(count=4), method)
    assert worker.is_alive
    told = [record for record in caplog.records if "place" in getattr(record, "fields", {})]
    assert {record.fields["kind"] for record in told} == {"LookupError"}
    assert all("conftest.py:" in record.fields["place"] for record in told)
    assert "patron" not in caplog.text + str([record.__dict__ for record in caplog.records])


def test_a_step_that_was_done_while_the_inbox_was_gone_is_kept_and_not_done_again(
    shop, desk, watched
):
    shop.write(
        loan="""
@on("LOAN", retry=SOON)
def process(event, ctx):
    ctx.once("text", desk.note, "sent")
    if ctx.attempt == 1:
        raise ValueError
"""
    )
    watched.errors["save_step"] = [InboxUnavailableError("gone for a while")] * 2
    shop.start(inbox=watched)
    (seq,) = shop.send()
    (run,) = shop.until_final(seq)
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 2)
    assert desk.notes == ["sent"]
    assert watched.calls.count("save_step") == 3


def test_an_inbox_that_stays_away_fails_the_step_in_the_end(watched):
    watched.errors["save_step"] = [InboxUnavailableError("gone for good")] * 10
    with pytest.raises(InboxUnavailableError, match="gone for good"):
        LeasedSteps(watched, lease=None, patience_s=0.2).save("text", b"1")


def test_a_result_that_cannot_be_stored_does_not_take_its_neighbours_down(
    shop, desk, watched, caplog
):
    shop.write(loan=HELD)
    worker = shop.start(inbox=watched, lease_s=2.0)
    seqs = shop.send(count=4)
    desk.until_noted("at end", 4)
    # The batch cannot be stored, and of its results one cannot by itself either.
    watched.errors["settle"] = [LookupError("odd"), LookupError("odd")]
    desk.open("end")
    runs = shop.until_final(*seqs)
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    assert 5 <= sum(run.attempts for run in runs) <= 6
    assert "run.not_settled" in [record.message for record in caplog.records]
    assert worker.is_alive
