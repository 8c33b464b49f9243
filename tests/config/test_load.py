from collections.abc import Callable
from pathlib import Path

import pytest

from almahook.config import Settings, load_settings, settings_table
from almahook.errors import ConfigurationError

Load = Callable[..., Settings]


def test_without_a_file_there_is_one_profile_and_every_default(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(environment={})
    assert list(settings.profiles) == ["main"]
    assert settings.profiles["main"].secrets == []
    assert (settings.host, settings.port, settings.mode) == ("127.0.0.1", 8080, "inbox")
    assert settings.file is None


def test_two_variables_are_enough_to_run_one_profile(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {"ALMAHOOK_SECRET": "s", "ALMAHOOK_API_KEY": "k"}
    settings = load_settings(environment=environment)
    profile = settings.profiles["main"]
    assert [settings.secret(one).reveal() for one in profile.secrets] == ["s"]
    assert settings.secret(profile.api_key).reveal() == "k"


def test_the_file_of_the_working_directory_is_found(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("almahook.toml").write_text("port = 9000")
    assert load_settings(environment={}).port == 9000


def test_a_variable_can_name_the_file(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other.toml").write_text("port = 9001")
    assert load_settings(environment={"ALMAHOOK_SETTINGS": "other.toml"}).port == 9001


def test_what_is_given_wins_over_the_environment_that_over_the_file(load: Load) -> None:
    text = 'port = 1\nhost = "0.0.0.0"\nlog_level = "ERROR"'
    environment = {"ALMAHOOK_PORT": "2", "ALMAHOOK_HOST": "::1"}
    settings = load(text, environment, port=3, host=None)
    assert (settings.port, settings.host, settings.log_level) == (3, "::1", "ERROR")


def test_the_environment_wins_over_a_dotenv_file_that_over_the_settings_file(
    load: Load, tmp_path
) -> None:
    (tmp_path / ".env").write_text("ALMAHOOK_PORT=2\nALMAHOOK_HOST=::1\n")
    settings = load("port = 1\nhost = 'x'\nmode = 'direct'", {"ALMAHOOK_PORT": "3"})
    assert (settings.port, settings.host, settings.mode) == (3, "::1", "direct")


def test_a_dotenv_file_is_taken_word_for_word(load: Load, tmp_path) -> None:
    (tmp_path / ".env").write_text("ALMAHOOK_SECRET='pa$$word ${HOME}'\n")
    settings = load('[profiles.main]\nsecrets = ["env:ALMAHOOK_SECRET"]', {"HOME": "x"})
    assert settings.secret("env:ALMAHOOK_SECRET").reveal() == "pa$$word ${HOME}"


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("0", False), ("FALSE", False)])
def test_a_yes_or_no_can_come_from_the_environment(load: Load, text, expected) -> None:
    assert load("", {"ALMAHOOK_WORKER": text}).worker is expected


def test_relative_paths_are_relative_to_the_settings_file(load: Load, tmp_path) -> None:
    settings = load("")
    assert settings.path(settings.handlers) == tmp_path / "handlers"
    assert settings.path("/srv/handlers") == Path("/srv/handlers")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "no setting prot. Did you mean port?"),
        ("[profiles.main]\nsecret = []", "no setting profiles.main.secret. Did you mean secrets?"),
        ("[notify]\nsmss = []", "no setting notify.smss. Did you mean sms?"),
        ("zzzz = 1", "no setting zzzz. There are: inbox,"),
        ("port = 70000", "port: expected `int` <= 65535"),
        ("port = 'http'", "port: expected `int`"),
        ("mode = 'queue'", "mode: invalid enum value 'queue'"),
        ("max_body_bytes = 0", "max_body_bytes: expected `int` >= 1"),
        ("api_calls_per_second = 26", "api_calls_per_second: expected `float` <= 25.0"),
        ("[profiles.main]\nrefuse_status = 200", "profiles"),
        ("[profiles]\nmain = 1", "profiles"),
        ("notify = 1", "notify"),
        ("port = ", "not valid TOML"),
        ("[profiles.'a/b']", "'a/b' cannot be a part of a URL"),
        ("[profiles.'..']", "cannot be a part of a URL"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(load: Load, text, said) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(text)
    assert said in str(refused.value)


def test_a_wrong_variable_is_refused_by_its_name(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="environment: port: expected `int`"):
        load("", {"ALMAHOOK_PORT": "eighty"})


def test_a_file_that_is_not_there_is_refused_with_the_fix(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="Type: almahook init"):
        load_settings(tmp_path / "almahook.toml", environment={})


def test_a_file_that_is_not_text_is_refused(tmp_path) -> None:
    file = tmp_path / "almahook.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load_settings(file, environment={})


def test_every_setting_has_one_line_of_help_and_a_default() -> None:
    table = settings_table()
    assert {(one.section, one.name) for one in table} >= {
        ("", "inbox"),
        ("profiles.NAME", "secrets"),
        ("notify", "sms"),
    }
    assert all(one.help and "\n" not in one.help and one.default for one in table)


def test_only_settings_of_the_top_have_a_variable() -> None:
    for one in settings_table():
        assert one.environment == ("" if one.section else f"ALMAHOOK_{one.name.upper()}")


def test_a_repr_shows_no_value(load: Load) -> None:
    settings = load("[notify]\nsms = ['twilio://SID:TOKEN@1']", {"ALMAHOOK_SECRET": "hush"})
    assert "TOKEN" not in f"{settings!r} {settings}"
    assert "hush" not in f"{settings!r} {settings}"
