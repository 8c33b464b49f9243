import re
from pathlib import Path

import pytest

import almahook.simulator
from almahook.simulator import Simulator

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_every_snippet_of_the_page_runs(snippet, listener):
    snippet = snippet.replace("http://127.0.0.1:8080/webhooks/main", listener.url)
    exec(compile(snippet, "docs/simulator.md", "exec"), {})


def test_the_page_lists_every_user(alma):
    assert all(f"`{user_id}`" in PAGE for user_id in alma.users)


def test_the_public_names_are_there():
    assert all(hasattr(almahook.simulator, name) for name in almahook.simulator.__all__)
    assert "Simulator" in almahook.simulator.__all__
    assert Simulator.__doc__
