"""Asks what was deployed for the listener's URL."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from almahook.cli.aws_folder import SAMConfig, sam_config
from almahook.cli.aws_options import Shape
from almahook.cli.aws_project import TERRAFORM_FOLDER
from almahook.errors import ConfigurationError, MissingExtraError

_OUTPUT = "ListenerURL"
_WRITE_IT = "Write the URL: almahook aws check URL"


def is_terraformed(folder: Path) -> bool:
    """Say whether Terraform has been at work, and keeps what it made in a file here."""
    return (folder / TERRAFORM_FOLDER / "terraform.tfstate").is_file()


def deployed_url(folder: Path, shape: Shape) -> str:
    """Return the listener URL of what was deployed.

    Raises:
        ConfigurationError: Nothing was, or it cannot be asked.
    """
    if shape is Shape.QUEUE and is_terraformed(folder) and shutil.which("terraform"):
        return _of_terraform(folder / TERRAFORM_FOLDER)
    return _of_stack(sam_config(folder, shape))


def _of_terraform(folder: Path) -> str:
    command = ["terraform", "output", "-json", "listener_url"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - the user's own tool
    if done.returncode != 0:
        raise ConfigurationError(f"terraform knows no listener URL in {folder}. {_WRITE_IT}")
    return str(json.loads(done.stdout))


def _of_stack(config: SAMConfig) -> str:
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ModuleNotFoundError:
        raise MissingExtraError("Asking AWS for the listener URL", extra="aws") from None
    try:
        cloudformation = boto3.client("cloudformation", region_name=config.region or None)
        (stack,) = cloudformation.describe_stacks(StackName=config.stack)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise ConfigurationError(
            f"The stack {config.stack} cannot be asked for its URL: {str(error).rstrip('.')}. "
            f"{_WRITE_IT}"
        ) from None
    return _output(stack, config.stack)


def _output(stack: dict[str, Any], name: str) -> str:
    for output in stack.get("Outputs", ()):
        if output["OutputKey"] == _OUTPUT:
            return str(output["OutputValue"])
    raise ConfigurationError(f"The stack {name} has no {_OUTPUT} yet. {_WRITE_IT}")
