import logging
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from almahook.alma import REGIONS, AlmaClient
from almahook.errors import every

from .conftest import Script

PAGE = (Path(__file__).parents[2] / "docs" / "alma-api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_code_block_of_the_page_runs(block: str, client: AlmaClient, alma: Script) -> None:
    ctx = SimpleNamespace(alma=client, log=logging.getLogger("handler"))
    exec(compile(block, "alma-api.md", "exec"), {"ctx": ctx})
    assert alma.seen


def test_every_call_is_in_the_page() -> None:
    public = [name for name in dir(AlmaClient) if not name.startswith("_") and name != "close"]
    assert [name for name in public if f"{name}" not in PAGE] == []


def test_every_region_and_its_host_are_in_the_page() -> None:
    rows = [f"| `{region}` | {host.removeprefix('https://')} |" for region, host in REGIONS.items()]
    assert [row for row in rows if row not in PAGE] == []


def test_every_error_is_in_the_page() -> None:
    known = [name for name in every.__all__ if re.fullmatch(r"Alma(?!Hook)\w*Error", name)]
    assert [name for name in known if f"`{name}`" not in PAGE] == []
