"""The SDK's clients: how they are made, how long they wait, and what their errors mean."""

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from almahook.errors import ConfigurationError, InboxUnavailableError, MissingExtraError

# An answer that has not come by then does not come; the SDK asks again, with pauses that grow.
_CONNECT_S = 2.0
_ANSWER_S = 5.0
_TRIES = 4
_CONNECTIONS = 32

# At DEBUG the SDK logs whole requests and answers, which hold patron data and credentials.
_LOGGERS = ("boto3", "botocore", "s3transfer", "urllib3")


class Clients:
    """One session of the SDK and its clients, each made when it is first needed.

    Credentials, region and endpoints are found as the SDK finds them for any program.
    https://docs.aws.amazon.com/boto3/latest/guide/credentials.html

    Raises:
        MissingExtraError: The SDK is not installed.
    """

    def __init__(self) -> None:
        self._session = _session()
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}

    @property
    def region(self) -> str:
        """The region.

        Raises:
            ConfigurationError: Neither environment nor AWS settings name one.
        """
        # The SDK itself knows AWS_DEFAULT_REGION only.
        region = os.environ.get("AWS_REGION") or self._session.get_config_variable("region")
        if not region:
            raise ConfigurationError("No AWS region is set. Set AWS_REGION, or: aws configure")
        return str(region)

    def get(self, service: str) -> Any:
        """Return the client of a service.

        Raises:
            ConfigurationError: There is no region.
        """
        from botocore.config import Config  # noqa: PLC0415

        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._session.create_client(
                    service,
                    region_name=self.region,
                    config=Config(
                        connect_timeout=_CONNECT_S,
                        read_timeout=_ANSWER_S,
                        retries={"mode": "standard", "total_max_attempts": _TRIES},
                        max_pool_connections=_CONNECTIONS,
                    ),
                )
            return self._clients[service]

    def credentials(self) -> Mapping[str, str]:
        """Return the credentials as they are now, by the variables that hold them elsewhere.

        Raises:
            InboxUnavailableError: There are none.
        """
        with typed_errors("credentials"):
            found = self._session.get_credentials()
            frozen = found.get_frozen_credentials() if found else None
        if frozen is None:
            raise InboxUnavailableError("There are no AWS credentials. Type: aws configure")
        return {
            "AWS_ACCESS_KEY_ID": frozen.access_key,
            "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
            "AWS_SESSION_TOKEN": frozen.token or "",
            "AWS_REGION": self.region,
        }

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()


def _session() -> Any:
    try:
        import botocore.session  # noqa: PLC0415 - who only receives has no SDK
    except ModuleNotFoundError:
        raise MissingExtraError("The inbox on AWS", extra="aws") from None
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
    session = botocore.session.Session()
    session.register_component("data_loader", _loader())
    return session


@cache
def _loader() -> Any:
    """Return what reads the SDK's descriptions of services: it takes longer than all the rest."""
    from botocore.loaders import create_loader  # noqa: PLC0415

    return create_loader()


@contextmanager
def typed_errors(what: str) -> Iterator[None]:
    """Turn the SDK's errors into the inbox's.

    AWS's own texts are left out: they can quote what was sent.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        raise InboxUnavailableError(f"AWS ({what}) answered {code_of(error)}.") from None
    except BotoCoreError as error:
        kind = type(error).__name__
        raise InboxUnavailableError(f"AWS ({what}) could not be used: {kind}.") from None


def code_of(error: Any) -> str:
    """Return AWS's code of an error that its service answered."""
    return str(error.response.get("Error", {}).get("Code", "an error"))
