"""Calls an AWS service: one request over a connection that is kept open.

Credentials, region and endpoint come from the environment, by the variables that AWS documents:
https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html#EVarSettings
"""

from __future__ import annotations

import http.client
import json
import os
import time
from hashlib import sha256
from urllib.parse import urlsplit

from almahook.aws.sigv4 import Credentials, encoded_path, sign
from almahook.errors import ConfigurationError
from almahook.errors.aws import AWSResponseError, AWSUnreachableError

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

# Alma hangs up after 5 seconds, and a large body takes two calls.
TIMEOUT_S = 2.0

_OK = range(200, 300)
# The other end closed a connection that had been idle: nothing of the request was answered.
_STALE = (http.client.RemoteDisconnected, ConnectionError)


class Service:
    """One AWS service, called by one thread at a time.

    Args:
        name: As it signs and as its variables spell it: ``sqs``, ``s3``, ``ssm``.
        host_prefix: What stands before the host, for example the bucket's name; only AWS's own
            hosts get it, an endpoint of the environment does not.
        timeout_s: How long connecting, and then each answer, may take; looking up the host's name
            is bound by the system alone.
        environment: The process's, unless given.
        clock: Seconds since the epoch.

    Raises:
        ConfigurationError: The environment names no region.
    """

    def __init__(
        self,
        name: str,
        *,
        host_prefix: str = "",
        timeout_s: float = TIMEOUT_S,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.region = _region(environment)
        override = _override(name, environment)
        endpoint = urlsplit(override or f"https://{host_prefix}{_host(name, self.region)}")
        self.is_aws = not override
        self.host = endpoint.netloc
        self._timeout_s = timeout_s
        self._environment = environment
        self._clock = clock
        self._connection = _connection(endpoint.scheme, self.host, timeout_s)

    def call(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes = b"",
    ) -> bytes:
        """Send a signed request, and return the body of the answer.

        It is sent a second time when a kept connection turns out to be closed, so that what it
        asks for must be the same when it is done twice.

        Raises:
            AWSUnreachableError: No answer came in time.
            AWSResponseError: The service answered with an error.
            ConfigurationError: The environment has no credentials.
        """
        signed = sign(
            method,
            path,
            {"Host": self.host, "X-Amz-Content-Sha256": sha256(body).hexdigest(), **headers},
            body,
            credentials=_credentials(self._environment),
            region=self.region,
            service=self.name,
            at=self._clock(),
        )
        status, said = self._exchange(method, encoded_path(path), signed, body)
        if status not in _OK:
            raise _refused(self.name, status, said)
        return said

    def call_json(self, target: str, version: str, asked: Mapping[str, Any]) -> Any:
        """Call one operation of a service that speaks JSON, and return what it answers.

        The target is for example ``AmazonSQS.SendMessage``, the version that of the protocol:
        ``1.0`` or ``1.1``.

        Raises:
            AWSUnreachableError: No answer came in time, or it cannot be read.
            AWSResponseError: The service answered with an error.
            ConfigurationError: The environment has no credentials.
        """
        headers = {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": target}
        said = self.call("POST", "/", headers, json.dumps(asked).encode())
        try:
            return json.loads(said)
        except ValueError:
            raise AWSUnreachableError(
                f"{self.name} answered with something else than JSON."
            ) from None

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        self._connection.close()

    def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes]:
        is_kept = self._connection.sock is not None
        try:
            try:
                return self._send(method, path, headers, body)
            except _STALE:
                if not is_kept:
                    raise
                self.close()
                return self._send(method, path, headers, body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise _unreachable(self.name, self.host, error) from error

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes]:
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()


def _connection(scheme: str, host: str, timeout_s: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, timeout=timeout_s)
    return http.client.HTTPConnection(host, timeout=timeout_s)


def _region(environment: Mapping[str, str]) -> str:
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if not region:
        raise ConfigurationError("AWS_REGION is not set. Set it, for example to eu-central-1.")
    return region


def _host(name: str, region: str) -> str:
    # https://docs.aws.amazon.com/general/latest/gr/rande.html
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"{name}.{region}.{suffix}"


def _override(name: str, environment: Mapping[str, str]) -> str:
    """Return the endpoint that the environment sets; empty for AWS's own.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return ""
    own = environment.get(f"AWS_ENDPOINT_URL_{_VARIABLES.get(name, name.upper())}", "")
    return own or environment.get("AWS_ENDPOINT_URL", "")


_VARIABLES = {"secretsmanager": "SECRETS_MANAGER"}


def _credentials(environment: Mapping[str, str]) -> Credentials:
    try:
        return Credentials(
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment.get("AWS_SESSION_TOKEN", ""),
        )
    except KeyError as error:
        raise ConfigurationError(
            f"{error.args[0]} is not set. A function gets it from its role; elsewhere set it."
        ) from None


def _unreachable(name: str, host: str, error: Exception) -> AWSUnreachableError:
    if isinstance(error, TimeoutError):
        return AWSUnreachableError(f"{name} ({host}) did not answer in time.")
    return AWSUnreachableError(f"{name} ({host}) could not be reached: {type(error).__name__}.")


def _refused(name: str, status: int, said: bytes) -> AWSResponseError:
    # AWS's own text is left out: it can quote the request, its session token included.
    code = _error_code(said)
    return AWSResponseError(
        f"{name} answered {status} {code}".rstrip() + ".", http_status=status, error_code=code
    )


def _error_code(said: bytes) -> str:
    """Return the code of an error, both JSON's ``__type`` and S3's ``<Code>``; empty for none."""
    text = said.decode("utf-8", "replace")
    _, found, rest = text.partition("<Code>")
    if found:
        return rest.partition("<")[0][:100]
    try:
        kind = json.loads(text)["__type"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(kind).rpartition("#")[2][:100]
