"""What Alma's REST API answers, or that it does not."""

from almahook.errors import AlmaHookError


class AlmaError(AlmaHookError):
    """Alma's REST API did not do what was asked."""

    code = "alma.failed"


class AlmaUnreachableError(AlmaError):
    """Alma's REST API could not be reached or did not answer in time."""

    code = "alma.unreachable"


class AlmaResponseError(AlmaError):
    """Alma's REST API answered with an error.

    Attributes:
        http_status: The status of Alma's answer.
        error_code: Alma's own code, for example ``401861`` (user not found).
        tracking_id: What Ex Libris support asks for.
    """

    code = "alma.response"

    def __init__(
        self, message: str = "", *, http_status: int, error_code: str = "", tracking_id: str = ""
    ) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.error_code = error_code
        self.tracking_id = tracking_id


class AlmaNotFoundError(AlmaResponseError):
    """Alma has no such record."""

    code = "alma.not_found"


class AlmaKeyError(AlmaResponseError):
    """Alma does not accept the API key, or the key may not do this."""

    code = "alma.key"


class AlmaRateError(AlmaResponseError):
    """Alma received more calls per second than the institution may make."""

    code = "alma.rate"


class AlmaQuotaError(AlmaResponseError):
    """The institution's API calls of today are used up."""

    code = "alma.quota"
