import re
from pathlib import Path

import pytest

from almahook.config import load_settings, settings_table

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
FILES = re.findall(r"^```toml\n# almahook.toml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_has_every_setting_with_its_default_and_its_help() -> None:
    rows = [f"| `{one.name}` | `{one.default}` | {one.help} |" for one in settings_table()]
    assert [row for row in rows if row not in PAGE] == []


def test_the_page_has_no_setting_that_is_none() -> None:
    names = set(re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE))
    assert names == {one.name for one in settings_table()}


@pytest.mark.parametrize("text", FILES)
def test_every_settings_file_of_the_page_loads(text: str, tmp_path: Path) -> None:
    file = tmp_path / "almahook.toml"
    file.write_text(text, encoding="utf-8")
    assert load_settings(file, environment={}).profiles["main"].secrets
