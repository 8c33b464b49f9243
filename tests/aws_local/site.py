"""The second shape on loopback: both functions under Lambda's own runtime client, between them SQS.

HTTP event ─▶ receive ─▶ SQS ─▶ (pump) ─▶ work ─▶ DynamoDB, S3, a dry run's outbox
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from almahook.app.functions.manifest import FILE as MANIFEST
from almahook.app.functions.manifest_file import write_manifest
from almahook.config import load_settings
from almahook.inbox import EventFilter, Run
from almahook.inbox.aws.store import AWSInbox
from almahook.notify.outbox import Message, read_outbox
from almahook.protocol import SIGNATURE_HEADER, sign
from almahook.simulator import Simulator
from almahook.testing.host_contract import HTTPRequest, HTTPResponse
from aws_local.front_doors import http_api
from aws_local.ministack import Ministack
from aws_local.pump import FunctionError, Pump, count, redrive
from aws_local.runtime_api import LambdaFunction
from aws_local.stack import Stack, running_stack

EXAMPLES = Path(__file__).parents[2] / "examples" / "handlers"
SECRET = "clé-secrète"
# Once the function is warm; a cold one loads its handlers and the SDK first.
WORK_TIMEOUT_S = 30.0

TOML = """\
inbox = "aws:{name}"
{more}

[profiles.main]
secrets = ["aws-secretsmanager:{name}#secret"]
api_key = "aws-secretsmanager:{name}#api_key"
api_url = "{api_url}"

[notify]
dry_run = true
outbox = "outbox.jsonl"
default_country = "US"
"""


class Site:
    """A project's folder, and everything that was deployed from it."""

    def __init__(self, stack: Stack, folder: Path, alma: Simulator, *, more: str = "") -> None:
        self.stack = stack
        self.folder = folder
        self.sqs = stack.ministack.client("sqs")
        self._closing = ExitStack()
        self.environment = {**stack.ministack.environment, "ALMAHOOK_INBOX": f"aws:{stack.name}"}
        (folder / "handlers").mkdir()
        settings = folder / "almahook.toml"
        toml = TOML.format(name=stack.name, api_url=alma.api_url, more=more)
        settings.write_text(toml, "utf-8")
        (folder / MANIFEST).write_bytes(write_manifest(load_settings(settings, environment={})))
        redrive(stack.ministack, stack.queue_url, stack.dead_letter_queue_url, receives=100)
        self._secrets = stack.ministack.client("secretsmanager")
        self._kept = {"secret": SECRET, "api_key": alma.api_key}
        self._secrets.create_secret(Name=stack.name, SecretString=json.dumps(self._kept))
        self.receive = self.function("receive")
        self.work = self.function("work", timeout_s=WORK_TIMEOUT_S)
        self.pump = self.make_pump()

    def function(self, name: str, *, timeout_s: float = 10.0, **variables: str) -> LambdaFunction:
        """Deploy a function."""
        made = LambdaFunction(
            f"almahook.app.functions.{name}.handler",
            self.folder,
            environment={**self.environment, **variables},
            timeout_s=timeout_s,
        )
        self._closing.callback(made.close)
        return made

    def make_pump(self, function: LambdaFunction | None = None, *, batch_size: int = 10) -> Pump:
        """Connect the queue with a function."""

        def invoke(event: Mapping[str, Any]) -> Any:
            answer = (function or self.work).invoke(event)
            if answer.error:
                raise FunctionError(answer.message)
            return answer.payload

        stack = self.stack
        return Pump(stack.ministack, stack.queue_url, invoke, batch_size=batch_size)

    def write(self, name: str, code: str) -> None:
        """Write a handler."""
        (self.folder / "handlers" / f"{name}.py").write_text(code, "utf-8")

    def use_example(self, name: str) -> None:
        """Use a handler of the documentation."""
        self.write(name, (EXAMPLES / f"{name}.py").read_text("utf-8"))

    def rotate_secret(self, secret: str) -> None:
        """Change the webhook secret where AWS keeps it."""
        text = json.dumps({**self._kept, "secret": secret})
        self._secrets.put_secret_value(SecretId=self.stack.name, SecretString=text)

    def post(
        self, body: bytes, *, secret: str = SECRET, receive: LambdaFunction | None = None
    ) -> HTTPResponse:
        """Send a signed event as Alma does."""
        signature = sign(body, secret=secret.encode())
        headers = (("Content-Type", "application/json"), (SIGNATURE_HEADER, signature))
        send = http_api((receive or self.receive).invoke)
        return send(HTTPRequest(headers=headers, body=body))

    def command(self, *arguments: str) -> str:
        """Run a command of almahook's in the project's folder; return what it says."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        done = subprocess.run(
            [sys.executable, "-m", "almahook.cli", *arguments],
            cwd=self.folder,
            env={**own, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def inbox(self) -> Iterator[AWSInbox]:
        """Open the inbox beside the functions."""
        with closing(AWSInbox(self.stack.name)) as inbox:
            yield inbox

    def runs(self) -> list[Run]:
        """Return the runs of all events, oldest first."""
        with self.inbox() as inbox:
            events = inbox.events(EventFilter(), limit=100)
            return inbox.runs([event.seq for event in events])

    @property
    def texts(self) -> list[Message]:
        """What a dry run would have sent."""
        return read_outbox(self.folder / "outbox.jsonl")

    def waiting(self) -> int:
        """Count what is in the queue."""
        return count(self.sqs, self.stack.queue_url)

    def parked(self) -> int:
        """Count what is in the dead-letter queue."""
        return count(self.sqs, self.stack.dead_letter_queue_url)

    def objects(self) -> list[str]:
        """Return the keys of what is in the bucket."""
        s3 = self.stack.ministack.client("s3")
        found = s3.list_objects_v2(Bucket=self.stack.bucket).get("Contents", [])
        return [entry["Key"] for entry in found]

    def close(self) -> None:
        self._closing.close()


@contextmanager
def running_site(
    ministack: Ministack,
    folder: Path,
    alma: Simulator,
    *,
    visibility_timeout_s: int = 30,
    more: str = "",
) -> Iterator[Site]:
    """Deploy everything for the time of a block."""
    with (
        running_stack(ministack, visibility_timeout_s=visibility_timeout_s) as stack,
        closing(Site(stack, folder, alma, more=more)) as site,
    ):
        yield site
