import os
import re
import signal
import socket
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from almahook.testing import sample, signed_headers
from running import WAIT_S, Running, environment, run, running, serving


def address_of(process: Running) -> str:
    return process.wait_for(r"listens on (http://\S+)")[1]


def one_line(text: str) -> str:
    lines = [line for line in text.splitlines() if " WARNING " not in line]
    assert len(lines) == 1, text
    assert "Traceback" not in text
    return lines[0]


# The first run.


def test_without_configuration_it_makes_a_secret_and_shows_it_once_with_what_to_enter(tmp_path):
    with running("serve", "--port", "0", cwd=tmp_path) as first:
        address = address_of(first)
        first.wait_for("Alma needs an https address")
        url = first.wait_for(r"Webhook listener URL +(\S+)")[1]
        secret = first.wait_for(r"Secret +(\S+)\n")[1]
        assert url == f"{address}/webhooks/main"
        assert "Message type           JSON" in first.said
        body = sample("LOAN")
        assert httpx2.post(
            url, content=body, headers=signed_headers(body, secret), trust_env=False
        ).json() == {"status": "stored"}
        assert first.stop() == 0
    file = tmp_path / "data" / "secret"
    assert file.read_text().strip() == secret
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (tmp_path / "data" / "almahook.db").is_file()

    with running("serve", "--port", "0", cwd=tmp_path) as second:
        address_of(second)
        second.stop()
        assert secret not in second.said


def test_every_secret_is_another_one(tmp_path):
    secrets = set()
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        with serving(folder):
            secrets.add((folder / "data" / "secret").read_text())
    assert len(secrets) == 2


def test_until_something_has_come_it_says_where_the_secret_is(tmp_path):
    for _ in range(2):
        with running("serve", "--port", "0", cwd=tmp_path) as process:
            address = address_of(process)
            said = process.wait_for(r"Secret +(.*)\n")[1]
            process.wait_for("Alma needs")
            process.stop()
    assert said == f"(the text in {tmp_path / 'data' / 'secret'})"

    secret = (tmp_path / "data" / "secret").read_text().strip()
    with running("serve", "--port", "0", cwd=tmp_path) as process:
        address = address_of(process)
        body = sample("LOAN")
        httpx2.post(
            f"{address}/webhooks/main",
            content=body,
            headers=signed_headers(body, secret),
            trust_env=False,
        ).raise_for_status()
        process.stop()
    with running("serve", "--port", "0", cwd=tmp_path) as process:
        process.wait_for("Alma needs")
        process.stop()
        assert "Message type" not in process.said


def test_a_start_that_fails_does_not_use_up_the_secret(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        assert run("serve", "--port", port, cwd=tmp_path).status == 2
    handlers = tmp_path / "handlers"
    handlers.mkdir()
    for code in ("def process(", "import os\nos._exit(7)\n"):
        (handlers / "loan.py").write_text(code)
        done = run("serve", "--port", "0", cwd=tmp_path)
        assert done.status in {1, 2}
        assert done.out == ""
        assert not (tmp_path / "data" / "secret").exists()


def test_two_first_runs_at_once_agree_on_one_secret(tmp_path):
    with (
        running("serve", "--port", "0", cwd=tmp_path) as one,
        running("serve", "--port", "0", cwd=tmp_path) as other,
    ):
        addresses = [address_of(one), address_of(other)]
        secret = (tmp_path / "data" / "secret").read_text().strip()
        for number, address in enumerate(addresses):
            body = sample("LOAN", id=str(number))
            answer = httpx2.post(
                f"{address}/webhooks/main",
                content=body,
                headers=signed_headers(body, secret),
                trust_env=False,
            )
            assert answer.status_code == 200
        shown = [secret in process.said for process in (one, other)]
    assert shown.count(True) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    done = run("serve", "--port", "0", cwd=tmp_path)
    assert done.status == 2
    assert "cannot be written" in one_line(done.err)


def test_a_file_in_place_of_the_data_folder_is_named(tmp_path):
    (tmp_path / "data").write_text("mine")
    done = run("serve", "--port", "0", cwd=tmp_path)
    assert done.status == 2
    assert "data is in the way" in one_line(done.err)


# What ends it.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_good_order_with_status_zero(tmp_path, number):
    with running("serve", "--port", "0", cwd=tmp_path) as process:
        address_of(process)
        assert process.stop(number) == 0
        assert "Traceback" not in process.said


def test_a_port_that_is_taken_ends_it_with_the_fix(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--port", port, cwd=tmp_path)
    assert done.status == 2
    assert f"Cannot listen on 127.0.0.1, port {port}: another program listens there" in one_line(
        done.err
    )
    assert f"--port {port + 1}" in done.err
    assert done.out == ""


def test_an_address_of_another_machine_ends_it_with_the_fix(tmp_path):
    done = run("serve", "--host", "192.0.2.1", "--port", "0", cwd=tmp_path)
    assert done.status == 2
    assert "this machine does not have this address" in one_line(done.err)


def test_a_name_that_is_no_machine_s_ends_it_with_the_fix(tmp_path):
    done = run("serve", "--host", "no..such..host", "--port", "0", cwd=tmp_path)
    assert done.status == 2
    assert "no machine is called so" in one_line(done.err)


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("def process(", "SyntaxError"),
        ("import nothing_of_this_name\n", "Is the package installed"),
        ("X = 1\n", "holds no handler"),
        ("raise SystemExit(3)\n", "SystemExit"),
    ],
)
def test_handlers_that_do_not_load_end_it_with_the_file(tmp_path, code, named):
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "loan.py").write_text(code)
    done = run("serve", "--port", "0", cwd=tmp_path)
    assert done.status == 2
    assert "handlers/loan.py" in one_line(done.err)
    assert named in done.err


def test_a_handler_that_ends_its_process_at_the_start_is_told_of(tmp_path):
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "loan.py").write_text("import os\nos._exit(7)\n")
    done = run("serve", "--port", "0", cwd=tmp_path)
    assert done.status == 1
    assert "has ended with status 7" in one_line(done.err)
    assert "[worker.failed]" in done.err


def test_a_file_of_the_project_is_not_taken_for_a_library(tmp_path):
    (tmp_path / "typer.py").write_text("raise SystemExit(9)\n")
    serve = [str(Path(sys.executable).with_name("almahook")), "serve", "--port", "0"]
    with subprocess.Popen(
        serve, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert "listens on" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0


def test_an_inbox_that_is_no_database_ends_it(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "almahook.db").write_bytes(b"this is no database at all" * 100)
    done = run("serve", "--port", "0", cwd=tmp_path)
    assert done.status == 1
    assert "almahook.db" in one_line(done.err)


def test_an_inbox_that_is_a_folder_ends_it(tmp_path):
    (tmp_path / "data" / "almahook.db").mkdir(parents=True)
    done = run("serve", "--port", "0", cwd=tmp_path)
    assert done.status == 1
    assert "almahook.db" in one_line(done.err)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ("port = ", "not valid TOML"),
        ("prot = 1", "Did you mean port?"),
        ('inbox = "oracle:x"', "names no store"),
        ('[profiles.main]\nsecrets = ["env:NOT_SET"]', "NOT_SET"),
        ('[profiles.main]\nsecrets = ["my secret itself"]', "must say where the secret is"),
        ('[notify]\nsms = ["nonsense"]', "notify.sms"),
    ],
)
def test_settings_that_are_wrong_end_it_in_one_line(tmp_path, settings, named):
    (tmp_path / "almahook.toml").write_text(settings)
    done = run("serve", "--port", "0", cwd=tmp_path)
    assert done.status == 2
    assert named in one_line(done.err)
    assert "my secret itself" not in done.err


# What it says.


def test_all_that_it_says_fits_into_eighty_columns_except_what_is_copied(tmp_path):
    with running("serve", "--port", "0", cwd=tmp_path) as process:
        process.wait_for("Alma needs")
        process.stop()
        lines = [line for line in process.said.splitlines() if not re.match(r"\d\d:|  |.*/", line)]
    assert max(map(len, lines)) <= 80


def test_with_a_public_address_that_is_what_is_to_be_entered(tmp_path):
    (tmp_path / "almahook.toml").write_text(
        'public_url = "https://hooks.example.edu/"\n'
        '[profiles.main]\nsecrets = ["env:A"]\n[profiles.sandbox]\nsecrets = ["file:b"]\n'
    )
    (tmp_path / ".env").write_text("A=first\n")
    (tmp_path / "b").write_text("second")
    with running("serve", "--port", "0", cwd=tmp_path) as process:
        process.wait_for("Message type(.|\n)*Message type")
        process.stop()
        said = process.said
    assert "https://hooks.example.edu/webhooks/main\n" in said
    assert "https://hooks.example.edu/webhooks/sandbox\n" in said
    assert f"(A in {tmp_path / '.env'})" in said
    assert f"(the text in {tmp_path / 'b'})" in said
    assert "Alma needs an https address" not in said
    assert "first" not in said.replace("the first", "")
    assert "second" not in said


def test_a_profile_without_a_secret_is_said_to_answer_503(tmp_path):
    (tmp_path / "almahook.toml").write_text("[profiles.main]\n")
    with running("serve", "--port", "0", cwd=tmp_path) as process:
        process.wait_for("set profiles.main.secrets")
        body = sample("LOAN")
        answer = httpx2.post(
            f"{address_of(process)}/webhooks/main",
            content=body,
            headers=signed_headers(body, "any"),
            trust_env=False,
        )
        assert answer.status_code == 503


def test_localhost_is_served_on_all_of_its_addresses(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with running("serve", "--host", "localhost", "--port", port, cwd=tmp_path) as process:
        address_of(process)
        found = socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)
        for family, _, _, _, address in found:
            host = f"[{address[0]}]" if family == socket.AF_INET6 else address[0]
            answer = httpx2.get(f"http://{host}:{port}/healthz", trust_env=False)
            assert answer.status_code == 200
