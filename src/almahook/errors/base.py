"""What every error has in common, and those that belong to no room."""

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


class UnknownInvocationError(AlmaHookError):
    """No front door of AWS sends such an event. Set the function up by almahook aws init."""

    code = "aws.invocation"
