"""Where a secret is: settings hold references to secrets, never the secrets themselves."""

from collections.abc import Mapping, Sequence

from almahook.errors import ConfigurationError

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Protocol
else:
    Protocol = object

SECRETS_MANAGER = "aws-secretsmanager"
PARAMETER_STORE = "aws-ssm"

_OF_AWS = frozenset({SECRETS_MANAGER, PARAMETER_STORE})
_SCHEMES = frozenset({"env", "file"}) | _OF_AWS
_FIX = (
    'Write "env:NAME" for an environment variable, "file:PATH" for a file, '
    '"aws-secretsmanager:NAME" or "aws-ssm:NAME" for a secret that AWS keeps.'
)


class Secret:
    """A text that no repr, log or error shows."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('…')"


class Reference:
    """One reference, for example ``env:ALMAHOOK_SECRET``.

    Attributes:
        scheme: ``env``, ``file``, ``aws-secretsmanager`` or ``aws-ssm``.
        name: The variable, the path, or what AWS calls it: a name or an ARN.
        key: Which field of a JSON object that AWS keeps; empty takes the whole text.
    """

    __slots__ = ("key", "name", "scheme")

    def __init__(self, scheme: str, name: str, key: str = "") -> None:
        self.scheme = scheme
        self.name = name
        self.key = key

    @classmethod
    def parse(cls, text: str, *, setting: str) -> "Reference":
        """Read a reference.

        Raises:
            ConfigurationError: It is none; what stands there is not shown, as it may be the secret.
        """
        scheme, _, name = text.strip().partition(":")
        key = ""
        if scheme in _OF_AWS:
            # No name of AWS's has this sign in it.
            name, mark, key = name.partition("#")
            name = "" if mark and not key.strip() else name
        if scheme not in _SCHEMES or not name.strip():
            raise ConfigurationError(f"{setting} must say where the secret is. {_FIX}")
        return cls(scheme, name.strip(), key.strip())

    @property
    def is_kept_by_aws(self) -> bool:
        """Whether it takes a call to read it, and can change while this runs."""
        return self.scheme in _OF_AWS

    def resolve(
        self,
        *,
        environment: Mapping[str, str],
        folder: "Path | None" = None,
        source: "SecretSource | None" = None,
    ) -> "Sequence[Secret]":
        """Return the secret, without the blanks and line ends around it.

        There are several while it is rotated, the current one first.

        Raises:
            ConfigurationError: It is not there, or it is empty.
        """
        if self.is_kept_by_aws:
            return _require(source, self).values(self)
        text = self._from_environment(environment) if self.scheme == "env" else self._read(folder)
        if not text.strip():
            raise ConfigurationError(f"{self} is empty: write the secret or the key there.")
        return [Secret(text.strip())]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}{'#' if self.key else ''}{self.key}"

    def _from_environment(self, environment: Mapping[str, str]) -> str:
        if self.name not in environment:
            raise ConfigurationError(
                f"The environment has no {self.name}. Set it: export {self.name}=…, or write "
                f"{self.name}=… into a file .env beside almahook.toml"
            )
        return environment[self.name]

    def _read(self, folder: "Path | None") -> str:
        if folder is None:
            raise ConfigurationError(f"{self} is a file, which is not on AWS.")
        path = folder / self.name
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise ConfigurationError(f"{path} cannot be read: {reason}") from None


class SecretSource(Protocol):
    """Reads the secrets that AWS keeps; given from above, as this room opens no connection."""

    def values(self, reference: Reference) -> Sequence[Secret]:
        """Return what is valid now, the current value first, and never nothing.

        Raises:
            ConfigurationError: It cannot be had.
        """


def is_kept_by_aws(text: str) -> bool:
    """Say whether a text is a reference whose value can change while this runs."""
    return is_reference(text) and text.partition(":")[0] in _OF_AWS


def is_reference(text: str) -> bool:
    """Say whether a text that may be a value says where the value is instead."""
    return text.partition(":")[0] in _SCHEMES and ":" in text


def _require(source: SecretSource | None, reference: Reference) -> SecretSource:
    if source is None:
        raise ConfigurationError(f"Nobody here can read {reference} from AWS.")
    return source
