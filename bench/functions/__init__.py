"""Functions for AWS Lambda that answer Alma behind an HTTP API: almahook's, and what people write.

Each is a module with a ``handler``; whatever it needs is in a folder of its own, as in a zip.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function.

    Attributes:
        module: Its file in this folder.
        packages: What its zip has in it, beside the standard library and itself.
        sends: Whether it puts what it accepts in a queue.
    """

    title: str
    module: str
    packages: tuple[str, ...] = ()
    sends: bool = True
    is_ours: bool = False


FUNCTIONS: Mapping[str, Function] = {
    "almahook": Function(title="**almahook**", module="receive", is_ours=True),
    "bare": Function(title="bare: HMAC and JSON, sends nothing", module="bare", sends=False),
    "boto3": Function(title="the same with boto3", module="with_boto3", packages=("boto3",)),
    "powertools": Function(
        title="Powertools' resolver with boto3",
        module="with_powertools",
        packages=("aws-lambda-powertools", "boto3"),
    ),
    "mangum": Function(
        title="Mangum and FastAPI with boto3",
        module="with_mangum",
        packages=("mangum", "fastapi", "boto3"),
    ),
}
