"""What docs/first-evening.md and docs/deploy.md tell people to type is typed here."""

import configparser
import json
import re
import shlex
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from almahook.cli.common import WRONG_USE
from almahook.cli.demo_wait import until
from almahook.config import load_settings
from almahook.notify import read_outbox
from running import WAIT_S, Running, environment, running, serving

DOCS = Path(__file__).parents[2] / "docs"
EVENING = (DOCS / "first-evening.md").read_text("utf-8")
DEPLOY = (DOCS / "deploy.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SCRIPTS = Path(sys.executable).parent

# What one machine without root, certificates and the real Alma cannot do.
NOT_HERE = ("python3 -m venv", ". venv/", "pip install", "sudo ", "almahook challenge https://")
# It would wait for the real Alma.
WAITS = "almahook events tail"


def blocks(page: str, kind: str) -> list[str]:
    return [text for found, text in BLOCK.findall(page) if found == kind]


def block(page: str, kind: str) -> str:
    (only,) = blocks(page, kind)
    return only


def loosely(text: str) -> set[str]:
    """Return the lines, without what differs from one time to the next."""
    # Ports, times and long numbers differ; small counts do not.
    return {re.sub(r"\d+ ms|\d[\d,]*\d", "#", " ".join(line.split())) for line in text.splitlines()}


class Evening:
    """Does what the page says, one block after another."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self.home = home
        self.folder = home / "mylib"
        self.place = home
        self.port = ""
        self.alma = ""
        self.key = ""
        self.said = ""
        self.typed: list[str] = []
        self._texts = 0
        self._stack = stack
        self._listener: Running | None = None

    def read(self, page: str) -> None:
        for kind, text in BLOCK.findall(page):
            getattr(self, f"on_{kind}", self.pass_over)(text)

    def pass_over(self, _: str) -> None:
        """Is for the server."""

    def on_sh(self, text: str) -> None:
        for line in text.splitlines():
            if not line.startswith(NOT_HERE) and line != WAITS:
                self.type(line)
                self.typed.append(line)

    def on_text(self, text: str) -> None:
        assert loosely(text) <= loosely(self.said), self.said

    def on_toml(self, text: str) -> None:
        """Take the # from a line of the settings."""
        line = text.strip()
        file = self.folder / "almahook.toml"
        before = file.read_text("utf-8")
        assert before.count(f"\n#{line}\n") == 1, line
        if "public_url" not in line:
            real = line.replace("http://127.0.0.1:8090", self.alma)
            file.write_text(before.replace(f"\n#{line}\n", f"\n{real}\n"), "utf-8")

    def on_ini(self, text: str) -> None:
        """Enter a value into .env."""
        name = text.partition("=")[0]
        file = self.folder / ".env"
        before = file.read_text("utf-8")
        assert before.count(f"\n{name}=\n") == 1
        file.write_text(before.replace(f"\n{name}=\n", f"\n{name}={self.key}\n"), "utf-8")

    def on_python(self, text: str) -> None:
        name = text.partition("\n")[0].removeprefix("# ")
        (self.folder / name).write_text(text, "utf-8")

    def type(self, line: str) -> None:
        command, _, comment = line.partition("  # ")
        if command == "cd mylib":
            self.place = self.folder
        elif command == "almahook serve":
            self.serve()
        elif command.startswith("almahook simulate"):
            self.simulate(command)
        else:
            self.run(command, status=1 if comment == "ends with 1" else 0)

    def serve(self) -> None:
        assert self.place == self.folder
        if self._listener is not None:
            assert self._listener.stop() == 0
        self._listener = self._stack.enter_context(
            running("serve", cwd=self.folder, env={"ALMAHOOK_PORT": self.port or "0"})
        )
        self.port = self._listener.wait_for(r"listens on http://127.0.0.1:(\d+)")[1]
        self.said = self._listener.wait_for(r"(.|\n)*Handlers: .*\n")[0]

    def simulate(self, command: str) -> None:
        words = shlex.split(command.replace(":8080", f":{self.port}"))
        alma = self._stack.enter_context(running(*words[1:], "--port", "0", cwd=self.folder))
        self.alma = alma.wait_for(r'api_url = "(\S+)"')[1]
        self.key = alma.wait_for(r"ALMAHOOK_API_KEY=(\S+)")[1]
        self.said = alma.wait_for(r"(.|\n)*simulator/log\n")[0]

    def run(self, command: str, *, status: int) -> None:
        environ = environment(ALMAHOOK_PORT=self.port or "8080", PATH=f"{SCRIPTS}:/usr/bin:/bin")
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.place,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        self.said = done.stdout
        assert done.returncode == status, f"{command}\n{done.stdout}{done.stderr}"
        if command.startswith("almahook send JOB_END") and not status:
            self._texts += 1
            outbox = self.folder / "data" / "outbox.jsonl"
            # Be as slow as a person, who types the next command.
            assert until(lambda: len(read_outbox(outbox)) == self._texts, timeout_s=WAIT_S)


@pytest.mark.timeout(240)
def test_every_command_of_the_first_evening_works_and_says_what_the_page_shows(tmp_path):
    with ExitStack() as stack:
        evening = Evening(tmp_path, stack)
        evening.read(EVENING)
    assert evening.typed[0] == "almahook init mylib --country US"
    assert len(evening.typed) > 15


def test_what_is_not_typed_here_is_only_what_one_machine_cannot_do():
    lines = [line for text in blocks(EVENING, "sh") for line in text.splitlines()]
    left_out = [line for line in lines if line.startswith(NOT_HERE)]
    assert left_out == [
        "python3 -m venv venv",
        ". venv/bin/activate",
        "pip install 'almahook[server]' pytest",
        "sudo useradd --system --home-dir /srv/almahook almahook",
        "sudo mkdir -p /srv/almahook/data",
        "sudo chown -R almahook: /srv/almahook",
        "sudo systemctl enable --now almahook",
        "almahook challenge https://hooks.example.edu/webhooks/main",
    ]


@pytest.mark.parametrize("kind", ["caddy", "nginx", "systemd"])
def test_both_pages_show_the_same_files(kind):
    assert block(EVENING, kind) == block(DEPLOY, kind)


def test_the_proxies_hand_on_to_the_port_that_the_listener_has(tmp_path):
    settings = load_settings(environment={})
    for kind in ("caddy", "nginx"):
        assert f"{settings.host}:{settings.port}" in block(DEPLOY, kind)


def test_nginx_lets_bodies_through_that_the_listener_takes():
    limit = re.search(r"client_max_body_size (\d+)m;", block(DEPLOY, "nginx"))
    assert limit is not None
    assert int(limit[1]) * 1024 * 1024 >= load_settings(environment={}).max_body_bytes


def test_nginx_hands_the_path_on_unchanged():
    # A path behind the address would replace the location's.
    assert re.search(r"proxy_pass http://[\d.:]+;", block(DEPLOY, "nginx"))


def test_the_unit_stops_later_than_the_listener_and_does_not_repeat_wrong_settings():
    unit = configparser.ConfigParser(strict=True)
    unit.optionxform = str
    unit.read_string(block(DEPLOY, "systemd"))
    service = unit["Service"]
    assert service["ExecStart"].endswith("/venv/bin/almahook serve")
    assert int(service["TimeoutStopSec"]) > 2 * load_settings(environment={}).stop_timeout_s
    assert int(service["RestartPreventExitStatus"]) == WRONG_USE
    assert service["ReadWritePaths"] == f"{service['WorkingDirectory']}/data"


def test_the_health_check_of_the_container_knows_a_listener_that_is_ready(tmp_path):
    line = next(
        line for line in block(DEPLOY, "dockerfile").splitlines() if line.startswith("HEALTHCHECK")
    )
    python, *rest = json.loads(line.removeprefix("HEALTHCHECK CMD "))
    assert python == "python"

    def check(port: str) -> int:
        words = [word.replace(":8080", f":{port}") for word in rest]
        done = subprocess.run([sys.executable, *words], capture_output=True, check=False)
        return done.returncode

    with serving(tmp_path) as address:
        port = address.rpartition(":")[2]
        assert check(port) == 0
    assert check(port) != 0


def test_the_container_starts_the_listener_on_all_of_its_addresses(tmp_path):
    text = block(DEPLOY, "dockerfile")
    (command,) = re.findall(r"(?m)^CMD (\[.*\])$", text)
    assert json.loads(command) == ["almahook", "serve"]
    host = re.findall(r"ALMAHOOK_HOST=(\S+)", text)[0]
    with serving(tmp_path, ALMAHOOK_HOST=host) as address:
        assert address.startswith("http://0.0.0.0:")


def test_the_links_of_the_pages_lead_somewhere():
    for page in (EVENING, DEPLOY, (DOCS / "cli.md").read_text("utf-8")):
        for link in re.findall(r"\]\(([a-z-]+\.md)\)", page):
            assert (DOCS / link).is_file(), link
