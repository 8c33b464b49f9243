import re
from pathlib import Path

from almahook import Skip
from almahook.testing import context, run, sample_event, user

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")
NAME, CODE = re.search(
    r"^```python\n# handlers/(\w+\.py)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE
).groups()


def test_the_handler_of_the_readme_sends_one_text_for_a_laptop_and_none_else(tmp_path) -> None:
    file = tmp_path / NAME
    file.write_text(CODE, encoding="utf-8")
    ctx = context(users={"amendez": user(preferred_sms="+1 555 010 0123")})
    laptop = {"item_policy": "FACSTAFFLAPTOP", "user_id": "amendez", "title": "Laptop"}
    run(file, sample_event("LOAN", event="LOAN_RETURNED", **laptop), ctx)
    assert [message.text for message in ctx.sent] == ["Thank you for Laptop."]

    book = sample_event("LOAN", event="LOAN_RETURNED", item_policy="BOOK")
    assert run(file, book, context()) == Skip("not a laptop")


def test_every_make_target_of_the_readme_is_one() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", PAGE)) <= targets | {"and"}
