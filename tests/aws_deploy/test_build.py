"""``almahook aws build``, and what it has made, run without anything else."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from almahook.testing.host_contract import HTTPRequest
from aws_deploy.project import ARCHITECTURE, PYTHON, SAM, SECRET, almahook, aws, make_project
from aws_local.front_doors import http_api
from aws_local.runtime_api import LambdaFunction, lambda_function

pytestmark = pytest.mark.timeout(600)
OTHER = "x86_64" if ARCHITECTURE == "arm64" else "arm64"
# A library cannot be had on every machine: what is not compiled for any processor can.
ONLY_PURE = "six==1.17.0\n"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("build") / "library")
    (folder / "requirements.txt").write_text(f"almahook[server]\n# for later\n{ONLY_PURE}")
    (folder / "handlers" / "__pycache__").mkdir()
    (folder / "handlers" / "__pycache__" / "loan.cpython-39.pyc").write_bytes(b"old")
    return folder


@pytest.fixture(scope="module")
def built(library: Path) -> Path:
    done = aws("build", "--include", "greeting.py", "--json", cwd=library)
    assert done.status == 0, done.err
    said = json.loads(done.out)
    assert said["target"] == f"python{PYTHON} on {ARCHITECTURE}"
    assert [one["compiled"] for one in said["files"]] == [True, True]
    assert said["advice"] == []
    return library / "aws" / "build"


def names(file: Path) -> set[str]:
    with ZipFile(file) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def unpacked(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    for name in ("receive", "work"):
        with ZipFile(built / f"{name}.zip") as archive:
            archive.extractall(folder / name)
    return folder


def test_the_receive_function_is_under_200_kilobytes_and_brings_no_package(built: Path) -> None:
    assert (built / "receive.zip").stat().st_size < 200_000
    tops = {name.partition("/")[0] for name in names(built / "receive.zip")}
    assert tops == {"almahook", "almahook-manifest.json"}


def test_the_work_function_brings_handlers_their_packages_and_the_settings(built: Path) -> None:
    files = names(built / "work.zip")
    assert {"handlers/loan.py", "greeting.py", "almahook.toml", "six.py"} <= files
    assert any(name.startswith("httpx2/") for name in files)
    assert any(name.startswith("phonenumbers/") for name in files)
    # AWS brings it, and a server is no use there.
    for absent in ("boto3/", "uvicorn/", "almahook/cli/", "almahook/simulator/", "bin/"):
        assert [name for name in files if name.startswith(absent)] == []
    assert [name for name in files if "cpython-39" in name] == []


@pytest.mark.parametrize("name", ["receive", "work"])
def test_every_file_of_almahook_is_compiled_beside_its_source(built: Path, name: str) -> None:
    files = names(built / f"{name}.zip")
    tag = sys.implementation.cache_tag
    for source in (one for one in files if one.startswith("almahook/") and one.endswith(".py")):
        folder, _, stem = source.removesuffix(".py").rpartition("/")
        assert f"{folder}/__pycache__/{stem}.{tag}.pyc" in files


def test_compiled_files_are_not_checked_against_their_sources(unpacked: Path) -> None:
    compiled = list(unpacked.rglob("*.pyc"))
    # https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation
    assert compiled
    assert {file.read_bytes()[4:8] for file in compiled} == {(1).to_bytes(4, "little")}


def test_no_zip_file_holds_a_path_of_this_machine(built: Path, unpacked: Path) -> None:
    found = [
        file
        for file in unpacked.rglob("*")
        if file.is_file() and str(built.parent.parent).encode() in file.read_bytes()
    ]
    assert found == []


def test_the_same_input_makes_the_same_bytes_in_another_folder(library, built, tmp_path) -> None:
    folder = tmp_path / "elsewhere"
    shutil.copytree(library, folder, ignore=shutil.ignore_patterns("build"))
    done = aws("build", "--include", "greeting.py", cwd=folder)
    assert done.status == 0, done.err
    for name in ("receive.zip", "work.zip"):
        assert (folder / "aws" / "build" / name).read_bytes() == (built / name).read_bytes()


@pytest.mark.parametrize(
    ("folder", "module"),
    [
        ("receive", "almahook.app.functions.receive"),
        ("receive", "almahook.app.functions.spool"),
        ("receive", "almahook.app.functions.references"),
        ("receive", "almahook.app.aws_secrets"),
        ("receive", "almahook.aws"),
        ("receive", "almahook.errors.every"),
        ("receive", "almahook.protocol.xml"),
        ("receive", "almahook.receivers.aws_lambda.shapes"),
        ("receive", "almahook.receivers.aws_lambda.unusual"),
        ("work", "greeting"),
    ],
)
def test_a_module_loads_with_nothing_but_the_zip_file(unpacked, folder, module) -> None:
    code = f"import sys; sys.path.insert(0, {str(unpacked / folder)!r}); import {module}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], check=False)
    assert done.returncode == 0


@pytest.fixture
def receive(unpacked: Path) -> Iterator[LambdaFunction]:
    with lambda_function(
        "almahook.app.functions.receive.handler",
        unpacked / "receive",
        python=SAM / "bin" / "python",
        environment={"ALMAHOOK_SECRET": SECRET, "ALMAHOOK_INBOX": "aws:hooks"},
    ) as function:
        yield function


def test_the_receive_function_answers_from_its_zip_file(receive: LambdaFunction) -> None:
    answer = http_api(receive.invoke)(HTTPRequest(method="GET", query="challenge=abc"))
    assert (answer.status, answer.body) == (200, b'{"challenge":"abc"}')


def test_a_python_that_is_not_here_is_told_and_nothing_is_compiled(library, tmp_path) -> None:
    folder = tmp_path / "library"
    shutil.copytree(library, folder, ignore=shutil.ignore_patterns("build"))
    missing = "3.14"
    done = aws(
        *("build", "--python", missing, "--architecture", OTHER, "--include", "greeting.py"),
        cwd=folder,
        PYENV_ROOT=str(tmp_path),
    )
    if f"There is no Python {missing} here" not in " ".join(done.out.split()):
        pytest.skip(f"Python {missing} is here" if done.status == 0 else done.err)
    receive, work = (
        names(folder / "aws" / "build" / f"{name}.zip") for name in ("receive", "work")
    )
    machine = {"arm64": "aarch64", "x86_64": "x86_64"}[OTHER]
    assert [name for name in {*receive, *work} if name.endswith(".pyc")] == []
    assert [name for name in receive if name.endswith(".so")] == []
    assert f"msgspec/_core.cpython-314-{machine}-linux-gnu.so" in work


@pytest.mark.parametrize(
    ("break_it", "arguments", "named"),
    [
        (lambda folder: None, ["--include", "nothing.py"], "There is no nothing.py"),
        (lambda folder: None, ["--requirements", "nothing.txt"], "nothing.txt cannot be read"),
        (lambda folder: None, ["--python", "3.99"], "AWS Lambda has no Python '3.99'"),
        (
            lambda folder: (folder / "handlers" / "loan.py").write_text("import nowhere"),
            [],
            "No module named 'nowhere'",
        ),
        (
            lambda folder: (folder / "requirements.txt").write_text("almahook-of-nobody==1\n"),
            [],
            "The packages for AWS could not be got",
        ),
        (
            lambda folder: (folder / "aws" / "almahook.toml").write_text(
                '[profiles.main]\nsecrets = ["file:secret"]\n'
            ),
            [],
            "names a file, which is not on AWS",
        ),
    ],
)
def test_what_cannot_be_built_is_named(tmp_path: Path, break_it, arguments, named) -> None:
    folder = make_project(tmp_path / "library")
    break_it(folder)
    done = aws("build", *arguments, cwd=folder)
    assert done.status == 2
    assert named in " ".join(done.err.split())


def test_a_secret_that_a_function_may_not_read_is_told(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "library")
    settings = folder / "aws" / "almahook.toml"
    settings.write_text(settings.read_text().replace("main/webhook-secret", "other"))
    done = aws("build", "--include", "greeting.py", "--json", cwd=folder)
    (advice,) = json.loads(done.out)["advice"]
    assert advice.startswith("aws-secretsmanager:almahook/other: the template does not let")
    assert "almahook aws init --overwrite" in advice


def test_without_uv_and_pip_it_says_what_to_install(library: Path) -> None:
    code = "import pip"
    if subprocess.run([sys.executable, "-c", code], stderr=-3, check=False).returncode == 0:
        pytest.skip("pip is here")
    done = almahook("aws", "build", "--include", "greeting.py", cwd=library, PATH="/nowhere")
    assert done.status == 2
    assert "Neither uv nor pip is here" in done.err
