"""What docs/aws.md and the README of a project say, against what is so."""

import re
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import typer

from almahook.cli import app
from almahook.cli.aws_project import ZIPS
from aws_deploy.project import ROOT, aws
from aws_deploy.template import Stack, load, translated

PAGE = (ROOT / "docs" / "aws.md").read_text("utf-8")
README = (ROOT / "src" / "almahook" / "cli" / "_aws" / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"^    (almahook .+)$", PAGE + README, re.MULTILINE)
SHAPES = ("queue", "direct")


def commands() -> MappingProxyType[str, Any]:
    found: dict[str, Any] = {}

    def below(command: Any, name: str) -> None:
        for word, one in command.commands.items():
            if hasattr(one, "commands"):
                below(one, f"{name} {word}")
            else:
                found[f"{name} {word}"] = one

    below(typer.main.get_command(app), "almahook")
    return MappingProxyType(found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project as ``almahook init`` makes it, without what it chooses for texts."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "almahook.toml").write_text(
        '[profiles.main]\nsecrets = ["env:ALMAHOOK_SECRET"]\napi_key = "env:ALMAHOOK_API_KEY"\n'
    )
    aws("init", cwd=folder)
    return folder


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_and_its_options_exist(line: str) -> None:
    known = commands()
    name = max((one for one in known if f"{line} ".startswith(f"{one} ")), key=len)
    options = {opt for param in known[name].params for opt in (*param.opts, *param.secondary_opts)}
    given = set(re.findall(r"(?<![\w-])(--[a-z-]+)", line.removeprefix(name)))
    assert given <= options


def test_the_settings_of_the_page_are_those_that_are_written(folder: Path) -> None:
    (shown,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    text = (folder / "aws" / "almahook.toml").read_text()
    assert (
        shown.strip()
        == "\n".join(line for line in text.splitlines() if not line.startswith("#")).strip()
    )


def test_the_secrets_of_the_page_are_made_by_the_commands_that_are_told(folder: Path) -> None:
    said = " ".join(aws("init", cwd=folder).out.split())
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (made,) = (block for block in blocks if "create-secret" in block)
    lines = made.replace("\\\n", "").splitlines()
    assert [line for line in lines if " ".join(line.split()) not in said] == []


def test_the_costs_add_up() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.partition("## What it costs")[2].splitlines()
        if line.startswith("| ") and "$" in line
    ]
    *parts, total = rows
    for column in (3, 4):
        amounts = [row[column].replace("$", "") or "0" for row in parts]
        assert f"**${sum(map(float, amounts)):.2f}**" == total[column]


@pytest.mark.parametrize(
    ("much", "price", "cost"),
    [
        (1, 1.00, "$1.00"),
        (1, 3.50, "$3.50"),
        (2, 0.20, "$0.40"),
        (0.020 * 0.5, 13.3334, "$0.13"),
        (0.300 * 0.5, 13.3334, "$2.00"),
        (0.300 * 1.0, 13.3334, "$4.00"),
        (3, 0.40, "$1.20"),
        (37, 0.625, "$23.13"),
        (10, 0.125, "$1.25"),
        (1.2, 0.50, "$0.60"),
        (0.6, 0.50, "$0.30"),
    ],
)
def test_each_cost_is_its_amount_times_its_price(much: float, price: float, cost: str) -> None:
    # 23.125 is rounded up, as bills are.
    assert f"${much * price + 1e-9:.2f}" == cost
    assert cost in PAGE


def test_every_alarm_and_every_zip_file_is_on_the_page(folder: Path) -> None:
    alarms = set()
    for shape in SHAPES:
        stack = Stack(translated(load(folder / "aws" / shape / "template.yaml")))
        for _, alarm in stack.resources("AWS::CloudWatch::Alarm"):
            alarms.add(alarm["AlarmName"].removeprefix("almahook-"))
    # In the other shape there is one function for both.
    assert {name for name in alarms - {"errors"} if f"`{name}`" not in PAGE} == set()
    assert {name for names in ZIPS.values() for name in names if f"`{name}.zip`" not in PAGE} == (
        set()
    )


def test_every_parameter_that_the_page_names_is_one(folder: Path) -> None:
    named = set(re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", PAGE + README)) - {"ListenerURL"}
    named |= set(re.findall(r"`([A-Z][a-z]\w+)=", PAGE))
    parameters = {
        name
        for shape in SHAPES
        for name in load(folder / "aws" / shape / "template.yaml")["Parameters"]
    }
    assert named - parameters == set()
