"""Where a secret is: settings hold references to secrets, never the secrets themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from almahook.errors import ConfigurationError

_FIX = 'Write "env:NAME" for an environment variable, or "file:PATH" for a file.'


class Secret:
    """A text that no repr, log or error shows."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('…')"


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference, for example ``env:ALMAHOOK_SECRET``.

    Attributes:
        scheme: ``env`` or ``file``.
        name: The variable, or the path.
    """

    scheme: str
    name: str

    @classmethod
    def parse(cls, text: str, *, setting: str) -> "Reference":
        """Read a reference.

        Raises:
            ConfigurationError: It is none; what stands there is not shown, as it may be the secret.
        """
        scheme, colon, name = text.strip().partition(":")
        if not colon or not name.strip() or scheme not in {"env", "file"}:
            raise ConfigurationError(f"{setting} must say where the secret is. {_FIX}")
        return cls(scheme, name.strip())

    def resolve(self, *, environment: Mapping[str, str], folder: Path) -> Secret:
        """Return the secret, without the blanks and line ends around it.

        Raises:
            ConfigurationError: It is not there, or it is empty.
        """
        text = self._from_environment(environment) if self.scheme == "env" else self._read(folder)
        if not text.strip():
            raise ConfigurationError(f"{self} is empty: write the secret or the key there.")
        return Secret(text.strip())

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}"

    def _from_environment(self, environment: Mapping[str, str]) -> str:
        if self.name not in environment:
            raise ConfigurationError(
                f"The environment has no {self.name}. Set it: export {self.name}=…, or write "
                f"{self.name}=… into a file .env beside almahook.toml"
            )
        return environment[self.name]

    def _read(self, folder: Path) -> str:
        path = folder / self.name
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise ConfigurationError(f"{path} cannot be read: {reason}") from None
