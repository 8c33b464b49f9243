"""The templates make what the inbox on AWS expects, by the names that it has."""

import re
from pathlib import Path
from typing import Any

import pytest

from almahook.inbox.aws import names, resources
from aws_deploy.template import ACCOUNT, REGION, Stack, load, translated

NAME = "almahook"


@pytest.fixture(scope="module")
def queue(project: Path) -> dict[str, Any]:
    return dict(Stack(translated(load(project / "aws/queue/template.yaml"))).resources())


@pytest.fixture(scope="module")
def terraform(project: Path) -> str:
    return (project / "aws" / "queue-terraform" / "main.tf").read_text()


def test_the_table_is_the_inbox_s_in_both_shapes(project: Path, queue) -> None:
    direct = dict(Stack(translated(load(project / "aws/direct/template.yaml"))).resources())
    for table in (queue["Table"], direct["Table"]):
        assert table["TableName"] == names.table_name(NAME)
        assert {name: table[name] for name in resources.TABLE} == resources.TABLE


def test_the_queues_are_the_inbox_s(queue) -> None:
    events, parked = queue["Queue"], queue["DeadLetters"]
    assert events["QueueName"] == names.queue_name(NAME)
    assert parked["QueueName"] == names.dead_letter_queue_name(NAME)
    defaults = {"ReceiveMessageWaitTimeSeconds": 0}
    assert resources.QUEUE.items() <= (defaults | events).items()
    assert resources.DEAD_LETTER_QUEUE.items() <= (defaults | parked).items()
    assert events["RedrivePolicy"]["maxReceiveCount"] == resources.MAX_RECEIVES


def test_the_bucket_is_the_inbox_s(queue) -> None:
    bucket = queue["Bodies"]
    name = names.bucket_name(NAME, account=ACCOUNT, region=REGION)
    assert bucket["BucketName"] == name
    assert {name: bucket[name] for name in resources.BUCKET} == resources.BUCKET


def test_terraform_has_the_same_numbers(terraform: str, queue) -> None:
    def numbers(name: str) -> set[int]:
        return set(map(int, re.findall(rf"{name}\s*= (\d+)", terraform)))

    assert numbers("maxReceiveCount") == {resources.MAX_RECEIVES}
    assert numbers("message_retention_seconds") == {resources.RETENTION_S}
    (rule,) = resources.BUCKET["LifecycleConfiguration"]["Rules"]
    assert numbers("days") == {rule["ExpirationInDays"]}
    assert re.findall(r'prefix = "(.+)"', terraform) == [names.SPOOL_PREFIX]


def test_terraform_allows_each_function_the_same(project: Path, queue) -> None:
    text = (project / "aws" / "queue-terraform" / "functions.tf").read_text()
    for role in ("Receive", "Work", "Purge"):
        policy = text.partition(f'"aws_iam_role_policy" "{role.lower()}"')[2].partition("\n}\n")[0]
        (document,) = (one["PolicyDocument"] for one in queue[f"{role}Role"]["Policies"])
        allowed = [one["Action"] for one in document["Statement"]]
        actions = [one for some in allowed for one in (some if isinstance(some, list) else [some])]
        assert re.findall(r'"([a-z0-9]+:[A-Za-z]+)"', policy) == actions
