import json
import subprocess
import sys
import tomllib
from pathlib import Path

import almahook

PROJECT = Path(__file__).parents[2] / "pyproject.toml"

# What msgspec loads by itself, such as typing_extensions where it is installed, is its own affair.
LIST_MODULES = """
import sys
import msgspec
before = set(sys.modules)
from almahook import *
import json
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


def test_importing_every_public_name_loads_only_the_standard_library_and_msgspec() -> None:
    result = subprocess.run(
        [sys.executable, "-c", LIST_MODULES], capture_output=True, text=True, check=True
    )
    allowed = sys.stdlib_module_names | {"almahook", "msgspec"}
    assert set(json.loads(result.stdout)) - allowed == set()


def test_importing_the_package_alone_loads_no_handlers() -> None:
    code = "import sys, almahook; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(result.stdout.split())
    assert "almahook" in loaded
    assert loaded & {"almahook.handlers", "almahook.events", "msgspec", "inspect"} == set()


def test_the_public_names_are_exactly_these() -> None:
    assert set(almahook.__all__) == {
        "AlmaHookError",
        "BibEvent",
        "Context",
        "Event",
        "GiveUp",
        "ItemEvent",
        "JobEnd",
        "LoanEvent",
        "NotificationEvent",
        "RequestEvent",
        "Retry",
        "RetryPolicy",
        "Skip",
        "UserEvent",
        "__version__",
        "on",
    }


def test_every_public_name_exists() -> None:
    assert [name for name in almahook.__all__ if not hasattr(almahook, name)] == []


def test_another_name_is_refused_as_by_any_module() -> None:
    assert not hasattr(almahook, "no_such_name")


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    assert almahook.__version__ == project["version"]
