import os
import re
import shlex
import signal
import subprocess
import sys

import httpx2
import pytest

from almahook.errors import ConfigurationError
from almahook.simulator import Simulator

SECRET = "clé-secrète"


@pytest.fixture
def control(alma):
    with httpx2.Client(base_url=alma.api_url, trust_env=False) as client:
        yield client


def test_a_profile_is_added_and_activated_in_one_call(control, listener):
    body = {"name": "main", "url": listener.url, "secret": "s"}
    added = control.post("/simulator/profiles", json=body).json()
    assert (added["status"], added["challenge"]["ok"]) == ("Active", True)
    listed = control.get("/simulator/profiles").json()
    assert [(it["name"], it["status"]) for it in listed] == [("main", "Active")]
    assert "secret" not in listed[0]


def test_a_listener_that_fails_the_challenge_is_told_why(control, listener):
    listener.challenge_answer = "404"
    body = {"url": listener.url, "secret": "s"}
    added = control.post("/simulator/profiles", json=body).json()
    assert added["status"] == "Pending activation"
    assert added["challenge"]["reason"] == "the listener answered HTTP 404 instead of 200"


def test_firing_says_what_the_listener_answered(control, listener, profile):
    listener.script(200, 401)
    wanted = {"action": "LOAN", "event": "LOAN_LOST", "generation": "2020", "count": 2}
    fired = control.post("/simulator/fire", json=wanted).json()
    assert fired["sent"] == 2
    assert sorted(it["outcome"] for it in fired["deliveries"]) == ["delivered", "refused"]
    log = control.get("/simulator/log").json()
    assert [it["action"] for it in log] == ["CHALLENGE", "LOAN", "LOAN"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/simulator/profiles", b"{}"),
        ("/simulator/profiles", b"not json"),
        ("/simulator/profiles", b'{"url":"x","secret":"s","message_type":"YAML"}'),
        ("/simulator/fire", b'{"action":1}'),
        ("/simulator/fire", b'{"action":"LOAN","colour":"red"}'),
        ("/simulator/fire", b'{"action":"LOAN","overrides":{"item_laon.title":"x"}}'),
    ],
)
def test_a_mistake_is_answered_with_a_reason(control, profile, path, body):
    answer = control.post(path, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_every_command_on_the_page_works(control, listener, profile):
    page = control.get("/").text.replace("\\\n", " ")
    page = page.replace("http://127.0.0.1:8080/webhooks/main", listener.url)
    commands = [shlex.split(line) for line in page.splitlines() if line.startswith("    curl ")]
    assert len(commands) == 7
    for command in commands:
        assert _curl(command).status_code == 200


def _curl(command: list[str]) -> httpx2.Response:
    """Do what curl does with these options."""
    options = {command[at]: command[at + 1] for at in range(len(command)) if command[at][0] == "-"}
    (url,) = [
        word for word in command[1:] if word.startswith("http") and word not in options.values()
    ]
    headers = dict(command[at + 1].split(": ") for at in range(len(command)) if command[at] == "-H")
    method = options.get("-X", "POST" if "-d" in options else "GET")
    return httpx2.request(
        method, url, headers=headers, content=options.get("-d"), trust_env=False, timeout=30
    )


def test_a_port_that_is_taken_is_said_in_words(alma):
    port = int(alma.api_url.rpartition(":")[2])
    with pytest.raises(ConfigurationError, match=f"port {port}"):
        Simulator(port=port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_simulator_on_its_own_stops_when_told(number):
    script = (
        "from almahook.simulator import serve\n"
        "serve(port=0, on_ready=lambda alma: print(alma.api_url, flush=True))\n"
    )
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", script]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        url = process.stdout.readline().strip()
        assert re.search("pretend Alma", httpx2.get(f"{url}/", trust_env=False).text)
        os.kill(process.pid, number)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
