"""What becomes of a message that is taken in, and what Alma hears of it."""

from almahook.protocol.message import JSON_HEADERS, Response


class Stored:
    """The event is in the inbox."""

    __slots__ = ()

    response = Response(status=200, body=b'{"status":"stored"}', headers=JSON_HEADERS)


class Unhandled:
    """Direct mode: no handler takes this action."""

    __slots__ = ()

    response = Response(status=400, body=b'"Invalid action."', headers=JSON_HEADERS)


class Handled:
    """Direct mode: every handler succeeded or skipped."""

    __slots__ = ()

    response = Response(status=200, body=b'"Done"', headers=JSON_HEADERS)


class Failed:
    """Direct mode: a handler raised."""

    __slots__ = ()

    response = Response(status=500, body=b'"Handler failed"', headers=JSON_HEADERS)
