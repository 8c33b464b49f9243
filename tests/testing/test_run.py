from pathlib import Path

import pytest

from almahook import GiveUp, Retry, Skip
from almahook.errors import (
    AlmaNotFoundError,
    HandlerError,
    HandlerLoadError,
    InvalidNumberError,
)
from almahook.testing import AlmaInMemory, context, run, sample_event, user

LOAN = sample_event("LOAN", event="LOAN_RETURNED")


def test_a_handler_that_returns_has_succeeded() -> None:
    assert run(lambda event, ctx: "anything", LOAN, context()) is None


def test_a_handler_may_take_the_event_alone() -> None:
    seen = []
    run(seen.append, LOAN, context())
    assert seen == [LOAN]


def test_an_async_handler_is_awaited() -> None:
    async def process(event, ctx):
        await ctx.once("text", send, ctx)
        return Skip("done")

    async def send(ctx):
        ctx.notify.sms("+15550100123", "hello")

    ctx = context()
    assert run(process, LOAN, ctx) == Skip("done")
    assert [message.text for message in ctx.sent] == ["hello"]


@pytest.mark.parametrize("asked", [Retry("busy", after=60), GiveUp("useless")])
def test_what_a_handler_asks_for_is_returned(asked) -> None:
    def process(event):
        raise asked

    assert run(process, LOAN, context()) is asked


@pytest.mark.parametrize("asked", [Retry("busy", after=60), GiveUp("useless")])
def test_what_is_returned_instead_of_raised_counts_as_the_worker_counts_it(asked) -> None:
    assert run(lambda event: asked, LOAN, context()) is asked


def test_any_other_error_is_raised_in_the_test() -> None:
    def process(event):
        raise LookupError("a bug")

    with pytest.raises(LookupError):
        run(process, LOAN, context())


def test_what_is_no_handler_is_an_error() -> None:
    with pytest.raises(HandlerLoadError):
        run(lambda: None, LOAN, context())


def test_a_second_run_is_the_next_attempt_and_repeats_no_step() -> None:
    calls = []

    def process(event, ctx):
        calls.append(ctx.attempt)
        ctx.once("text", ctx.notify.sms, "+15550100123", "hello")

    ctx = context(attempt=3)
    run(process, LOAN, ctx)
    run(process, LOAN, ctx)
    assert calls == [3, 4]
    assert len(ctx.sent) == 1


def test_a_step_that_failed_is_done_by_the_next_attempt() -> None:
    def process(event, ctx):
        ctx.once("text", send, ctx)

    def send(ctx):
        if ctx.attempt == 1:
            raise ConnectionError
        ctx.notify.chat("hello")

    ctx = context()
    with pytest.raises(ConnectionError):
        run(process, LOAN, ctx)
    run(process, LOAN, ctx)
    assert [message.kind for message in ctx.sent] == ["chat"]


def test_the_file_of_a_handler_is_run(tmp_path: Path) -> None:
    file = tmp_path / "loan_returned.py"
    file.write_text("def process(event, ctx): ctx.notify.chat(event.event)\n")
    ctx = context()
    run(str(file), LOAN, ctx)
    assert [message.text for message in ctx.sent] == ["LOAN_RETURNED"]


def test_a_file_whose_handler_does_not_take_the_event_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "loan_returned.py"
    file.write_text("def process(event, ctx): pass\n")
    with pytest.raises(HandlerError, match="no handler takes LOAN_RENEWED"):
        run(file, sample_event("LOAN", event="LOAN_RENEWED"), context())


def test_a_file_with_several_handlers_for_the_event_is_an_error_that_names_them(
    tmp_path: Path,
) -> None:
    file = tmp_path / "loans.py"
    file.write_text(
        "from almahook import on\n\n"
        '@on("LOAN")\ndef one(event): pass\n\n@on("LOAN")\ndef two(event): pass\n'
    )
    with pytest.raises(HandlerError, match=r"loans\.one, loans\.two"):
        run(file, LOAN, context())


def test_users_are_read_as_alma_has_them() -> None:
    ctx = context(
        users={
            "amendez": user(preferred_sms="+15550100123", email="am@example.edu", language="es"),
            "bokafor": user(),
        }
    )
    found = ctx.alma.get_user("amendez")
    assert (found.primary_id, found.sms_number) == ("amendez", "+15550100123")
    assert (found.email, found.language) == ("am@example.edu", "es")
    assert ctx.alma.get_user("bokafor").sms_number == ""


def test_what_was_not_put_into_alma_is_not_found() -> None:
    alma = context(users={"amendez": user()}).alma
    with pytest.raises(AlmaNotFoundError) as raised:
        alma.get_user("nobody")
    assert raised.value.error_code == "401861"
    for call in (alma.get_bib, alma.get_item_by_barcode):
        with pytest.raises(AlmaNotFoundError):
            call("1")
    with pytest.raises(AlmaNotFoundError):
        list(alma.get_set_members("1"))


def test_records_are_read_by_their_paths_and_what_is_written_is_kept() -> None:
    members = {"member": [{"id": "1"}, {"id": "2"}]}
    alma = AlmaInMemory(
        records={
            "/conf/sets/7/members": members,
            "/conf/jobs/M47/instances/9": {"id": "9"},
            "/items/315": {"item_data": {}},
            "/bibs/99": {"title": "Field notes"},
        }
    )
    assert [member["id"] for member in alma.get_set_members("7")] == ["1", "2"]
    assert alma.get_job_instance("M47", "9") == {"id": "9"}
    assert alma.get_item_by_barcode("315") == {"item_data": {}}
    alma.post("/conf/jobs/M47", {"parameter": []}, op="run")
    alma.put("/bibs/99", {"title": "Notes"})
    assert alma.get_bib("99") == {"title": "Notes"}
    alma.delete("/bibs/99")
    assert [method for method, _, _ in alma.calls] == ["POST", "PUT", "DELETE"]
    with pytest.raises(AlmaNotFoundError):
        alma.get_bib("99")


def test_a_number_that_is_none_fails_as_it_would_at_work() -> None:
    with pytest.raises(InvalidNumberError):
        context().notify.sms("12", "hello")
    ctx = context(default_country="US")
    ctx.notify.sms("(412) 555-0123", "hello")
    assert [message.to for message in ctx.sent] == ["+14125550123"]
