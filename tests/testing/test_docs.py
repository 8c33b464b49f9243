import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import almahook.testing

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
FILES = dict(
    re.findall(r"^```python\n# (test_\w+\.py)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
)


def test_every_code_block_of_the_page_is_a_test_file() -> None:
    assert len(FILES) == PAGE.count("```python")


@pytest.mark.parametrize("name", FILES)
def test_every_test_of_the_page_passes(name: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "handlers", tmp_path / "handlers")
    (tmp_path / name).write_text(FILES[name], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", name],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_every_public_name_is_in_the_page() -> None:
    public = set(almahook.testing.__all__) - {"HandlerContext"}
    assert [name for name in public if name not in PAGE] == []
