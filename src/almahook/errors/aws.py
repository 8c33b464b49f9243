"""What a service of AWS answers, or that it does not."""

from almahook.errors import AlmaHookError


class AWSError(AlmaHookError):
    """A service of AWS did not do what was asked."""

    code = "aws.failed"
    status = 503


class AWSUnreachableError(AWSError):
    """A service of AWS could not be reached or did not answer in time."""

    code = "aws.unreachable"


class AWSResponseError(AWSError):
    """A service of AWS answered with an error.

    Attributes:
        http_status: The status of its answer.
        error_code: Its own code, for example ``AccessDeniedException``; empty for none.
    """

    code = "aws.response"

    def __init__(self, message: str = "", *, http_status: int, error_code: str = "") -> None:
        super().__init__(message)
        self.http_status = http_status
        self.error_code = error_code
