"""The function that receives: it verifies an event, puts it in the queue, and answers 200.

One call over the network stands between an event and its 200. What only an accepted event needs is
imported when the first one comes, and boto3 never.
"""

from __future__ import annotations

import gc

# What is loaded leaves no rubbish, and without the collector the first event is answered sooner.
gc.disable()

import os
import time
from functools import cache

from almahook.app.functions.log import tell
from almahook.app.functions.manifest import read_manifest
from almahook.app.functions.secret_values import SecretValues
from almahook.receivers.aws_lambda.receiver import Receiver

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from almahook.protocol.decision import Endpoint
    from almahook.protocol.outcome import Stored

_ACCOUNT = 4


def handler(event: Any, context: Any) -> object:
    """Answer one event of any front door of AWS.

    Raises:
        UnknownInvocationError: It is no event of one.
        ConfigurationError: The function was built without a manifest.
    """
    try:
        return _receiver(context.invoked_function_arn)(event)
    finally:
        gc.enable()


@cache
def _receiver(arn: str) -> Receiver:
    manifest = read_manifest(os.environ)
    # arn:aws:lambda:REGION:ACCOUNT:function:NAME
    account = arn.split(":")[_ACCOUNT]

    def store(fields: dict[str, Any]) -> Stored:
        return _store(manifest.inbox, account)(fields)

    return Receiver(
        endpoints=manifest.endpoints,
        secrets=SecretValues(manifest, os.environ),
        accept=_accept,
        take_in=store,
        mode="inbox",
        tell=tell,
        clock=time.time,
    )


def _accept(
    body: bytes,
    *,
    signature: bytes,
    content_type: str,
    endpoint: Endpoint,
    received_at: float,
) -> dict[str, Any]:
    from almahook.protocol.signature import which_signed  # noqa: PLC0415 - see above

    index = which_signed(body, signature, endpoint.secrets)
    from almahook.app.functions.reading import read  # noqa: PLC0415 - see above

    return read(
        body,
        content_type=content_type,
        profile=endpoint.profile,
        secret_index=index,
        received_at=received_at,
    )


@cache
def _store(inbox: str, account: str) -> Callable[[dict[str, Any]], Stored]:
    from almahook.app.functions.spool import storing  # noqa: PLC0415 - see above

    return storing(inbox, account=account, environment=os.environ)
