import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from almahook.errors import InvalidNumberError
from almahook.notify import Notifier, Outbox, international
from almahook.notify.target import Target

PAGE = (Path(__file__).parents[2] / "docs" / "notify.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
URLS = re.findall(r"^\| (.*?) \| `(\w+://.*?)` \|$", PAGE, re.MULTILINE)
NUMBERS = re.findall(r"^\| (`.*`) \| (`[A-Z]{2}`|any|none) \| (.*) \|$", PAGE, re.MULTILINE)

# What stands in the page for something that each library has of its own.
VALUES = {
    "SID": f"AC{'0123456789abcdef' * 2}",
    "TOKEN": "fedcba98" * 4,
    "KEY": "AKIAEXAMPLE",
    "SECRET": "wJalrXUtnFEMI",
    "REGION": "us-east-1",
    "FROM": "15550100000",
    "USER": "library",
    "PASSWORD": "pass",
    "HOST": "mail.example.org",
}


@pytest.mark.parametrize("block", BLOCKS)
def test_every_code_block_of_the_page_runs(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    notify = Notifier(dry_run=True, outbox=Outbox(Path("data/outbox.jsonl")))
    notify.chat("kept before")

    def once(_: str, function: Callable[..., Any], *args: Any) -> None:
        function(*args)

    exec(compile(block, "notify.md", "exec"), {"ctx": SimpleNamespace(notify=notify, once=once)})
    assert len(notify.outbox.messages) > 1 or "kept before" in capsys.readouterr().out


@pytest.mark.parametrize(("service", "url"), URLS)
def test_every_url_of_the_page_takes_a_recipient(service: str, url: str) -> None:
    filled = re.sub(r"[A-Z]{3,}", lambda found: VALUES[found[0]], url)
    kind: Any = "mail" if "mail" in service else "sms"
    assert Target(filled, kind=kind, position=1).scheme in url


@pytest.mark.parametrize(("typed", "country", "sent"), NUMBERS)
def test_every_number_of_the_page_goes_where_it_says(typed: str, country: str, sent: str) -> None:
    countries = {"any": ["", "US", "IL"], "none": [""]}.get(country, [country.strip("`")])
    for default in countries:
        for number in re.findall(r"`(.*?)`", typed):
            try:
                found = f"`{international(number, default_country=default)}`"
            except InvalidNumberError:
                found = "refused"
            assert found == sent


def test_the_page_has_what_the_tests_look_for() -> None:
    assert (len(BLOCKS), len(URLS), len(NUMBERS)) == (4, 6, 7)
