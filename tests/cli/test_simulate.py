import json
import signal
import socket
from contextlib import closing

import httpx2
import pytest

from running import Says, Stranger, run, running, serving

SECRET = "a secret of the library"


@pytest.fixture
def listener():
    made = Stranger(lambda asked: Says(f'{{"challenge":"{asked.challenge}"}}'))
    yield made
    made.close()


def post(url: str, **body) -> dict:
    answer = httpx2.post(url, json=body, trust_env=False)
    answer.raise_for_status()
    return answer.json()


def test_it_prints_an_address_and_a_key_that_work_together(tmp_path):
    with running("simulate", "--port", "0", cwd=tmp_path) as alma:
        url = alma.wait_for(r'api_url = "(http://\S+)"')[1]
        key = alma.wait_for(r"ALMAHOOK_API_KEY=(\S+)")[1]
        headers = {"Authorization": f"apikey {key}", "Accept": "application/json"}
        user = f"{url}/almaws/v1/users/amendez"
        assert httpx2.get(user, headers=headers, trust_env=False).json()["primary_id"] == "amendez"
        assert httpx2.get(user, trust_env=False).status_code == 401


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_good_order_with_status_zero(tmp_path, number):
    with running("simulate", "--port", "0", cwd=tmp_path) as alma:
        alma.wait_for("simulator/log")
        assert alma.stop(number) == 0
        assert "Traceback" not in alma.said


def test_it_activates_a_profile_for_a_listener_and_sends_it_signed_events(tmp_path):
    with (
        serving(tmp_path, ALMAHOOK_SECRET=SECRET) as address,
        running(
            *("simulate", "--port", "0", "--secret", SECRET),
            *("--to", f"{address}/webhooks/main"),
            cwd=tmp_path,
        ) as alma,
    ):
        url = alma.wait_for(r"pretend Alma runs on (http://[\d.:]+\d)")[1]
        alma.wait_for("The profile main is active")
        fired = post(f"{url}/simulator/fire", action="LOAN", event="LOAN_RETURNED")
        assert [one["outcome"] for one in fired["deliveries"]] == ["delivered"]


def test_in_the_folder_of_the_settings_the_secret_is_known(tmp_path):
    (tmp_path / "almahook.toml").write_text('[profiles.sandbox]\nsecrets = ["env:SANDBOX"]\n')
    (tmp_path / ".env").write_text(f"SANDBOX={SECRET}\n")
    with (
        serving(tmp_path) as address,
        running(
            "simulate", "--port", "0", "--to", f"{address}/webhooks/sandbox", cwd=tmp_path
        ) as alma,
    ):
        url = alma.wait_for(r"pretend Alma runs on (http://[\d.:]+\d)")[1]
        alma.wait_for("The profile sandbox is active")
        fired = post(f"{url}/simulator/fire", action="LOAN")
        assert [one["outcome"] for one in fired["deliveries"]] == ["delivered"]
        assert SECRET not in alma.said


def test_the_commands_to_copy_are_for_this_address(tmp_path):
    with running("simulate", "--port", "0", cwd=tmp_path) as alma:
        alma.wait_for("simulator/log")
        url = alma.wait_for(r"pretend Alma runs on (http://[\d.:]+\d)")[1]
        curls = [line for line in alma.said.splitlines() if line.strip().startswith("curl")]
        assert len(curls) == 4
        assert all(f"curl {url}/simulator/" in line for line in curls)


def test_a_listener_that_does_not_answer_leaves_the_profile_pending_and_alma_running(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        to = f"http://127.0.0.1:{free.getsockname()[1]}/webhooks/main"
    with running("simulate", "--port", "0", "--to", to, "--secret", SECRET, cwd=tmp_path) as alma:
        alma.wait_for("pending activation")
        alma.wait_for("simulator/log")
        assert alma.stop() == 0


def test_a_profile_can_be_one_for_xml(tmp_path, listener):
    with running(
        *("simulate", "--port", "0", "--xml", "--secret", SECRET, "--to", listener.url),
        cwd=tmp_path,
    ) as alma:
        alma.wait_for("is active")
        url = alma.wait_for(r"pretend Alma runs on (http://[\d.:]+\d)")[1]
        post(f"{url}/simulator/fire", action="LOAN")
    assert listener.asked[-1].body.startswith(b"<?xml")


def test_with_a_seed_the_key_is_the_same_each_time(tmp_path):
    keys = []
    for _ in range(2):
        with running("simulate", "--port", "0", "--seed", "7", "--json", cwd=tmp_path) as alma:
            keys.append(json.loads(alma.wait_for(r"\{.*\}\n")[0])["api_key"])
            alma.stop()
    assert keys[0] == keys[1]


def test_a_port_that_is_taken_is_named_in_one_line(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        done = run("simulate", "--port", port, cwd=tmp_path)
    assert done.status == 2
    assert f"port {port}" in done.err
    assert len(done.err.splitlines()) == 1


def test_an_unknown_secret_ends_it_before_it_begins(tmp_path):
    done = run("simulate", "--port", "0", "--to", "http://127.0.0.1:1/webhooks/main", cwd=tmp_path)
    assert done.status == 2
    assert "--secret" in done.err
    assert done.out == ""
