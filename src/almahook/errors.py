"""Every error that almahook raises on purpose, and nothing else.

    AlmaHookError
    ├── ConfigurationError          a setting, a secret or an extra that is missing or wrong
    │   └── MissingExtraError
    ├── RefusalError                a request that is not taken in; never raised to Alma as a crash
    │   ├── UnknownPathError · UnknownProfileError · MethodNotAllowedError
    │   ├── BodyTooLargeError · SlowBodyError · MissingBodyError
    │   ├── SignatureError          missing · malformed · mismatch
    │   ├── NoSecretError
    │   └── MessageError            empty · encoding · JSON · duplicate key · nesting · XML · action
    ├── InboxError                  unavailable · overloaded · stale lease · not found · schema
    ├── HandlerError                load · filter · invalid action · time-out · step result
    ├── WorkerFailedError           the process that runs the handlers did not come so far
    ├── AlmaError                   what Alma's REST API answered, or that it did not
    ├── AWSError                    what a service of AWS answered, or that it did not
    ├── UnknownInvocationError      a function of AWS Lambda that was invoked with something else
    └── NotifyError                 a text or a mail that could not be sent

Programs match on the class or on ``code``; both are stable. ``status`` is what a host answers when
the error reaches the edge. Texts may improve in any release. No error holds a secret, an expected
signature, a body or a patron's data.
"""

from functools import cache


class AlmaHookError(Exception):
    """Base of every error this package raises on purpose."""

    code = "internal"
    status = 500

    def __init__(self, message: str = "") -> None:
        super().__init__(message or _first_sentence(type(self).__doc__ or self.code))

    @property
    def message(self) -> str:
        """The text for the person who must act."""
        return str(self)


@cache
def _first_sentence(text: str) -> str:
    return text.split("\n\n", maxsplit=1)[0].strip()


class ConfigurationError(AlmaHookError):
    """A setting is missing or wrong."""

    code = "config.invalid"


class MissingExtraError(ConfigurationError):
    """A part of almahook needs a package that is not installed."""

    code = "config.missing_extra"

    def __init__(self, what: str, *, extra: str) -> None:
        super().__init__(f"{what} needs more packages. Type: pip install 'almahook[{extra}]'")


class RefusalError(AlmaHookError):
    """The request was not taken in."""

    code = "request.refused"
    status = 400


class UnknownPathError(RefusalError):
    """Nothing is served at this path. Alma's listener URL ends in /webhooks/<profile>."""

    code = "request.unknown_path"
    status = 404


class UnknownProfileError(RefusalError):
    """No profile of this name is configured."""

    code = "request.unknown_profile"
    status = 404


class MethodNotAllowedError(RefusalError):
    """A listener answers GET (Alma's challenge) and POST (Alma's events) only."""

    code = "request.method"
    status = 405


class ChallengeMissingError(RefusalError):
    """This is a webhook listener for Alma: it answers GET only with a challenge in the query."""

    code = "challenge.missing"


class BodyTooLargeError(RefusalError):
    """The body is larger than the limit (setting max_body_bytes)."""

    code = "body.too_large"
    status = 413


class SlowBodyError(RefusalError):
    """The body did not arrive in time (setting body_timeout_s)."""

    code = "body.slow"
    status = 503


class MissingBodyError(RefusalError):
    """A body was announced, and the server in front of this listener passed none on."""

    code = "body.missing"
    status = 503


class SignatureError(RefusalError):
    """The message is not proven to come from Alma."""

    code = "signature.invalid"
    status = 401


class MissingSignatureError(SignatureError):
    """No X-Exl-Signature header."""

    code = "signature.missing"


class MalformedSignatureError(SignatureError):
    """The X-Exl-Signature header is not the base64 of 32 bytes."""

    code = "signature.malformed"


class SignatureMismatchError(SignatureError):
    """No configured secret produced this signature."""

    code = "signature.mismatch"


class NoSecretError(RefusalError):
    """This profile has no secret, so nothing can be verified and nothing is accepted."""

    code = "signature.no_secret"
    status = 503


class MessageError(RefusalError):
    """The body is not a webhook message of Alma's."""

    code = "body.not_a_message"


class EmptyBodyError(MessageError):
    """The body is empty."""

    code = "body.empty"


class EncodingError(MessageError):
    """The body is not valid UTF-8."""

    code = "body.encoding"


class JSONError(MessageError):
    """The body is not valid JSON."""

    code = "body.json"


class DuplicateKeyError(MessageError):
    """The JSON has the same key twice in one object, so it does not say one thing."""

    code = "body.duplicate_key"


class NestingError(MessageError):
    """The body is nested deeper than any message of Alma's."""

    code = "body.nesting"


class XMLError(MessageError):
    """The body is not well-formed XML."""

    code = "body.xml"


class ForbiddenXMLError(XMLError):
    """The XML declares a document type or an entity, which no message of Alma's does."""

    code = "body.xml_forbidden"


class InvalidActionError(MessageError):
    """The action is missing, or the action or the event is not a plain name."""

    code = "body.action"


class InboxError(AlmaHookError):
    """The inbox could not do what was asked of it."""

    code = "inbox.failed"


class InboxUnavailableError(InboxError):
    """The event could not be stored, so it was not acknowledged."""

    code = "inbox.unavailable"
    status = 503


class OverloadedError(InboxUnavailableError):
    """More events arrive than the inbox can store."""

    code = "inbox.overloaded"


class StaleLeaseError(InboxError):
    """This run's lease ended and somebody else owns the run now, so the result was not taken."""

    code = "inbox.stale_lease"
    status = 409


class NotFoundError(InboxError):
    """The inbox has no such entry."""

    code = "inbox.not_found"
    status = 404


class SchemaError(InboxError):
    """The database does not have the schema this release needs: type almahook migrate."""

    code = "inbox.schema"


class HandlerError(AlmaHookError):
    """A handler is wrong or has failed."""

    code = "handler.failed"


class HandlerLoadError(HandlerError):
    """A handler file could not be loaded."""

    code = "handler.load"


class FilterError(HandlerError):
    """A handler's filter can never work."""

    code = "handler.filter"


class NoHandlerError(HandlerError):
    """Invalid action."""

    code = "handler.none"
    status = 400


class HandlerTimeoutError(HandlerError):
    """The handler ran longer than its time-out."""

    code = "handler.timeout"


class StepResultError(HandlerError):
    """The result of a ctx.once step cannot be kept: it must be made of JSON's types."""

    code = "handler.step_result"


class WorkerFailedError(AlmaHookError):
    """The process that runs the handlers has ended before it was ready.

    Args:
        status: Its exit status; negative when a signal ended it.
    """

    code = "worker.failed"

    def __init__(self, status: int) -> None:
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        super().__init__(
            f"The process that runs the handlers has ended {how} before they were loaded. "
            "Look for what a handler's module does when it is imported: almahook work"
        )


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


class UnknownInvocationError(AlmaHookError):
    """No front door of AWS sends such an event. Set the function up by almahook aws init."""

    code = "aws.invocation"


class NotifyError(AlmaHookError):
    """A notification could not be sent."""

    code = "notify.failed"


class InvalidNumberError(NotifyError):
    """The phone number cannot be made into an international number."""

    code = "notify.number"
