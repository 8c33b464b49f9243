"""The least with which an event is not lost: boto3 puts it in a queue."""

import base64
import hashlib
import hmac
import json
import os

import boto3

SECRET = os.environ["SECRET"].encode()
QUEUE = os.environ["QUEUE_URL"]
sqs = boto3.client("sqs")


def handler(event, _context):
    if event["requestContext"]["http"]["method"] == "GET":
        challenge = event["queryStringParameters"]["challenge"]
        return {"statusCode": 200, "body": json.dumps({"challenge": challenge})}
    body = event["body"].encode()
    signature = base64.b64encode(hmac.new(SECRET, body, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(signature, event["headers"]["x-exl-signature"]):
        return {"statusCode": 401, "body": json.dumps("Signature invalid")}
    json.loads(body)
    sqs.send_message(QueueUrl=QUEUE, MessageBody=event["body"])
    return {"statusCode": 200, "body": json.dumps("Done")}
