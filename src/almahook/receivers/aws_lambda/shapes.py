"""Every shape that an event can have; no event has two of them."""

from __future__ import annotations

from almahook.errors import UnknownInvocationError
from almahook.receivers.aws_lambda.balancer import LoadBalancer, MultiValueLoadBalancer
from almahook.receivers.aws_lambda.payload_v1 import PayloadV1
from almahook.receivers.aws_lambda.shape import PayloadV2
from almahook.receivers.aws_lambda.template import Reference, Template

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from almahook.receivers.aws_lambda.contract import Event, EventShape

SHAPES: Sequence[EventShape] = (
    PayloadV2(),
    PayloadV1(),
    LoadBalancer(),
    MultiValueLoadBalancer(),
    Template(),
    Reference(),
)


def shape_of(event: Event) -> EventShape:
    """Return the shape of an event.

    Raises:
        UnknownInvocationError: It has none that is known here.
    """
    for shape in SHAPES:
        if shape.matches(event):
            return shape
    raise UnknownInvocationError
