import os
import socket
import sqlite3
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from almahook.cli import check_inbox as inbox_check
from almahook.cli.check_alma import judge_clock
from almahook.cli.check_listener import judge_certificate
from almahook.cli.finding import ago
from almahook.cli.probe import is_probe
from almahook.inbox import RunState
from almahook.inbox.sqlite import SQLiteInbox
from almahook.simulator import Simulator
from operating import DAY, HOUR, SECRET, Project
from running import Says, Stranger, run, running, serving

TLS = Path(__file__).parent / "tls"
LONG_SECRET = "a long secret of the library"

Findings = list[dict[str, Any]]
Examine = Callable[..., Findings]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, project: Project) -> None:
    """Point everything at this machine; nothing listens at the settings' port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        monkeypatch.setenv("ALMAHOOK_PORT", str(free.getsockname()[1]))
    project.write("secret", LONG_SECRET)


@pytest.fixture
def examine(almahook) -> Examine:
    """Run the check-up, and return what it found."""

    def it(*arguments: str) -> Findings:
        said = almahook("doctor", "--json", *arguments)
        assert SECRET not in said.out + said.err
        assert LONG_SECRET not in said.out + said.err
        findings = said.json["findings"]
        has_problem = any(one["state"] == "problem" for one in findings)
        assert said.status == (1 if has_problem else 0)
        assert said.json["ok"] is not has_problem
        for one in findings:
            assert one["fix"] or one["state"] == "ok", one
        return findings

    return it


@pytest.fixture
def alma(project: Project) -> Iterator[Simulator]:
    """An Alma whose API the settings name."""
    with Simulator() as alma:
        set_up(
            project,
            f'api_url = "{alma.api_url}"\napi_key = "env:ALMA_KEY"',
            env=f"ALMA_KEY={alma.api_key}",
        )
        yield alma


@pytest.fixture
def stranger() -> Iterator:
    made: list[Stranger] = []

    def make(answer, *, tls: ssl.SSLContext | None = None) -> Stranger:
        made.append(Stranger(answer, tls=tls))
        return made[-1]

    yield make
    for one in made:
        one.close()


def set_up(
    project: Project, profile: str = "", *, top: str = "", more: str = "", env: str = ""
) -> None:
    project.write(
        "almahook.toml",
        f'{top}\ninbox = "sqlite:inbox.db"\n'
        f'[profiles.main]\nsecrets = ["file:secret"]\n{profile}\n{more}\n',
    )
    project.write(".env", env).chmod(0o600)
    (project.folder / "secret").chmod(0o600)


def of(findings: Findings, check: str) -> Findings:
    return [one for one in findings if one["check"] == check]


def worst(findings: Findings, check: str) -> tuple[str, str]:
    """Return the state and all words of the worst finding of a check."""
    order = ["ok", "warning", "problem"]
    one = max(of(findings, check), key=lambda finding: order.index(finding["state"]))
    return one["state"], f"{one['text']} {one['fix']}"


# Against the real listener.


def test_a_listener_that_works_has_no_problem(project, examine, alma):
    project.receive("LOAN", event="LOAN_RETURNED")
    project.dispatch("loan")
    project.end(project.lease("loan"), RunState.SUCCEEDED)
    with serving(project.folder) as address:
        findings = examine("--url", address)
    assert [one for one in findings if one["state"] == "problem"] == []
    texts = " ".join(one["text"] for one in findings)
    assert "answers the challenge" in texts
    assert "takes what is signed with secret 1 of the profile main" in texts
    assert "The handler job_end takes action or event JOB_END." in texts
    assert "Alma takes the key of the profile main. Calls left today:" in texts
    assert "LOAN LOAN_RETURNED" in texts
    assert "The clock agrees" in texts


def test_it_leaves_no_event_and_no_refused_request_behind(project, examine):
    set_up(project)
    real = project.refuse(ago=HOUR)
    with serving(project.folder) as address:
        assert worst(examine("--url", address), "secret")[0] == "ok"
        assert [one.id for one in project.inbox.rejections(limit=10)] == [real]
    assert project.inbox.backlog().pending == 0


def test_it_says_so_when_the_listener_was_started_with_another_secret(project, examine):
    set_up(project)
    with serving(project.folder) as address:
        project.write("secret", "another long secret since then")
        state, words = worst(examine("--url", address), "secret")
    assert state == "problem"
    assert "Restart it" in words
    # It was refused like anybody's, and is not taken for a refusal of Alma's.
    assert all(is_probe(one.body) for one in project.inbox.rejections(limit=10))


def test_each_secret_of_a_rotation_is_asked_about(project, examine):
    project.write(
        "almahook.toml",
        'inbox = "sqlite:inbox.db"\n[profiles.main]\nsecrets = ["file:secret", "file:old"]\n',
    )
    project.write("old", "the long secret of last year")
    with serving(project.folder) as address:
        project.write("old", "the long secret that never was")
        found = of(examine("--url", address), "secret")
    told = {one["text"]: one["state"] for one in found}
    assert told["The listener takes what is signed with secret 1 of the profile main."] == "ok"
    text = "The listener does not take what is signed with secret 2 of the profile main."
    assert told[text] == "problem"


@pytest.mark.parametrize("refuse_status", [401, 503])
@pytest.mark.parametrize("mode", ["inbox", "direct"])
def test_the_question_about_the_secret_is_understood_in_every_mode(
    project, examine, mode, refuse_status
):
    set_up(project, f"refuse_status = {refuse_status}", top=f'mode = "{mode}"')
    with serving(project.folder) as address:
        assert worst(examine("--url", address), "secret")[0] == "ok"
        project.write("secret", "another long secret since then")
        assert worst(examine("--url", address), "secret")[0] == "problem"


def test_a_listener_that_has_no_secret_is_told_apart_from_one_that_has_another(project, examine):
    project.write("almahook.toml", 'inbox = "sqlite:inbox.db"\n[profiles.main]\n')
    with serving(project.folder) as address:
        set_up(project)
        state, words = worst(examine("--url", address), "secret")
    assert state == "problem"
    assert "has no secret" in words


def test_every_profile_is_asked_or_only_the_one_of_the_url(project, examine):
    project.write(
        "almahook.toml",
        'inbox = "sqlite:inbox.db"\n[profiles.main]\nsecrets = ["file:secret"]\n'
        '[profiles.sandbox]\nsecrets = ["file:secret"]\n',
    )
    with serving(project.folder) as address:
        both = of(examine("--url", address), "reachable")
        one = of(examine("--url", f"{address}/webhooks/sandbox"), "reachable")
    assert [finding["state"] for finding in both] == ["ok", "ok"]
    assert ["/webhooks/sandbox" in finding["text"] for finding in one] == [True]


def test_after_a_first_run_without_settings_it_knows_the_secret(tmp_path):
    folder = tmp_path / "bare"
    folder.mkdir()
    with serving(folder) as address:
        done = run("doctor", "--url", address, cwd=folder)
    assert "takes what is signed with secret 1" in " ".join(done.out.split())
    assert "problem  " not in done.out
    assert done.status == 0


def test_it_can_be_read_by_a_person_in_eighty_columns(project):
    set_up(project)
    done = run("doctor", cwd=project.folder, env={"ALMAHOOK_PORT": os.environ["ALMAHOOK_PORT"]})
    assert done.status == 1
    assert "problem  http://127.0.0.1:" in done.out
    assert "Fix: Start it: almahook serve." in done.out
    assert done.out.splitlines()[-1].startswith("1 problem, ")
    lines = [line for line in done.out.splitlines() if "/" not in line]
    assert max(map(len, lines)) <= 80
    assert done.err == ""


# Reachable.


def test_without_a_listener_the_rest_is_looked_at_all_the_same(project, examine):
    set_up(project)
    findings = examine()
    assert worst(findings, "reachable")[0] == "problem"
    assert {"settings", "secret", "handlers", "notify", "inbox", "disk", "backlog", "alma"} <= {
        one["check"] for one in findings
    }


def test_a_port_that_is_not_known_is_asked_for(project, examine, monkeypatch):
    set_up(project)
    monkeypatch.setenv("ALMAHOOK_PORT", "0")
    assert "--url URL" in worst(examine(), "reachable")[1]


def test_an_address_of_another_machine_must_be_https(project, examine, monkeypatch):
    # So that no name is looked up.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    set_up(project, top='public_url = "http://hooks.invalid"')
    assert worst(examine(), "https")[0] == "problem"


def test_a_public_address_that_fails_is_told_apart_from_a_listener_that_does_not_run(
    project, examine, monkeypatch
):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    set_up(project, top='public_url = "https://hooks.invalid"')
    port = os.environ["ALMAHOOK_PORT"]

    public, behind = of(examine(), "reachable")
    assert public["state"] == "problem"
    assert public["text"].startswith("https://hooks.invalid/webhooks/main: ")
    assert behind["text"].startswith("Nor does a listener answer on http://127.0.0.1:")

    with running("serve", cwd=project.folder, env={"ALMAHOOK_PORT": port}) as listener:
        listener.wait_for("listens on")
        public, behind = of(examine(), "reachable")
    assert public["state"] == "problem"
    assert behind["text"] == f"The listener itself answers on http://127.0.0.1:{port}."


def test_a_profile_that_the_settings_do_not_have_is_named(project, examine, stranger):
    set_up(project)
    listener = stranger(lambda asked: Says(f'{{"challenge":"{asked.challenge}"}}'))
    found = examine("--url", f"{listener.base}/webhooks/other")
    assert "no profile other" in worst(found, "secret")[1]


def test_the_end_of_the_certificate_is_looked_at(project, examine, stranger, monkeypatch):
    set_up(project)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "good.pem", TLS / "key.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "authority.pem"))
    listener = stranger(lambda asked: Says(f'{{"challenge":"{asked.challenge}"}}'), tls=context)
    state, words = worst(examine("--url", listener.base), "certificate")
    assert state == "ok"
    assert "more days" in words


def test_a_certificate_that_ends_within_two_weeks_is_a_warning():
    assert judge_certificate(15 * DAY, now=0).state == "ok"
    assert judge_certificate(13 * DAY, now=0).state == "warning"


def test_a_listener_that_takes_anything_is_not_said_to_have_the_secret(project, examine, stranger):
    set_up(project)
    url = stranger(lambda asked: Says(f'{{"challenge":"{asked.challenge}"}}')).base
    state, words = worst(examine("--url", url), "secret")
    assert state == "warning"
    assert "taken what is no message" in words


def test_a_proxy_that_answers_400_to_all_is_not_said_to_have_the_secret(project, examine, stranger):
    set_up(project)

    def answer(asked) -> Says:
        return Says(f'{{"challenge":"{asked.challenge}"}}', status=200 if asked.challenge else 400)

    assert worst(examine("--url", stranger(answer).base), "secret")[0] == "warning"


# Settings, handlers, accounts.


@pytest.mark.parametrize(
    ("text", "named"), [("port = ", "TOML"), ("prot = 1", "Did you mean port?")]
)
def test_settings_that_cannot_be_read_are_the_one_problem(project, examine, text, named):
    project.write("almahook.toml", text)
    (only,) = examine()
    assert (only["check"], only["state"]) == ("settings", "problem")
    assert named in only["text"]


def test_a_secret_that_is_not_there_is_named(project, examine):
    set_up(project)
    (project.folder / "secret").unlink()
    assert worst(examine(), "secret")[0] == "problem"


def test_a_profile_without_a_secret_is_a_problem(project, examine):
    project.write("almahook.toml", 'inbox = "sqlite:inbox.db"\n[profiles.main]\n')
    state, words = worst(examine(), "secret")
    assert state == "problem"
    assert "profiles.main.secrets" in words


def test_a_short_secret_is_a_warning(project, examine):
    set_up(project)
    project.write("secret", "short")
    assert worst(examine(), "secret")[0] == "warning"


@pytest.mark.parametrize("name", [".env", "secret", "inbox.db"])
def test_a_file_with_secrets_or_patron_data_that_others_may_read_is_named(project, examine, name):
    set_up(project)
    assert of(examine(), "privacy") == []
    (project.folder / name).chmod(0o644)
    (only,) = of(examine(), "privacy")
    assert only["fix"].startswith("chmod 600 ")
    assert only["fix"].endswith(name)


def test_handlers_that_do_not_load_are_a_problem(project, examine):
    set_up(project)
    project.write("handlers/bib.py", "def process(")
    state, words = worst(examine(), "handlers")
    assert state == "problem"
    assert "bib.py" in words


def test_no_handlers_is_a_warning(project, examine):
    set_up(project)
    for file in (project.folder / "handlers").iterdir():
        if file.is_file():
            file.unlink()
    assert worst(examine(), "handlers")[0] == "warning"


@pytest.mark.parametrize(
    ("notify", "state", "named"),
    [
        ("", "warning", "no account"),
        ("dry_run = true", "warning", "dry run"),
        ('sms = ["nonsense"]', "problem", "notify.sms"),
        ('default_country = "XX"', "problem", "default_country"),
        ('sms = ["env:NOT_SET"]', "problem", "NOT_SET"),
    ],
)
def test_accounts_are_looked_at(project, examine, *, notify, state, named):
    set_up(project, more=f"[notify]\n{notify}")
    found = of(examine(), "notify")
    assert any(one["state"] == state and named in one["text"] for one in found), found


def test_numbers_without_a_country_are_warned_about(project, examine):
    set_up(project, more="[notify]\ndry_run = true")
    assert any("default_country" in one["fix"] for one in of(examine(), "notify"))
    set_up(project, more='[notify]\ndry_run = true\ndefault_country = "US"')
    assert not any("default_country" in one["fix"] for one in of(examine(), "notify"))


def test_accounts_that_are_well_formed_are_counted_and_nothing_is_sent(project, examine, stranger):
    service = stranger(lambda _: Says())
    url = f"json://127.0.0.1:{service.base.rpartition(':')[2]}/{{to}}"
    set_up(project, more=f'[notify]\nsms = ["{url}"]\nchat = ["{url}"]\ndefault_country = "US"')
    assert worst(examine(), "notify")[0] == "ok"
    assert service.asked == []


# Alma's API.


def test_without_a_key_handlers_cannot_call_alma(project, examine):
    set_up(project)
    assert worst(examine(), "api_key")[0] == "warning"
    set_up(project, 'api_key = "env:ALMA_KEY"', env="ALMA_KEY=\n")
    assert worst(examine(), "api_key")[0] == "warning"


def test_a_key_that_alma_does_not_take_is_a_problem(project, examine, alma):
    project.write(".env", "ALMA_KEY=l8xxwrong")
    state, words = worst(examine(), "api_key")
    assert state == "problem"
    assert "does not take the key" in words
    assert "l8xxwrong" not in words


def test_few_calls_left_are_a_warning(examine, alma):
    alma.limits.remaining = 50
    state, words = worst(examine(), "api_key")
    assert state == "warning"
    assert "Calls left today: 49" in words


def test_a_key_for_other_areas_is_no_problem(examine, alma):
    alma.faults.add("/conf/test", status=403)
    assert worst(examine(), "api_key")[0] == "warning"


def test_an_alma_that_cannot_be_reached_is_a_problem(project, examine):
    set_up(project, 'api_url = "http://127.0.0.1:1"\napi_key = "env:ALMA_KEY"', env="ALMA_KEY=l8xx")
    state, words = worst(examine(), "api_key")
    assert state == "problem"
    assert "region" in words


def test_a_region_that_is_none_is_a_problem(project, examine):
    set_up(project, 'region = "moon"\napi_key = "env:ALMA_KEY"', env="ALMA_KEY=l8xx")
    assert worst(examine(), "api_key")[0] == "problem"


def test_a_clock_that_is_off_by_more_than_a_minute_is_a_warning():
    assert judge_clock(1000.0, now=1050.0).state == "ok"
    ahead, behind = judge_clock(1000.0, now=1100.0), judge_clock(1000.0, now=800.0)
    assert (ahead.state, behind.state) == ("warning", "warning")
    assert "ahead of" in ahead.text
    assert "behind" in behind.text


# The inbox.


def test_an_inbox_that_is_not_there_is_not_made(project, examine):
    set_up(project, top="")
    text = (project.folder / "almahook.toml").read_text()
    project.write("almahook.toml", text.replace("sqlite:inbox.db", "sqlite:data/new.db"))
    assert worst(examine(), "inbox")[0] == "warning"
    assert not (project.folder / "data").exists()


def test_an_inbox_that_is_no_database_is_a_problem(project, examine):
    set_up(project)
    project.write("almahook.toml", 'inbox = "sqlite:other.db"\n[profiles.main]\n')
    project.write("other.db", "this is no database at all" * 100).chmod(0o600)
    assert worst(examine(), "inbox")[0] == "problem"


def test_an_inbox_that_another_program_holds_is_a_problem(project, examine):
    set_up(project)
    with closing(sqlite3.connect(project.folder / "inbox.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        state, words = worst(examine(), "inbox")
        other.execute("ROLLBACK")
    assert state == "problem"
    assert "locked" in words


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_inbox_that_cannot_be_written_is_a_problem(project, examine):
    set_up(project)
    (project.folder / "inbox.db").chmod(0o400)
    assert worst(examine(), "inbox")[0] == "problem"


@pytest.mark.parametrize(("version", "state"), [(0, "warning"), (999, "problem")])
def test_another_schema_is_told_and_not_changed(project, examine, stranger, version, state):
    set_up(project)
    text = (project.folder / "almahook.toml").read_text()
    project.write("almahook.toml", text.replace("inbox.db", "other.db"))
    file = project.folder / "other.db"

    def pragma(text: str) -> Any:
        with closing(sqlite3.connect(file)) as connection:
            return connection.execute(f"PRAGMA {text}").fetchone()

    def answer(asked) -> Says:
        """Answer as a listener that has the secret, so that there is a question to forget."""
        if asked.challenge:
            return Says(f'{{"challenge":"{asked.challenge}"}}')
        return Says('{"error":"body.json","message":""}', status=400)

    pragma(f"user_version = {version}")
    findings = examine("--url", stranger(answer).base)
    assert worst(findings, "secret")[0] == "ok"
    assert worst(findings, "schema")[0] == state
    assert pragma("user_version") == (version,)


@pytest.mark.parametrize(
    ("kind", "state"),
    [("ext4", "ok"), ("tmpfs", "problem"), ("nfs4", "problem"), ("overlay", "warning")],
)
def test_the_kind_of_disk_is_looked_at(project, examine, monkeypatch, kind, state):
    set_up(project)
    mounts = project.write(
        "mounts", f"/dev/x / ext4 rw 0 0\nsome {project.folder.resolve()} {kind} rw 0 0\n"
    )
    monkeypatch.setattr(inbox_check, "_MOUNTS", mounts)
    found = [one for one in of(examine(), "disk") if "free" not in one["text"]]
    assert [one["state"] for one in found] == ([] if state == "ok" else [state])


def test_parked_runs_are_counted(project, examine):
    set_up(project)
    project.ended(RunState.PARKED, action="JOB_END", handler="job_end", error="no export")
    state, words = worst(examine(), "parked")
    assert state == "warning"
    assert "almahook events list --state parked" in words


def test_events_that_no_worker_takes_are_a_problem(project, examine):
    set_up(project)
    project.receive("LOAN", ago=HOUR)
    state, words = worst(examine(), "backlog")
    assert state == "problem"
    assert "almahook work" in words


def test_events_that_have_just_come_are_no_backlog(project, examine):
    set_up(project)
    project.receive("LOAN", ago=10)
    assert worst(examine(), "backlog")[0] == "ok"


def test_runs_that_wait_for_long_are_a_warning(project, examine):
    set_up(project)
    project.ended(RunState.WAITING, ago=2 * HOUR, error="Alma is down")
    assert worst(examine(), "backlog")[0] == "warning"


# What Alma has sent.


def test_before_alma_has_called_it_says_what_to_press(project, examine):
    set_up(project)
    state, words = worst(examine(), "alma")
    assert state == "warning"
    assert "Activate" in words


def test_the_last_event_is_told(project, examine):
    set_up(project)
    project.receive("LOAN", event="LOAN_RETURNED", ago=3 * HOUR)
    state, words = worst(examine(), "alma")
    assert state == "ok"
    assert "3 hours ago: LOAN LOAN_RETURNED" in words


def test_a_long_silence_is_a_warning(project, examine):
    set_up(project)
    project.receive("LOAN", ago=8 * DAY)
    assert worst(examine(), "alma")[0] == "warning"


def test_a_refusal_since_the_last_event_is_told_with_its_reason(project, examine):
    set_up(project)
    project.receive("LOAN", ago=2 * HOUR)
    project.refuse(ago=3 * HOUR)
    assert worst(examine(), "alma")[0] == "ok"
    project.refuse(ago=HOUR)
    state, words = worst(examine(), "alma")
    assert state == "problem"
    assert "No configured secret produced this signature." in words
    assert "1 hour ago" in words


def test_a_visit_of_a_browser_is_no_refusal_of_alma_s(project, examine):
    set_up(project)
    project.receive("LOAN", ago=HOUR)
    project.refuse(code="challenge.missing", method="GET", body=b"", reason="a visit", status=400)
    assert worst(examine(), "alma")[0] == "ok"


def test_no_patron_data_of_an_event_is_shown(project, almahook):
    set_up(project)
    project.receive("LOAN", user_id="amendez")
    project.refuse()
    said = almahook("doctor")
    assert "amendez" not in said.out + said.err


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5, "less than a minute ago"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (86_400, "1 day ago"),
        (-5, "less than a minute ago"),
    ],
)
def test_ages_are_said_in_words(seconds, words):
    assert ago(seconds) == words


def test_other_processes_may_use_the_inbox_meanwhile(project, examine):
    set_up(project)
    with closing(SQLiteInbox(project.folder / "inbox.db")) as other:
        examine()
        assert other.backlog().pending == 0
        project.receive("LOAN")
