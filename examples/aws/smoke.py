"""Deploys a listener to your AWS account, sends it events, looks, and removes everything again.

Not yet run against a real account: only against an emulator, by almahook's own tests. It makes a
stack and a secret under a name of its own, costs a few cents at most, and takes some minutes.

    pip install 'almahook[server,aws]' aws-sam-cli
    python smoke.py --region us-east-1

Exit status 0 means that everything was as it should be.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

_SETTINGS = '[profiles.main]\nsecrets = ["env:ALMAHOOK_SECRET"]\n'
_HANDLER = """\
from almahook import Context, LoanEvent


def process(event: LoanEvent, ctx: Context) -> None:
    ctx.log.info("a loan")
"""
_WAIT_S = 180.0
_LOOK_S = 3.0

URLOf = Callable[[str], str]


def main() -> None:
    """Run it for the region that is named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--region", required=True)
    parser.add_argument("--python", default="3.13")
    parser.add_argument("--architecture", default="arm64")
    given = parser.parse_args()
    os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = given.region
    smoke(given.region, python=given.python, architecture=given.architecture)


def smoke(region: str, *, python: str, architecture: str, url_of: URLOf | None = None) -> None:
    """Deploy, look and remove; ``url_of`` tells a stack's URL where AWS itself does not."""
    name = f"smoke-{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory(prefix=name) as place, _secret(name) as secret:
        folder = Path(place)
        _write(folder, name)
        target = ("--python", python, "--architecture", architecture)
        _almahook(folder, "aws", "init", "--stack", name, "--region", region, *target)
        _set_up(folder, name)
        _almahook(folder, "aws", "build")
        try:
            _almahook(folder, "aws", "deploy", "--tool", "sam", "--", "--no-confirm-changeset")
            _look(folder, (url_of or _url)(name), secret)
        finally:
            _remove(name)
    _say("Everything was as it should be, and is gone again.")


def _write(folder: Path, name: str) -> None:
    (folder / "handlers").mkdir()
    (folder / "handlers" / "loan.py").write_text(_HANDLER, encoding="utf-8")
    reference = _SETTINGS.replace("env:ALMAHOOK_SECRET", f"aws-secretsmanager:{name}")
    (folder / "almahook.toml").write_text(reference, encoding="utf-8")


def _set_up(folder: Path, name: str) -> None:
    """Let the table be deleted at the end."""
    file = folder / "aws" / "queue" / "samconfig.toml"
    text = file.read_text(encoding="utf-8")
    open_ = "parameter_overrides = ["
    if open_ not in text:
        raise SystemExit(f"{file} is not as expected; {name} was not deployed.")
    file.write_text(text.replace(open_, f'{open_}"Protection=off", '), encoding="utf-8")


def _look(folder: Path, url: str, secret: str) -> None:
    _say(f"The listener is {url}")
    _almahook(folder, "aws", "check", url, "--secret", secret)
    # The same event twice, as Alma's retries are.
    twice = ("--count", "2", "--same-id")
    _almahook(folder, "send", "LOAN", *twice, "--to", url, "--secret", secret)
    _require(lambda: len(_events(folder, "succeeded")) == 1, "the event was handled once")
    _require(lambda: len(_events(folder, "unhandled")) == 1, "the check's event was kept")


def _events(folder: Path, state: str) -> list[Mapping[str, Any]]:
    settings = ("--settings", "aws/almahook.toml")
    said = _almahook(folder, "events", "list", "--state", state, "--json", *settings, is_told=False)
    events: list[Mapping[str, Any]] = json.loads(said)["events"]
    return events


def _require(is_so: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + _WAIT_S
    while not is_so():
        if time.monotonic() > ends:
            raise SystemExit(f"After {_WAIT_S:.0f} s it is still not so that {what}.")
        time.sleep(_LOOK_S)
    _say(f"As it should be: {what}.")


@contextmanager
def _secret(name: str) -> Iterator[str]:
    manager = boto3.client("secretsmanager")
    value = secrets.token_urlsafe(32)
    manager.create_secret(Name=name, SecretString=value)
    try:
        yield value
    finally:
        manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def _remove(name: str) -> None:
    cloudformation = boto3.client("cloudformation")
    account = boto3.client("sts").get_caller_identity()["Account"]
    bucket = boto3.resource("s3").Bucket(f"{name}-{account}-{os.environ['AWS_REGION']}")
    if bucket in boto3.resource("s3").buckets.all():
        bucket.objects.all().delete()
    _say(f"Removes the stack {name}")
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name)


def _url(name: str) -> str:
    (stack,) = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    return str(outputs["ListenerURL"])


def _almahook(folder: Path, *arguments: str, is_told: bool = True) -> str:
    if is_told:
        # Without what follows --secret.
        _say(f"almahook {' '.join(arguments).partition(' --secret ')[0]}")
    command = [sys.executable, "-m", "almahook.cli", *arguments]
    done = subprocess.run(  # noqa: S603 - almahook itself
        command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"almahook {arguments[0]} has failed:\n{done.stdout}")
    return done.stdout


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
