import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources

import httpx2
import pytest

from almahook.inbox import RunState
from almahook.simulator import Simulator

SECRET = "clé-secrète"
NUMBER = "+15550100123"

TEXTS_AND_FAILS = """
@on("JOB_END", retry=SOON)
def process(event, ctx):
    ctx.once("text", ctx.notify.sms, "+1 555 010 0123", "The job has ended.")
    if ctx.attempt < 3:
        raise ValueError("the shelf fell down")
"""

TEXTS_AND_HOLDS = """
@on("JOB_END", retry=SOON)
def process(event, ctx):
    ctx.once("text", ctx.notify.sms, "+1 555 010 0123", "The job has ended.")
    note("texted")
    while not may_go():
        time.sleep(0.01)
"""


class LossyLine(ThreadingHTTPServer):
    """A line between Alma and the listener on which the first answers get lost."""

    def __init__(self, losses):
        super().__init__(("127.0.0.1", 0), Relay)
        self.losses = losses
        self.target = ""
        self.lost = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self._thread.join()
        self.server_close()


class Relay(BaseHTTPRequestHandler):
    def do_GET(self):
        self._pass_on(httpx2.get(f"{self.server.target}{self.path}"))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        names = ("Content-Type", "X-Exl-Signature")
        headers = {name: self.headers[name] for name in names}
        answer = httpx2.post(f"{self.server.target}{self.path}", content=body, headers=headers)
        if len(self.server.lost) < self.server.losses:
            self.server.lost.append(answer.status_code)
            self.close_connection = True
        else:
            self._pass_on(answer)

    def log_message(self, *_):
        pass

    def _pass_on(self, answer):
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)


@pytest.fixture
def alma():
    """An Alma whose hour is 20 ms."""
    with Simulator(time_scale=180_000, seed=7) as alma:
        alma.users["amendez"]["contact_info"]["phone"] = [
            {"phone_number": "+1 555 010 0123", "preferred_sms": True}
        ]
        yield alma


def job_end(alma):
    overrides = {"job_instance": {"submitted_by": {"value": "amendez"}}}
    return alma.message("JOB_END", overrides=overrides)


@pytest.mark.parametrize("mode", ["inbox", "direct"])
def test_a_job_end_that_alma_sends_again_and_again_sends_one_text(site, alma, mode):
    template = resources.files("almahook.handlers.templates") / "job_end.py"
    site.write(api_url=alma.api_url, more=f'mode = "{mode}"')
    (site.folder / "handlers" / "job_end.py").write_bytes(template.read_bytes())
    site.serve(api_key=alma.api_key)
    with LossyLine(losses=3) as line:
        line.target = site.url
        url = f"http://127.0.0.1:{line.server_port}/webhooks/main"
        profile = alma.add_profile("main", url=url, secret=SECRET, duplicate_every=1)
        assert alma.activate(profile).ok
        delivery = alma.send(profile, job_end(alma))
        assert delivery.wait(30).outcome == "delivered"
        assert delivery.duplicate.wait(30).outcome == "delivered"
    assert len(delivery.attempts) + len(delivery.duplicate.attempts) == 5
    site.until_handled(1)
    ((run,),) = site.stored().values()
    assert run.state is RunState.SUCCEEDED
    assert [(text.kind, text.to) for text in site.texts] == [("sms", NUMBER)]


def test_a_handler_that_fails_after_texting_and_is_retried_sends_one_text(site, alma):
    site.write(job_end=TEXTS_AND_FAILS)
    site.serve()
    profile = alma.add_profile("main", url=f"{site.url}/webhooks/main", secret=SECRET)
    assert alma.activate(profile).ok
    assert alma.send(profile, job_end(alma)).wait(30).outcome == "delivered"
    site.until_handled(1)
    ((run,),) = site.stored().values()
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 3)
    assert [(text.kind, text.to) for text in site.texts] == [("sms", NUMBER)]


def test_a_handler_that_is_killed_after_texting_sends_one_text(site, alma):
    site.write(job_end=TEXTS_AND_HOLDS)
    process = site.serve()
    profile = alma.add_profile("main", url=f"{site.url}/webhooks/main", secret=SECRET)
    assert alma.activate(profile).ok
    assert alma.send(profile, job_end(alma)).wait(30).outcome == "delivered"
    site.until_noted("texted")
    site.kill(process)
    site.let_go()
    site.serve()
    site.until_handled(1)
    ((run,),) = site.stored().values()
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 2)
    assert [(text.kind, text.to) for text in site.texts] == [("sms", NUMBER)]
