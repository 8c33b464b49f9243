import json
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from almahook.cli.demo_wait import until
from almahook.cli.project_settings import CHOSEN, settings_file
from almahook.config import load_settings, settings_table
from almahook.notify import read_outbox
from almahook.simulator import Simulator
from running import WAIT_S, environment, run, running

FILES = {
    "almahook.toml",
    "handlers/job_end.py",
    "tests/test_job_end.py",
    ".env.example",
    ".env",
    ".gitignore",
}


@pytest.fixture
def init(almahook, tmp_path, monkeypatch):
    """Make a project in this process."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: almahook("init", *arguments)


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def secret_of(folder: Path) -> str:
    settings = load_settings(folder / "almahook.toml", environment={})
    (reference,) = settings.profiles["main"].secrets
    return settings.secret(reference).reveal()


# As a newcomer types it.


def test_init_then_serve_then_send_ends_in_a_text_in_the_outbox(tmp_path):
    made = run("init", "mylib", "--country", "us", cwd=tmp_path)
    assert made.status == 0, made.err
    folder = tmp_path / "mylib"
    with Simulator() as alma:
        toml = folder / "almahook.toml"
        toml.write_text(
            toml.read_text().replace(
                '#api_url = "http://127.0.0.1:8090"', f'api_url = "{alma.api_url}"'
            )
        )
        env = folder / ".env"
        env.write_text(
            env.read_text().replace("ALMAHOOK_API_KEY=", f"ALMAHOOK_API_KEY={alma.api_key}")
        )
        with running("serve", "--port", "0", cwd=folder) as listener:
            port = listener.wait_for(r"listens on http://127.0.0.1:(\d+)")[1]
            sent = run(
                "send", "JOB_END", "--set", "name=Export", cwd=folder, env={"ALMAHOOK_PORT": port}
            )
            assert sent.status == 0, sent.out + sent.err
            until(lambda: read_outbox(folder / "data" / "outbox.jsonl"), timeout_s=WAIT_S)
            assert listener.stop() == 0
    (message,) = read_outbox(folder / "data" / "outbox.jsonl")
    assert (message.to, message.text) == ("+15550100123", "The job Export has completed.")


def test_serve_works_at_once_and_tells_what_to_enter_in_alma(tmp_path):
    run("init", "mylib", cwd=tmp_path)
    with running("serve", "--port", "0", cwd=tmp_path / "mylib") as listener:
        listener.wait_for("Dry run")
        listener.wait_for("Webhook listener URL")
        listener.wait_for(r"\(ALMAHOOK_SECRET in .*\.env\)")
        listener.wait_for("Message type           JSON")
        assert listener.stop() == 0
        assert secret_of(tmp_path / "mylib") not in listener.said


def test_the_project_s_own_tests_pass_as_they_are(tmp_path):
    run("init", cwd=tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert "warning" not in done.stdout


def test_the_project_s_tests_fail_when_its_handler_is_broken(tmp_path):
    run("init", cwd=tmp_path)
    handler = tmp_path / "handlers" / "job_end.py"
    handler.write_text(handler.read_text().replace("ctx.notify.sms", "str"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 1


# What it writes.


def test_a_new_folder_gets_every_file(init, tmp_path):
    said = init("deep/mylib")
    assert said.status == 0
    assert files_of(tmp_path / "deep" / "mylib") == FILES
    assert all(f"deep/mylib/{name}" in said.out for name in FILES)
    assert "cd deep/mylib" in said.out
    assert "almahook serve" in said.out


def test_without_a_folder_it_is_the_present_one(init, tmp_path):
    said = init()
    assert files_of(tmp_path) == FILES
    assert "cd " not in said.out


def test_the_secret_is_fresh_and_for_its_owner_only(init, tmp_path):
    said = [init("a"), init("b")]
    secrets = [secret_of(tmp_path / name) for name in ("a", "b")]
    assert len(set(secrets)) == 2
    assert min(map(len, secrets)) >= 32
    for name, secret in zip("ab", secrets, strict=True):
        assert stat.S_IMODE((tmp_path / name / ".env").stat().st_mode) == 0o600
        assert not any(secret in one.out + one.err for one in said)
        public = files_of(tmp_path / name) - {".env"}
        assert not any(secret in (tmp_path / name / file).read_text() for file in public)


def test_a_loose_umask_does_not_open_the_secret_to_others(tmp_path):
    before = os.umask(0)
    try:
        run("init", cwd=tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_what_holds_secrets_and_patron_data_is_not_committed(init, tmp_path):
    init()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "almahook.db").write_text("events")
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert set(listed.stdout.split()) == FILES - {".env"}


def test_the_example_of_the_environment_is_the_same_without_the_secret(init, tmp_path):
    init()
    example, real = (tmp_path / ".env.example").read_text(), (tmp_path / ".env").read_text()
    assert real.replace(secret_of(tmp_path), "") == example
    blocks = [block.strip().split("\n") for block in example.split("\n\n")[1:]]
    assert [line for _, line in blocks] == ["ALMAHOOK_SECRET=", "ALMAHOOK_API_KEY=", "SMS_URL="]
    assert all(help_.startswith("# ") for help_, _ in blocks)


# The settings file.


def test_the_settings_file_loads_and_changes_no_default_but_those_that_were_chosen(init, tmp_path):
    init()
    written = load_settings(tmp_path / "almahook.toml", environment={})
    file = tmp_path / "plain.toml"
    file.write_text(
        "[profiles.main]\n"
        'secrets = ["env:ALMAHOOK_SECRET"]\napi_key = "env:ALMAHOOK_API_KEY"\n'
        "[notify]\ndry_run = true\n"
    )
    plain = load_settings(file, environment={})
    names = [name for name in plain.__struct_fields__ if name not in {"file", "environment"}]
    assert {name: getattr(written, name) for name in names} == {
        name: getattr(plain, name) for name in names
    }


def test_every_setting_is_shown_with_its_help(init):
    lines = settings_file().splitlines()
    for setting in settings_table():
        shown = [line for line in lines if line.lstrip("#").startswith(f"{setting.name} = ")]
        assert len(shown) == 1, setting.name
        start = setting.help.split()[0].lower()
        above = lines[: lines.index(shown[0])]
        assert any(line.lower().startswith(f"# {start}") for line in above), setting.name


def test_every_line_that_is_commented_out_may_be_taken_in(tmp_path):
    text = "\n".join(
        line.removeprefix("#") if line.startswith("#") and not line.startswith("# ") else line
        for line in settings_file().splitlines()
    )
    file = tmp_path / "almahook.toml"
    file.write_text(text)
    load_settings(file, environment={})
    document = tomllib.loads(text)
    names = {("", name) for name in document}
    names |= {("profiles.NAME", name) for name in document["profiles"]["main"]}
    names |= {("notify", name) for name in document["notify"]}
    assert {(one.section, one.name) for one in settings_table()} <= names


def test_the_country_of_phone_numbers_is_set_when_it_is_given(init, tmp_path):
    init("--country", "gb")
    settings = load_settings(tmp_path / "almahook.toml", environment={})
    assert settings.notify.default_country == "GB"


def test_a_country_that_is_none_is_refused_and_nothing_is_written(init, tmp_path):
    said = init("--country", "XX")
    assert said.status == 2
    assert "US or GB" in said.err
    assert files_of(tmp_path) == set()


def test_what_is_chosen_are_settings_that_exist():
    assert set(CHOSEN) <= {(one.section, one.name) for one in settings_table()}


# What is there already.


def test_nothing_that_is_there_is_overwritten_and_each_is_named(init, tmp_path):
    (tmp_path / "handlers").mkdir()
    mine = {"almahook.toml": "port = 1\n", "handlers/job_end.py": "# mine\n"}
    for name, text in mine.items():
        (tmp_path / name).write_text(text)

    said = init()

    assert said.status == 0
    assert {name: (tmp_path / name).read_text() for name in mine} == mine
    assert files_of(tmp_path) == FILES
    assert "kept  almahook.toml" in said.out
    assert "kept  handlers/job_end.py" in said.out
    assert "made  .env\n" in said.out


def test_a_second_time_changes_nothing(init, tmp_path):
    init()
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    said = init("--json")
    assert said.json["made"] == []
    assert set(said.json["kept"]) == FILES
    assert said.json["advice"] == []
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == before


def test_a_link_that_leads_nowhere_is_kept_too(init, tmp_path):
    (tmp_path / ".env").symlink_to(tmp_path / "elsewhere")
    said = init("--json")
    assert ".env" in said.json["kept"]
    assert not (tmp_path / "elsewhere").exists()


def test_a_kept_file_that_lacks_something_is_told_what(init, tmp_path):
    (tmp_path / ".env").write_text("ALMAHOOK_SECRET=\nOTHER=1\n")
    (tmp_path / ".gitignore").write_text("data/\n")
    advice = init("--json").json["advice"]
    assert len(advice) == 2
    assert "ALMAHOOK_SECRET=…" in advice[0]
    assert advice[1].endswith("committed: .env")
    (tmp_path / ".env").write_text("export ALMAHOOK_SECRET=one\n")
    (tmp_path / ".gitignore").write_text(".env\ndata/\n")
    assert init("--json").json["advice"] == []


def test_json_says_what_was_made(init, tmp_path):
    said = init("mylib", "--json")
    assert said.json["folder"] == str(tmp_path / "mylib")
    assert set(said.json["made"]) == FILES
    assert json.loads(said.out) == said.json


@pytest.mark.parametrize("name", ["taken", "taken/deeper"])
def test_a_file_in_the_way_is_named(init, tmp_path, name):
    (tmp_path / "taken").write_text("mine")
    said = init(name)
    assert said.status == 2
    assert "taken" in said.err
    assert "Traceback" not in said.err
    assert (tmp_path / "taken").read_text() == "mine"


def test_what_it_says_fits_into_eighty_columns(init):
    assert max(map(len, init("mylib").out.splitlines())) <= 80
