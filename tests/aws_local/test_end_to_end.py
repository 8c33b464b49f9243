"""From the HTTP event to the text, through both functions and everything between them."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from almahook.inbox import EventFilter, RunState
from almahook.simulator import Simulator
from almahook.testing import sample
from aws_local.ministack import Ministack
from aws_local.site import Site, running_site

NUMBER = "+14125550123"
STORED = (200, b'{"status":"stored"}')

TEXTS_AND_DIES = """
import os
from almahook import Context, Event

def process(event: Event, ctx: Context) -> None:
    ctx.once("text", ctx.notify.sms, "+1 412 555 0123", "The loan is back.")
    if ctx.attempt == 1:
        os._exit(1)
"""

POISONED = """
from pathlib import Path
from almahook import Context, Event, RetryPolicy, on

@on("LOAN", retry=RetryPolicy(attempts=1))
def process(event: Event, ctx: Context) -> None:
    if not Path("antidote").exists():
        raise LookupError("no such shelf")
    ctx.notify.sms("+1 412 555 0123", "The loan is back.")
"""


@pytest.fixture
def alma() -> Iterator[Simulator]:
    with Simulator(seed=7) as alma:
        alma.users["amendez"]["contact_info"]["phone"] = [
            {"phone_number": "(412) 555-0123", "preferred_sms": True}
        ]
        yield alma


@pytest.fixture
def deploy(
    ministack: Ministack, tmp_path: Path, alma: Simulator, aws_environment: object
) -> Iterator[Callable[..., Site]]:
    with ExitStack() as stack:
        yield lambda **given: stack.enter_context(running_site(ministack, tmp_path, alma, **given))


@pytest.fixture
def site(deploy: Callable[..., Site]) -> Site:
    return deploy()


def job_end(event_id: str = "1", **changes: object) -> bytes:
    return sample(
        "JOB_END", id=event_id, submitted_by="amendez", status="COMPLETED_SUCCESS", **changes
    )


def answer(site: Site, body: bytes, **given: object) -> tuple[int, bytes]:
    response = site.post(body, **given)
    return response.status, response.body


def test_a_job_that_has_ended_texts_the_person_who_started_it(site: Site) -> None:
    site.use_example("job_end")
    assert answer(site, job_end(name="Export Physical Items")) == STORED
    site.pump.until_empty()
    assert [(text.to, text.text) for text in site.texts] == [
        (NUMBER, "The job Export Physical Items has completed.")
    ]
    assert [run.state for run in site.runs()] == [RunState.SUCCEEDED]
    assert site.parked() == 0


def test_no_secret_and_nothing_of_the_message_is_in_the_logs(site: Site, alma: Simulator) -> None:
    site.use_example("job_end")
    site.post(job_end(name="Export of Blessing Okafor"))
    site.pump.until_empty()
    logs = site.receive.log + site.work.log
    for private in ("clé-secrète", alma.api_key, "Okafor", "4125550123", "amendez"):
        assert private not in logs


def test_an_event_that_alma_sends_again_is_handled_once(site: Site) -> None:
    site.use_example("job_end")
    assert answer(site, job_end()) == STORED
    site.pump.until_empty()
    assert answer(site, job_end()) == STORED
    site.pump.until_empty()
    assert (len(site.texts), len(site.runs())) == (1, 1)


def test_an_event_that_arrives_twice_at_once_is_handled_once(site: Site) -> None:
    site.use_example("job_end")
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda _: answer(site, job_end()), range(2))
        assert list(answers) == [STORED, STORED]
        assert site.waiting() == 2
        pumps = [site.make_pump(batch_size=1) for _ in range(2)]
        assert sum(pool.map(lambda pump: pump.once(wait_s=1), pumps)) == 2
    assert site.work.cold_starts == 2
    site.pump.until_empty()
    assert (len(site.texts), len(site.runs())) == (1, 1)


def test_a_function_that_dies_between_handler_and_settling_runs_again_and_repeats_no_step(
    deploy: Callable[..., Site],
) -> None:
    site = deploy(visibility_timeout_s=2)
    site.write("loan", TEXTS_AND_DIES)
    site.work.timeout_s = 8.0
    assert answer(site, sample("LOAN")) == STORED
    site.pump.until_empty()
    (run,) = site.runs()
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 2)
    assert (len(site.texts), site.work.cold_starts) == (1, 2)


def test_a_poisoned_event_is_parked_and_a_replay_brings_it_back(site: Site) -> None:
    site.write("loan", POISONED)
    assert answer(site, sample("LOAN")) == STORED
    site.pump.until_empty()
    assert [run.state for run in site.runs()] == [RunState.PARKED]
    assert (site.parked(), site.texts) == (1, [])
    (site.folder / "antidote").touch()
    site.command("events", "replay", "--state", "parked", "--yes")
    assert (site.parked(), site.waiting()) == (0, 1)
    site.pump.until_empty()
    assert [run.state for run in site.runs()] == [RunState.PARKED, RunState.SUCCEEDED]
    assert len(site.texts) == 1


def test_a_body_of_2_mb_travels_by_s3(site: Site) -> None:
    site.use_example("job_end")
    body = job_end(counter="x" * 2 * 1024 * 1024)
    assert answer(site, body) == STORED
    assert [key.partition("/")[0] for key in site.objects()] == ["spool"]
    site.pump.until_empty()
    with site.inbox() as inbox:
        (event,) = inbox.events(EventFilter(), limit=10)
    assert event.body == body
    assert len(site.texts) == 1
    # It is kept with the event now, and no longer for the queue.
    assert [key.partition("/")[0] for key in site.objects()] == ["kept"]


def test_an_event_without_a_handler_is_kept_as_unhandled(site: Site) -> None:
    site.use_example("job_end")
    assert answer(site, sample("LOAN")) == STORED
    site.pump.until_empty()
    with site.inbox() as inbox:
        assert len(inbox.events(EventFilter(state="unhandled"), limit=10)) == 1
    assert (site.runs(), site.parked()) == ([], 0)


def test_an_event_waits_until_a_handler_that_cannot_be_loaded_is_repaired(
    deploy: Callable[..., Site],
) -> None:
    site = deploy(visibility_timeout_s=1)
    site.write("loan", "import a_package_that_is_missing")
    assert answer(site, sample("LOAN")) == STORED
    assert site.pump.once(wait_s=1) == 1
    assert "HandlerLoadError" in site.work.log
    site.write("loan", POISONED)
    (site.folder / "antidote").touch()
    site.work.recycle()
    site.pump.until_empty()
    assert len(site.texts) == 1


def test_a_function_takes_a_rotated_secret_without_a_deploy(deploy: Callable[..., Site]) -> None:
    site = deploy(more="secret_lifetime_s = 0.001")
    assert site.post(sample("LOAN"), secret="new").status == 401
    site.rotate_secret("new")
    assert site.post(sample("LOAN"), secret="new").status == 200
    assert site.post(sample("LOAN")).status == 200
    assert site.receive.cold_starts == 1


def test_a_function_keeps_its_secret_within_its_lifetime(site: Site) -> None:
    assert site.post(sample("LOAN")).status == 200
    site.rotate_secret("new")
    assert site.post(sample("LOAN"), secret="new").status == 401


@contextmanager
def silent() -> Iterator[str]:
    """Listen, and never answer."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def closed() -> Iterator[str]:
    """Have a port where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.mark.parametrize("endpoint", [silent, closed])
def test_an_event_that_the_queue_does_not_take_is_answered_503(
    site: Site, endpoint: Callable[[], AbstractContextManager[str]]
) -> None:
    with endpoint() as url:
        receive = site.function("receive", AWS_ENDPOINT_URL_SQS=url)
        response = site.post(sample("LOAN"), receive=receive)
    assert (response.status, response.headers["retry-after"]) == (503, "60")
    assert site.waiting() == 0


def test_a_queue_that_is_not_there_is_answered_503(site: Site) -> None:
    receive = site.function("receive", ALMAHOOK_INBOX="aws:nowhere")
    assert site.post(sample("LOAN"), receive=receive).status == 503
