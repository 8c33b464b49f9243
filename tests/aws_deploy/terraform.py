"""Terraform on this machine, and its provider for AWS; nothing is downloaded."""

import os
from pathlib import Path

_PROVIDER = Path("registry.terraform.io") / "hashicorp" / "aws"
# Where Terraform itself looks, and where machines have what is not in an image of theirs.
# https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
_PLACES = (
    "~/.terraform.d/plugins",
    "~/.local/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
)

_CONFIG = """\
disable_checkpoint = true

provider_installation {{
  filesystem_mirror {{
    path = "{mirror}"
  }}
}}
"""
_OVERRIDE = """\
provider "aws" {{
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_requesting_account_id  = false

  endpoints {{
{endpoints}
  }}
}}
"""
_SERVICES = (
    "apigatewayv2",
    "cloudwatch",
    "dynamodb",
    "events",
    "iam",
    "lambda",
    "logs",
    "s3",
    "sns",
    "sqs",
    "sts",
)


def mirror() -> Path | None:
    """Return the folder that the provider lies in; None if there is none."""
    usual = [Path(place).expanduser() for place in _PLACES]
    places = [*usual, *Path("/opt").glob("*")]
    return next((place for place in places if (place / _PROVIDER).is_dir()), None)


def terraform_variables(folder: Path, mirror: Path) -> dict[str, str]:
    """Return the variables that let Terraform take the provider from there, and only from there."""
    config = folder / "terraform.rc"
    config.write_text(_CONFIG.format(mirror=mirror))
    own = {name: "" for name in os.environ if name.startswith("TF_")}
    return {**own, "TF_CLI_CONFIG_FILE": str(config), "TF_IN_AUTOMATION": "1"}


def emulator_override(folder: Path, url: str) -> None:
    """Lead Terraform to the emulator, by a file of the kind that overrides another."""
    endpoints = "\n".join(f'    {name} = "{url}"' for name in _SERVICES)
    (folder / "emulator_override.tf").write_text(_OVERRIDE.format(endpoints=endpoints))
