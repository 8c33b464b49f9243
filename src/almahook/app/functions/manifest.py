"""What a function has to know of the settings, written when its zip is built.

To read the settings themselves would take longer than to refuse a request. The manifest holds
references to secrets, never a secret.
"""

from __future__ import annotations

import json

from almahook.errors import ConfigurationError
from almahook.protocol.decision import Endpoint

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILE = "almahook-manifest.json"

# Where Lambda unpacks the zip.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
_FOLDER = "LAMBDA_TASK_ROOT"
_INBOX = "ALMAHOOK_INBOX"


class Manifest:
    """The settings of the functions that receive.

    Attributes:
        inbox: For example ``aws:hooks``.
        endpoints: The profiles by name, without their secrets.
        references: Where the secrets of each profile are.
        secret_lifetime_s: A secret that AWS keeps is read again after so long.
        secret_overlap_days: So long after its rotation a secret's previous value is valid too.
    """

    def __init__(
        self,
        *,
        inbox: str,
        endpoints: Mapping[str, Endpoint],
        references: Mapping[str, Sequence[str]],
        secret_lifetime_s: float,
        secret_overlap_days: float,
    ) -> None:
        self.inbox = inbox
        self.endpoints = endpoints
        self.references = references
        self.secret_lifetime_s = secret_lifetime_s
        self.secret_overlap_days = secret_overlap_days


def read_manifest(environment: Mapping[str, str]) -> Manifest:
    """Read the manifest of the function that runs here; its environment wins over it.

    Raises:
        ConfigurationError: There is none.
    """
    path = f"{environment.get(_FOLDER, '.')}/{FILE}"
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib takes long to load
            document = json.load(file)
    except FileNotFoundError:
        raise ConfigurationError(
            f"There is no {path}. Build the function with: almahook aws build"
        ) from None
    profiles = document["profiles"]
    return Manifest(
        inbox=environment.get(_INBOX) or document["inbox"],
        endpoints={
            name: Endpoint(
                profile=name,
                secrets=(),
                refuse_status=profile["refuse_status"],
                max_body_bytes=document["max_body_bytes"],
            )
            for name, profile in profiles.items()
        },
        references={name: profile["secrets"] for name, profile in profiles.items()},
        secret_lifetime_s=document["secret_lifetime_s"],
        secret_overlap_days=document["secret_overlap_days"],
    )
