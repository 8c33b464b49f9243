"""Bodies that are signed, and still no message."""

from almahook.errors.refusal import RefusalError


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
