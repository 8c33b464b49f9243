from typing import Any

import pytest

from almahook.errors import ConfigurationError
from almahook.notify import Notifier
from almahook.notify.target import Target

SID = "AC0123456789abcdef0123456789abcdef"
TOKEN = "fedcba9876543210fedcba9876543210"
TWILIO = f"twilio://{SID}:{TOKEN}@15550100000"
SNS = "sns://AKIAIOSFODNN7EXAMPLE/wJalrXUtnFEMI/K7MDENGbPxRfiCYEXAMPLEKEY/us-east-1"
NUMBER = "+442079460123"
ADDRESS = "ana+mendez@example.edu"


def plugin(url: str, kind: Any, to: str) -> Any:
    return Target(url, kind=kind, position=1)._plugin(to)


@pytest.mark.parametrize("url", [TWILIO, f"{TWILIO}/", f"{TWILIO}/{{to}}"])
def test_twilio_gets_the_number(url: str) -> None:
    found = plugin(url, "sms", NUMBER)
    assert found.targets == [("T", NUMBER)]
    assert (found.account_sid, found.auth_token, found.source) == (SID, TOKEN, "+15550100000")


def test_an_option_of_the_url_is_kept() -> None:
    found = plugin(f"{TWILIO}?method=call", "sms", NUMBER)
    assert (found.method, found.targets) == ("call", [("T", NUMBER)])


def test_sns_gets_the_number() -> None:
    found = plugin(SNS, "sms", NUMBER)
    assert (found.phone, found.topics) == ([NUMBER], [])
    assert found.aws_region_name == "us-east-1"


@pytest.mark.parametrize(
    "url",
    [
        "mailtos://library:pass@mail.example.org",
        "mailtos://library:pass@mail.example.org/",
        "mailtos://library:pass@mail.example.org?from=library@example.edu",
        "mailtos://library:pass@mail.example.org?to={to}",
        "mailto://127.0.0.1:25?from=library@example.edu",
        "sendgrid://abcd123:library@example.edu",
    ],
)
def test_a_mail_account_gets_the_address(url: str) -> None:
    found = plugin(url, "mail", ADDRESS)
    assert ADDRESS in str(found.targets)
    assert len(found.targets) == 1


def test_a_mail_account_can_write_to_itself() -> None:
    found = plugin("mailto://library:pass@example.edu", "mail", "library@example.edu")
    assert found.targets == [(False, "library@example.edu")]


def test_the_placeholder_says_where_the_recipient_belongs() -> None:
    assert plugin("clicksend://user:pass@{to}", "sms", NUMBER).targets == ["442079460123"]


def test_a_recipient_that_the_service_drops_is_not_replaced_by_the_accounts_owner() -> None:
    assert plugin("mailtos://library:pass@mail.example.org", "mail", "nobody") is None
    assert plugin(TWILIO, "sms", "+1") is None


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("sms", "s3cret"),
        ("sms", ""),
        ("sms", "twilio://s3cret"),
        ("sms", "s3cret://account"),
        ("mail", "mailtos://"),
        ("mail", "mailtos://user:s3cret@mail.example.org?to=all@example.edu"),
        ("mail", "json://s3cret@gateway.example.edu"),
        ("chat", "slack://s3cret"),
    ],
)
def test_a_wrong_url_names_the_setting_and_its_place_and_nothing_of_itself(
    kind: str, url: str
) -> None:
    good = {"sms": TWILIO, "mail": "mailtos://user:pass@mail.example.org", "chat": "json://x"}
    settings: dict[str, Any] = {kind: [good[kind], url]}
    with pytest.raises(ConfigurationError, match=rf"^Entry 2 of notify\.{kind}\b") as error:
        Notifier(**settings)
    assert "s3cret" not in str(error.value)


def test_a_service_that_takes_no_recipient_at_the_end_is_told_of_the_placeholder() -> None:
    with pytest.raises(ConfigurationError, match=r"write \{to\}"):
        Notifier(mail=["json://gateway.example.edu"])


def test_reprs_show_schemes_only() -> None:
    assert repr(Target(TWILIO, kind="sms", position=1)) == "Target(twilio)"
    assert repr(Notifier(sms=[TWILIO, SNS])) == "Notifier(twilio, sns)"
