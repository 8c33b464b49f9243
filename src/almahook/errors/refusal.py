"""Requests that are not taken in, whatever is in their bodies."""

from almahook.errors import AlmaHookError


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
