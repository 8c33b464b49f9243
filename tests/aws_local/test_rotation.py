"""A listener whose secrets AWS keeps: they change there, and it goes on serving."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from almahook.app import AppServices, Listener
from almahook.app.aws_secrets import with_aws_secrets
from almahook.config import Settings, load_settings
from almahook.errors import NotifyError
from almahook.handlers import Registry
from almahook.testing import sample
from aws_local.ministack import Ministack
from listening import served, signature

WAIT_S = 30.0


@pytest.fixture
def kept(ministack: Ministack) -> Callable[..., str]:
    """Write a secret of a new name, or of one that is there already; return the name."""
    client = ministack.client("secretsmanager")

    def write(text: str, name: str = "") -> str:
        if name:
            client.put_secret_value(SecretId=name, SecretString=text)
            return name
        made = f"almahook/{uuid4().hex}"
        client.create_secret(Name=made, SecretString=text)
        return made

    return write


@pytest.fixture
def load(tmp_path: Path, aws_environment: Mapping[str, str]) -> Callable[[str], Settings]:
    def load_text(text: str) -> Settings:
        file = tmp_path / "almahook.toml"
        file.write_text(f"port = 0\nsecret_lifetime_s = 0.02\n{text}", "utf-8")
        return load_settings(file)

    return load_text


def eventually(is_so: Callable[[], bool]) -> None:
    ends = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.01)


def post(url: str, secret: str) -> int:
    body = sample("LOAN")
    headers = {"X-Exl-Signature": signature(body, secret=secret)}
    connection = HTTPConnection(urlsplit(url).netloc, timeout=WAIT_S)
    with closing(connection):
        connection.request("POST", "/webhooks/main", body, headers)
        return connection.getresponse().status


def test_a_running_listener_takes_a_new_secret_and_the_previous_one(
    load: Callable[[str], Settings], kept: Callable[..., str]
) -> None:
    name = kept("first")
    listener = Listener(
        load(f'[profiles.main]\nsecrets = ["aws-secretsmanager:{name}"]'), registry=Registry()
    )
    with served(listener) as url:
        assert [post(url, "first"), post(url, "second")] == [200, 401]
        kept("second", name)
        eventually(lambda: post(url, "second") == 200)
        assert post(url, "first") == 200
        kept("third", name)
        eventually(lambda: post(url, "third") == 200)
        assert [post(url, "second"), post(url, "first")] == [200, 401]


def test_a_client_of_alma_gets_the_new_key(
    load: Callable[[str], Settings], kept: Callable[..., str]
) -> None:
    name = kept("l8xx-first")
    settings = load(f'[profiles.main]\napi_key = "aws-secretsmanager:{name}"')
    services = AppServices(with_aws_secrets(settings))
    first = services.alma("main")
    kept("l8xx-second", name)
    eventually(lambda: services.alma("main") is not first)
    services.close()


def test_a_message_goes_out_through_the_new_account(
    load: Callable[[str], Settings], kept: Callable[..., str]
) -> None:
    name = kept("json://first@127.0.0.1:1")
    settings = load(f'[notify]\nsms = ["aws-secretsmanager:{name}"]')
    services = AppServices(with_aws_secrets(settings))
    kept("xml://second@127.0.0.1:1", name)

    def failure() -> str:
        with pytest.raises(NotifyError) as failed:
            services.notify.sms("+14125550123", "hello")
        return str(failed.value)

    eventually(lambda: "xml did not take" in failure())


def test_a_new_account_that_is_none_leaves_the_old_one_in_use(
    load: Callable[[str], Settings], kept: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    name = kept("json://first@127.0.0.1:1")
    settings = load(f'[notify]\nsms = ["aws-secretsmanager:{name}"]')
    services = AppServices(with_aws_secrets(settings))
    kept("hush-7391", name)

    def is_told() -> bool:
        with pytest.raises(NotifyError, match="json did not take"):
            services.notify.sms("+14125550123", "hello")
        return "notify.not_renewed" in caplog.messages

    eventually(is_told)
    assert "7391" not in f"{[vars(record) for record in caplog.records]}"
