import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

USE = """
import json, sys, almahook, almahook.cli
from pathlib import Path
from almahook.inbox.sqlite import SQLiteInbox
from almahook.testing import sample_event
from importlib import resources

SQLiteInbox(Path(sys.argv[1]) / "inbox.db").close()
template = resources.files("almahook.handlers.templates") / "job_end.py"
print(json.dumps({
    "from": almahook.__file__,
    "sample": sample_event("JOB_END").action,
    "template": template.is_file(),
    "typed": (resources.files("almahook") / "py.typed").is_file(),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, as an installer would unpack it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_works_without_the_source_tree(wheel: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(wheel)},
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    assert Path(found.pop("from")).is_relative_to(wheel)
    assert found == {"sample": "JOB_END", "template": True, "typed": True}


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    assert {path.name.partition("-")[0] for path in wheel.iterdir()} == {"almahook"}
