"""``almahook aws``: a listener on API Gateway and Lambda."""

import typer

from almahook.cli.aws_build import build_aws
from almahook.cli.aws_check import check_aws
from almahook.cli.aws_deploy import deploy_aws
from almahook.cli.aws_init import init_aws

aws = typer.Typer(help="Deploy a listener to AWS, and look whether it answers.")

aws.command("init")(init_aws)
aws.command("build")(build_aws)
aws.command("deploy", context_settings={"allow_extra_args": True})(deploy_aws)
aws.command("check")(check_aws)
