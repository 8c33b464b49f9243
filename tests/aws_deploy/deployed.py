"""A listener that was deployed to the emulator, which holds it to the rights of its roles."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from httpx2 import Client, Response

from almahook.notify import read_outbox
from almahook.testing import signed_headers
from aws_deploy.project import SAM, SECRET, almahook
from aws_local.ministack import Ministack, running_ministack

WAIT_S = 100
ACCOUNT = "000000000000"


@contextmanager
def emulator() -> Iterator[Ministack]:
    """Run an emulator whose functions find no package but those of their zip files and boto3."""
    with running_ministack(str(SAM / "bin" / "python"), AUTH="true") as ministack:
        secrets = ministack.client("secretsmanager")
        for name in ("main/webhook-secret", "main/api-key", "notify/sms"):
            text = SECRET if "webhook" in name else "json://127.0.0.1:1/"
            secrets.create_secret(Name=f"almahook/{name}", SecretString=text)
        yield ministack


class Deployed:
    """A listener that has been deployed from a folder under a stack's name."""

    def __init__(self, ministack: Ministack, folder: Path, name: str, *, outbox: Path) -> None:
        self.ministack = ministack
        self.folder = folder
        self.name = name
        self.outbox = outbox
        self.environment = variables(ministack)
        (api,) = (
            one for one in self._client("apigatewayv2").get_apis()["Items"] if one["Name"] == name
        )
        self.base = f"{ministack.url}/_aws/execute-api/{api['ApiId']}/$default"
        self.url = f"{self.base}/webhooks/main"
        self._bend_to_the_emulator()

    def send(self, method: str, url: str = "", **given: Any) -> Response:
        with Client(timeout=WAIT_S, trust_env=False) as client:
            return client.request(method, url or self.url, **given)

    def post(self, body: bytes, *, secret: str = SECRET, url: str = "") -> Response:
        return self.send("POST", url, content=body, headers=signed_headers(body, secret))

    def texts(self) -> list[str]:
        """Return the texts that handlers have sent."""
        return [message.text for message in read_outbox(self.outbox)]

    def command(self, *arguments: object) -> Any:
        """Run a command that looks at the inbox, and return what it says as JSON."""
        done = almahook(
            *arguments,
            *("--json", "--settings", "aws/almahook.toml"),
            cwd=self.folder,
            ALMAHOOK_INBOX=f"aws:{self.name}",
            **self.environment,
        )
        assert done.status == 0, done.err
        return json.loads(done.out)

    def parked(self) -> int:
        """Count what is in the dead-letter queue."""
        sqs = self._client("sqs")
        url = sqs.get_queue_url(QueueName=f"{self.name}-parked")["QueueUrl"]
        names = ["ApproximateNumberOfMessages"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return int(found[names[0]])

    def purge(self) -> dict[str, int]:
        """Run the function that the clock runs."""
        functions = self._client("lambda")
        (name,) = (
            one["FunctionName"]
            for one in functions.list_functions()["Functions"]
            if one["Handler"] == "almahook.app.functions.purge.handler"
        )
        answer = functions.invoke(FunctionName=name)
        done: dict[str, int] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, done
        return done

    @contextmanager
    def without_rights(self, function: str) -> Iterator[None]:
        """Take a function's role its rights for the time of a block."""
        role, policies = self._policies(function)
        iam = self._client("iam")
        for policy in policies:
            iam.delete_role_policy(RoleName=role, PolicyName=policy)
        try:
            yield
        finally:
            for policy, document in policies.items():
                self._put_policy(role, policy, document)

    def _bend_to_the_emulator(self) -> None:
        """Make up for what the emulator does otherwise than AWS."""
        # It compares the number with a text, as a template's parameter is one.
        functions = self._client("lambda")
        for source in functions.list_event_source_mappings()["EventSourceMappings"]:
            functions.update_event_source_mapping(
                UUID=source["UUID"], ScalingConfig={"MaximumConcurrency": 5}
            )
        # It has no TLS, and the bucket wants it.
        bucket = f"{self.name}-{ACCOUNT}-us-east-1"
        self._client("s3").delete_bucket_policy(Bucket=bucket)
        # It asks for a right to SendMessageBatch; AWS knows the right to SendMessage only.
        for function in ("receive", "work"):
            role, policies = self._policies(function)
            statements = [
                {"Effect": "Allow", "Action": actions, "Resource": one["Resource"]}
                for document in policies.values()
                for one in document["Statement"]
                if (actions := [f"{name}Batch" for name in _list(one["Action"]) if "sqs:" in name])
            ]
            document = {"Version": "2012-10-17", "Statement": statements}
            self._put_policy(role, "batches", document)

    def _policies(self, function: str) -> tuple[str, dict[str, Any]]:
        """Return the name of a function's role, and the policies in it."""
        iam = self._client("iam")
        roles = [one["RoleName"] for one in iam.list_roles()["Roles"]]
        # almahook-ReceiveRole-… by SAM, almahook-receive by Terraform.
        start = f"{self.name}-{function}"
        (role,) = (name for name in roles if name.lower().startswith(start))
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        found = {name: iam.get_role_policy(RoleName=role, PolicyName=name) for name in names}
        return role, {name: _document(policy) for name, policy in found.items()}

    def _put_policy(self, role: str, name: str, document: Mapping[str, Any]) -> None:
        text = json.dumps(document)
        self._client("iam").put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=text)

    def _client(self, service: str) -> Any:
        return self.ministack.client(service)


def variables(ministack: Ministack) -> dict[str, str]:
    """Return what leads a command to the emulator, as its owner."""
    # The owner's credentials are no session's.
    return {**ministack.environment, "AWS_SESSION_TOKEN": ""}


def _document(policy: Mapping[str, Any]) -> Any:
    document = policy["PolicyDocument"]
    return json.loads(document) if isinstance(document, str) else document


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
