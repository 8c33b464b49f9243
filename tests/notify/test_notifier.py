import logging
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from almahook.errors import InvalidNumberError, NotifyError
from almahook.notify import Notifier, Outbox, read_outbox

from .conftest import Gateway, MailServer

NUMBER = "+44 20 7946 0123"
PATH = "/+442079460123"


def test_a_text_is_sent_to_the_international_number(gateway: Gateway) -> None:
    Notifier(sms=[gateway.url], default_country="GB").sms("020 7946 0123", "The job is done.")
    assert gateway.paths == [PATH]
    assert gateway.bodies[0]["message"] == "The job is done."


def test_a_placeholder_is_filled(gateway: Gateway) -> None:
    Notifier(sms=[f"{gateway.url}/send/{{to}}/now"]).sms(NUMBER, "a")
    assert gateway.paths == [f"/send{PATH}/now"]


def test_a_text_goes_through_one_account_only(gateway: Gateway, second_gateway: Gateway) -> None:
    Notifier(sms=[gateway.url, second_gateway.url]).sms(NUMBER, "a")
    assert (len(gateway.bodies), len(second_gateway.bodies)) == (1, 0)


def test_the_next_account_stands_in_for_one_that_fails(
    gateway: Gateway, second_gateway: Gateway
) -> None:
    gateway.status = 500
    Notifier(sms=[gateway.url, second_gateway.url]).sms(NUMBER, "a")
    assert len(second_gateway.bodies) == 1


def test_chat_goes_to_every_room_even_if_one_fails(
    gateway: Gateway, second_gateway: Gateway
) -> None:
    gateway.status = 500
    notifier = Notifier(chat=[gateway.url, second_gateway.url])
    with pytest.raises(NotifyError, match=r"^The chat was not sent: json did not take"):
        notifier.chat("The export has failed.", subject="Export")
    (body,) = second_gateway.bodies
    assert (body["message"], body["title"]) == ("The export has failed.", "Export")


def test_a_text_keeps_its_characters(gateway: Gateway) -> None:
    text = "A & B <c> *d* _e_ \\n {f} :smile: ñ ☃\nsecond line"
    Notifier(chat=[gateway.url]).chat(text)
    assert gateway.bodies[0]["message"] == text


@pytest.mark.parametrize("fault", ["refused", "answered 500"])
def test_a_message_that_is_not_sent_shows_the_scheme_only(
    fault: str, gateway: Gateway, closed_port: int
) -> None:
    gateway.status = 500
    port = closed_port if fault == "refused" else gateway.port
    notifier = Notifier(sms=[f"json://account:s3cret@127.0.0.1:{port}"])
    with pytest.raises(NotifyError) as error:
        notifier.sms(NUMBER, "The job is done.")
    assert str(error.value) == "The sms was not sent: json did not take the message"


def test_neither_numbers_nor_credentials_nor_texts_are_logged(
    gateway: Gateway, closed_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("apprise").setLevel(logging.DEBUG)
    Notifier(sms=[gateway.url]).sms(NUMBER, "a")
    with pytest.raises(NotifyError):
        Notifier(sms=[f"json://account:s3cret@127.0.0.1:{closed_port}"]).sms(NUMBER, "a")
    assert caplog.records == []
    logging.getLogger("apprise").warning("of somebody else")
    assert [record.message for record in caplog.records] == ["of somebody else"]


def test_a_mail_arrives(mail_server: MailServer) -> None:
    Notifier(mail=[mail_server.url]).mail(
        "ana+mendez@example.edu", "Dear Ana,\na < b.", subject="Méndez"
    )
    ((to, mail),) = mail_server.mails
    assert to == ["ana+mendez@example.edu"]
    parts = [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()]
    assert any(b"a < b." in part or b"a &lt; b." in part for part in parts)


def test_each_of_several_addresses_gets_its_own_mail(mail_server: MailServer) -> None:
    addresses = ["ana@example.edu", "ben@example.edu"]
    Notifier(mail=[mail_server.url]).mail(addresses, "a", subject="b")
    assert [to for to, _ in mail_server.mails] == [[address] for address in addresses]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@b@c",
        "a@example.edu,b@example.edu",
        "Ana <a@example.edu>",
        "a@example.edu\r\nBcc: b@example.edu",
        "a@example.edu?cc=b@example.edu",
        f"{'a' * 300}@example.edu",
        [],
    ],
)
def test_what_is_no_address_is_refused_without_being_shown(address: str) -> None:
    with pytest.raises(NotifyError, match=r"mail address") as error:
        Notifier(dry_run=True).mail(address, "a")
    assert "example" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "send"),
    [
        ("sms", lambda notifier: notifier.sms(NUMBER, "a")),
        ("mail", lambda notifier: notifier.mail("a@example.edu", "a")),
        ("chat", lambda notifier: notifier.chat("a")),
    ],
)
def test_without_an_account_the_setting_to_add_is_named(
    kind: str, send: Callable[[Notifier], None]
) -> None:
    with pytest.raises(NotifyError) as error:
        send(Notifier())
    assert f"[notify] {kind} = [" in str(error.value)
    assert "almahook.toml" in str(error.value)
    assert "dry_run = true" in str(error.value)


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(NotifyError, match="empty"):
        Notifier(dry_run=True).chat(" \n")


def test_a_dry_run_sends_nothing_and_keeps_everything(gateway: Gateway, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.jsonl")
    notifier = Notifier(sms=[gateway.url], default_country="GB", dry_run=True, outbox=outbox)
    before = datetime.now(UTC)
    notifier.sms("020 7946 0123", "one")
    notifier.mail(["a@example.edu", "b@example.edu"], "two", subject="s")
    notifier.chat("three")
    assert gateway.bodies == []
    kept = [
        (message.kind, message.to, message.text, message.subject) for message in outbox.messages
    ]
    assert kept == [
        ("sms", "+442079460123", "one", ""),
        ("mail", "a@example.edu", "two", "s"),
        ("mail", "b@example.edu", "two", "s"),
        ("chat", "", "three", ""),
    ]
    assert read_outbox(tmp_path / "outbox.jsonl") == outbox.messages
    assert before <= outbox.messages[0].at <= datetime.now(UTC)


def test_a_dry_run_refuses_a_wrong_number_as_the_real_one_does() -> None:
    with pytest.raises(InvalidNumberError):
        Notifier(dry_run=True).sms("12", "a")


def test_a_dry_run_without_an_outbox_keeps_messages_in_memory() -> None:
    notifier = Notifier(dry_run=True)
    notifier.chat("a")
    assert [message.text for message in notifier.outbox.messages] == ["a"]


def test_without_accounts_nothing_of_the_extra_is_loaded() -> None:
    code = (
        "import sys; from almahook.notify import Notifier; Notifier(); Notifier(dry_run=True)\n"
        "print({'apprise', 'phonenumbers'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"


def test_without_its_extra_the_room_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['apprise'] = None\n"
        "from almahook.errors import MissingExtraError\n"
        "from almahook.notify import Notifier\n"
        "try:\n    Notifier(chat=['json://x'])\n"
        "except MissingExtraError as error:\n    print(error)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "pip install 'almahook[notify]'" in result.stdout
