from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from almahook.app.functions import manifest
from almahook.app.functions.manifest_file import write_manifest
from almahook.config import load_settings
from almahook.testing.host_contract import write_settings
from almahook.testing.host_contract.given import OLDER_SECRET, SECRET
from aws_local.ministack import Ministack, ministack
from aws_local.runtime_api import LambdaFunction, lambda_function
from aws_local.stack import Stack, running_stack

__all__ = ["ministack"]

RECEIVE = "almahook.app.functions.receive.handler"
DIRECT = "almahook.app.functions.direct.handler"

# Settings of the host contract, with the secrets where a function has them.
_SECRETS = {"file:secret": "env:SECRET", "file:older-secret": "env:OLDER_SECRET"}
ENVIRONMENT = {"SECRET": SECRET, "OLDER_SECRET": OLDER_SECRET}


def write_function_settings(folder: Path, mode: str) -> Path:
    """Write the settings and the manifest of a function, as ``almahook aws build`` does."""
    file = write_settings(folder, mode)
    text = file.read_text("utf-8")
    for found, wanted in _SECRETS.items():
        text = text.replace(found, wanted)
    file.write_text(text, "utf-8")
    (folder / manifest.FILE).write_bytes(write_manifest(load_settings(file, environment={})))
    return file


@pytest.fixture(scope="module")
def stack(ministack: Ministack) -> Iterator[Stack]:
    with running_stack(ministack) as made:
        yield made


@pytest.fixture(scope="module")
def receive(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaFunction]:
    """The receive function under the real runtime client."""
    folder = tmp_path_factory.mktemp("receive")
    write_function_settings(folder, "inbox")
    inbox = {"ALMAHOOK_INBOX": f"aws:{stack.name}"}
    given = {**stack.ministack.environment, **ENVIRONMENT, **inbox}
    with lambda_function(RECEIVE, folder, environment=given) as function:
        yield function


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaFunction]:
    """The direct function under the real runtime client, with the handlers of the contract."""
    folder = tmp_path_factory.mktemp("direct")
    write_function_settings(folder, "direct")
    with lambda_function(DIRECT, folder, environment=ENVIRONMENT) as function:
        yield function


@pytest.fixture
def make_direct(tmp_path: Path) -> Iterator[Callable[..., LambdaFunction]]:
    """Make direct functions with handlers of the test's own."""
    with ExitStack() as stack:

        def make(
            handlers: dict[str, str], *, environment: Mapping[str, str] | None = None, **given: Any
        ) -> LambdaFunction:
            (tmp_path / "handlers").mkdir()
            for name, code in handlers.items():
                (tmp_path / "handlers" / f"{name}.py").write_text(code, "utf-8")
            file = write_function_settings(tmp_path, "direct")
            text = file.read_text("utf-8")
            file.write_text(text.replace("handlers_module", "# handlers_module"), "utf-8")
            variables = {**ENVIRONMENT, **(environment or {})}
            function = lambda_function(DIRECT, tmp_path, environment=variables, **given)
            return stack.enter_context(function)

        yield make
