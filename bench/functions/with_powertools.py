"""With the resolver of Powertools for AWS Lambda."""

import base64
import hashlib
import hmac
import json
import os

import boto3
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

SECRET = os.environ["SECRET"].encode()
QUEUE = os.environ["QUEUE_URL"]
sqs = boto3.client("sqs")
app = APIGatewayHttpResolver()


@app.get("/webhooks/<profile>")
def challenge(profile):
    return {"challenge": app.current_event.query_string_parameters["challenge"]}


@app.post("/webhooks/<profile>")
def message(profile):
    body = app.current_event.body
    digest = hmac.new(SECRET, body.encode(), hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    if not hmac.compare_digest(signature, app.current_event.headers["x-exl-signature"]):
        return Response(401, "application/json", json.dumps("Signature invalid"))
    json.loads(body)
    sqs.send_message(QueueUrl=QUEUE, MessageBody=body)
    return Response(200, "application/json", json.dumps("Done"))


def handler(event, context):
    return app.resolve(event, context)
