"""Where a project keeps what it deploys to AWS, and what stands there."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from almahook.cli.aws_options import Shape
from almahook.cli.aws_project import (
    FOLDER,
    SAM_CONFIG,
    SETTINGS,
    TERRAFORM_FOLDER,
    TERRAFORM_VARIABLES,
)
from almahook.cli.aws_target import Target
from almahook.config import Settings, load_settings
from almahook.errors import ConfigurationError


def project_folder(settings: Settings) -> Path:
    """Return the folder for AWS, beside the settings file of the listener here."""
    return Path(_shown(settings.folder)) / FOLDER


def existing_folder(settings: Path | None) -> Path:
    """Return the folder for AWS beside a settings file, or in the working directory.

    Raises:
        ConfigurationError: There is none.
    """
    folder = (settings.parent if settings else Path()) / FOLDER
    if not (folder / SETTINGS).is_file():
        raise ConfigurationError(
            f"There is no {folder / SETTINGS}. Type: almahook aws init, in the folder of the "
            "listener's settings"
        )
    return folder


def aws_settings(folder: Path) -> Settings:
    """Load the settings for AWS as they are written, whatever this machine's environment says."""
    return load_settings(folder / SETTINGS, environment={})


@dataclass(frozen=True, kw_only=True, slots=True)
class SAMConfig:
    """How SAM deploys a shape; the region is empty where the AWS settings have it."""

    stack: str
    region: str
    target: Target


def sam_config(folder: Path, shape: Shape) -> SAMConfig:
    """Read how SAM deploys a shape.

    Raises:
        ConfigurationError: The file is gone, or is no such file.
    """
    file = folder / shape / SAM_CONFIG
    try:
        default = tomllib.loads(file.read_text(encoding="utf-8"))["default"]
        common = default["global"]["parameters"]
        overrides = default["deploy"]["parameters"]["parameter_overrides"]
        parameters = dict(one.partition("=")[::2] for one in overrides)
        return SAMConfig(
            stack=common["stack_name"],
            region=common.get("region", ""),
            target=_target(parameters["Runtime"], parameters["Architecture"]),
        )
    except _NOT_AS_WRITTEN as error:
        raise _unusable(file, error) from None


def terraform_target(folder: Path) -> Target:
    """Read what Terraform deploys.

    Raises:
        ConfigurationError: The file is gone, or is no such file.
    """
    file = folder / TERRAFORM_FOLDER / TERRAFORM_VARIABLES
    try:
        variables = json.loads(file.read_text(encoding="utf-8"))
        return _target(variables["runtime"], variables["architecture"])
    except _NOT_AS_WRITTEN as error:
        raise _unusable(file, error) from None


_NOT_AS_WRITTEN = (OSError, ValueError, LookupError, TypeError, AttributeError)


def _target(runtime: str, architecture: str) -> Target:
    return Target(python=runtime.removeprefix("python"), architecture=architecture)


def _unusable(file: Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{file} is missing or not as almahook wrote it ({type(error).__name__}: {error}). Remove "
        "it and type: almahook aws init"
    )


def _shown(folder: Path) -> Path:
    """Say a folder below the working directory as a person would."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
