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

A function on AWS that refuses a request imports what it may raise from the module of its kind: it
would take a tenth of its time to load the others.
"""

from functools import cache

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from almahook.errors.every import *  # noqa: F403


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


class UnknownInvocationError(AlmaHookError):
    """No front door of AWS sends such an event. Set the function up by almahook aws init."""

    code = "aws.invocation"


# A type checker would take every name for defined if it saw this.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import all errors when the first is asked for here."""
        # Any other form of it would ask for the name here, and so without end.
        import almahook.errors.every as every  # noqa: PLC0415, PLR0402

        if name not in every.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(every, name)
