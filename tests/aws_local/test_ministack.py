from collections.abc import Mapping
from uuid import uuid4

from aws_local.ministack import Ministack


def test_a_message_can_be_sent_and_received(ministack: Ministack) -> None:
    sqs = ministack.client("sqs")
    url = sqs.create_queue(QueueName=f"q-{uuid4().hex}")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == "hello"


def test_the_environment_leads_a_client_to_it(aws_environment: Mapping[str, str]) -> None:
    import boto3

    client = boto3.client("dynamodb")
    assert client.meta.endpoint_url == aws_environment["AWS_ENDPOINT_URL"]
    assert "TableNames" in client.list_tables()


def test_a_reset_forgets_everything(ministack: Ministack) -> None:
    s3 = ministack.client("s3")
    s3.create_bucket(Bucket="forgotten")
    ministack.reset()
    assert s3.list_buckets()["Buckets"] == []
