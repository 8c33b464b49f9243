"""``almahook aws deploy``: has the tool that is here deploy what was built."""

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zipfile import BadZipFile

import typer

from almahook.cli.aws_options import Shape, ShapeOption
from almahook.cli.common import FAILED, SettingsOption
from almahook.cli.page import Page
from almahook.errors import ConfigurationError


class Tool(StrEnum):
    """What deploys."""

    SAM = "sam"
    TERRAFORM = "terraform"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    """What a tool is to do, in which folder."""

    folder: Path
    commands: Sequence[Sequence[str]]


def deploy_aws(
    context: typer.Context,
    *,
    shape: ShapeOption = Shape.QUEUE,
    tool: Annotated[
        Tool | None,
        typer.Option(help="Which tool; without it sam if it is here, or else terraform."),
    ] = None,
    settings: SettingsOption = None,
) -> None:
    """Deploy what was built, by sam or terraform; what stands after -- is handed on to it.

    It says what it runs. The tool shows what it would change, and asks before it does.
    """
    from almahook.cli.aws_folder import existing_folder

    folder = existing_folder(settings)
    chosen = _choose(shape, tool, folder)
    _require_built(folder, shape, chosen)
    work = _work(folder, shape, chosen, context.args)
    for command in work.commands:
        _run(command, work.folder)
    page = Page()
    page.text()
    page.text("Deployed. Next:")
    page.copy(f"almahook aws check{shape.option}")


def _choose(shape: Shape, tool: Tool | None, folder: Path) -> Tool:
    """Take the tool that is named, or the one that is here.

    Raises:
        ConfigurationError: There is none, or it has no templates for this shape.
    """
    if shape is Shape.DIRECT and tool is Tool.TERRAFORM:
        raise ConfigurationError("The shape direct has templates for sam only: leave out --tool.")
    possible = [Tool.SAM] if shape is Shape.DIRECT else _in_order(folder)
    wanted = [tool] if tool else possible
    found = next((one for one in wanted if shutil.which(one)), None)
    if found is None:
        raise ConfigurationError(
            f"{' and '.join(wanted)} cannot be found. Install one: sam "
            "(https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/"
            "install-sam-cli.html; pip install aws-sam-cli) or terraform "
            "(https://developer.hashicorp.com/terraform/install)"
        )
    return found


def _in_order(folder: Path) -> list[Tool]:
    """Begin with the tool that has deployed before."""
    from almahook.cli.aws_outputs import is_terraformed

    tools = [Tool.SAM, Tool.TERRAFORM]
    return tools[::-1] if is_terraformed(folder) else tools


def _require_built(folder: Path, shape: Shape, tool: Tool) -> None:
    """Refuse to deploy nothing, or what another Python or processor needs.

    Raises:
        ConfigurationError: It was not built, or not for what the tool will ask AWS for.
    """
    from almahook.cli.aws_folder import sam_config, terraform_target
    from almahook.cli.aws_project import BUILD, ZIPS
    from almahook.cli.aws_zip import read_comment

    is_sam = tool is Tool.SAM
    wanted = sam_config(folder, shape).target if is_sam else terraform_target(folder)
    fix = f"Type: almahook aws build{shape.option}"
    for name in ZIPS[shape]:
        file = folder / BUILD / f"{name}.zip"
        try:
            built_for = read_comment(file)
        except (OSError, BadZipFile):
            raise ConfigurationError(f"There is no {file} to deploy. {fix}") from None
        if built_for != wanted.label:
            raise ConfigurationError(
                f"{file} was built for {built_for}, and {wanted.label} is to be deployed. {fix} "
                f"--python {wanted.python} --architecture {wanted.architecture}"
            )


def _work(folder: Path, shape: Shape, tool: Tool, more: Sequence[str]) -> _Work:
    from almahook.cli.aws_project import SAM_CONFIG, TERRAFORM_FOLDER

    if tool is Tool.SAM:
        files = ["--template-file", "template.yaml", "--config-file", SAM_CONFIG]
        return _Work(folder=folder / shape, commands=[["sam", "deploy", *files, *more]])
    return _Work(
        folder=folder / TERRAFORM_FOLDER,
        commands=[["terraform", "init"], ["terraform", "apply", *more]],
    )


def _run(command: Sequence[str], folder: Path) -> None:
    page = Page()
    page.text(f"Runs in {folder}:")
    page.copy(shlex.join(command))
    done = subprocess.run(command, cwd=folder, check=False)  # noqa: S603 - the user's own tool
    if done.returncode != 0:
        Page(to_stderr=True).finding(
            "problem", f"{command[0]} ended with {done.returncode}; above it says why."
        )
        raise typer.Exit(FAILED)
