"""Every shape that an event can have; no event has two of them."""

from __future__ import annotations

from almahook.receivers.aws_lambda.balancer import LoadBalancer, MultiValueLoadBalancer
from almahook.receivers.aws_lambda.payload_v1 import PayloadV1
from almahook.receivers.aws_lambda.payload_v2 import PayloadV2
from almahook.receivers.aws_lambda.template import Reference, Template

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from almahook.receivers.aws_lambda.contract import EventShape

SHAPES: Sequence[EventShape] = (
    PayloadV2(),
    PayloadV1(),
    LoadBalancer(),
    MultiValueLoadBalancer(),
    Template(),
    Reference(),
)
