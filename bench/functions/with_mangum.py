"""A FastAPI app behind Mangum."""

import base64
import hashlib
import hmac
import json
import os

import boto3
from fastapi import FastAPI, HTTPException, Request
from mangum import Mangum

SECRET = os.environ["SECRET"].encode()
QUEUE = os.environ["QUEUE_URL"]
sqs = boto3.client("sqs")
app = FastAPI()


@app.get("/webhooks/{profile}")
async def challenge(profile: str, challenge: str):
    return {"challenge": challenge}


@app.post("/webhooks/{profile}")
async def message(profile: str, request: Request):
    body = await request.body()
    signature = base64.b64encode(hmac.new(SECRET, body, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(signature, request.headers["x-exl-signature"]):
        raise HTTPException(401, "Signature invalid")
    json.loads(body)
    sqs.send_message(QueueUrl=QUEUE, MessageBody=body.decode())
    return "Done"


handler = Mangum(app, lifespan="off")
