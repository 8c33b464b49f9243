"""What an inbox on AWS consists of, as data: templates and tests make it from the same.

The properties are spelled as CloudFormation spells them.
"""

import re
from typing import Any

from almahook.inbox.aws.names import SPOOL_PREFIX

# A bucket's name may have 63 characters, and account and region take up to 28 of them.
NAME = re.compile(r"[a-z][a-z0-9-]{1,30}[a-z0-9]")

_DAY_S = 86_400

# The longest that SQS keeps a message.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
RETENTION_S = 14 * _DAY_S

# Each attempt, each wait for a lane and each retry that is not due receives the message once more,
# and handlers are parked by their own policy; only a function that never gets so far comes here.
MAX_RECEIVES = 100

# What a table's item refers to; it is deleted with the item.
KEPT_PREFIX = "kept/"

# Of the items in the table; a release that writes others has the next number.
SCHEMA = 1

TABLE: dict[str, Any] = {
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
    ],
    "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
}

# Whoever deploys sets VisibilityTimeout by the time-out of the function that works, and
# RedrivePolicy by the dead-letter queue's ARN and MAX_RECEIVES.
QUEUE: dict[str, Any] = {
    "MessageRetentionPeriod": RETENTION_S,
    "ReceiveMessageWaitTimeSeconds": 0,
}

DEAD_LETTER_QUEUE: dict[str, Any] = {"MessageRetentionPeriod": RETENTION_S}

BUCKET: dict[str, Any] = {
    "LifecycleConfiguration": {
        "Rules": [
            {
                "Id": "spool",
                "Status": "Enabled",
                "Prefix": SPOOL_PREFIX,
                "ExpirationInDays": RETENTION_S // _DAY_S + 1,
            }
        ]
    }
}
