"""The least that somebody would write."""

import base64
import hashlib
import hmac
import json
import os

SECRET = os.environ["SECRET"].encode()


def handler(event, _context):
    if event["requestContext"]["http"]["method"] == "GET":
        challenge = event["queryStringParameters"]["challenge"]
        return {"statusCode": 200, "body": json.dumps({"challenge": challenge})}
    body = event["body"].encode()
    signature = base64.b64encode(hmac.new(SECRET, body, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(signature, event["headers"]["x-exl-signature"]):
        return {"statusCode": 401, "body": json.dumps("Signature invalid")}
    return accept(json.loads(body))


def accept(_message):
    return {"statusCode": 200, "body": json.dumps("Done")}
