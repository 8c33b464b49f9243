"""Every setting there is, with its type, its bounds, its default and one line of help."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from almahook.config.reference import Reference, Secret, SecretSource, is_reference

DEFAULT_HANDLERS = "handlers"

Text = Annotated[str, Meta(min_length=1)]
Seconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]


class ProfileSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Alma integration profile, ``[profiles.NAME]``; it is served at ``/webhooks/NAME``."""

    secrets: Annotated[
        list[str],
        Meta(
            description="where its secret is (env:NAME, file:PATH, aws-secretsmanager:NAME, "
            "aws-ssm:NAME); several while it is changed"
        ),
    ] = []
    api_key: Annotated[
        str, Meta(description="where the key for Alma's REST API is, written likewise")
    ] = ""
    region: Annotated[
        str, Meta(description="where the institution's Alma is: na, eu, ap, ca, cn, aps")
    ] = "na"
    api_url: Annotated[
        str, Meta(description="another host for the REST API, for example a gateway of your own")
    ] = ""
    institution: Annotated[
        str, Meta(description="profiles of one institution share its limit of API calls")
    ] = ""
    refuse_status: Annotated[
        Literal[401, 503],
        Meta(description="the answer to a wrong signature; Alma tries again after 503 only"),
    ] = 401


class NotifySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accounts for texts, mails and chat, ``[notify]``."""

    sms: Annotated[
        list[str],
        Meta(description="Apprise URLs, or where they are (env:NAME and the like), for texts"),
    ] = []
    mail: Annotated[list[str], Meta(description="the same for mails")] = []
    chat: Annotated[list[str], Meta(description="the same for chat")] = []
    default_country: Annotated[
        str, Meta(description="two letters: where phone numbers without + are")
    ] = ""
    dry_run: Annotated[
        bool, Meta(description="send nothing, and write everything into the outbox")
    ] = False
    outbox: Annotated[Text, Meta(description="the file that a dry run writes")] = (
        "data/outbox.jsonl"
    )


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``almahook.toml`` may hold."""

    inbox: Annotated[Text, Meta(description="where events are stored")] = "sqlite:data/almahook.db"
    host: Annotated[Text, Meta(description="the address to listen on; 0.0.0.0 for all")] = (
        "127.0.0.1"
    )
    port: Annotated[
        Annotated[int, Meta(ge=0, le=65535)], Meta(description="the port; 0 takes a free one")
    ] = 8080
    mode: Annotated[
        Literal["inbox", "direct"],
        Meta(description="answer when an event is stored (inbox), or handled (direct)"),
    ] = "inbox"
    handlers: Annotated[Text, Meta(description="the folder of the handlers")] = DEFAULT_HANDLERS
    handlers_module: Annotated[
        str, Meta(description="an installed module whose handlers are added")
    ] = ""
    worker: Annotated[
        bool, Meta(description="run the handlers too; False leaves it to almahook work")
    ] = True
    receivers: Annotated[
        Annotated[int, Meta(ge=1, le=16)],
        Meta(description="how many processes receive on the port, for a machine of several cores"),
    ] = 1
    public_url: Annotated[
        str,
        Meta(description="how Alma reaches the listener, for example https://hooks.example.edu"),
    ] = ""
    max_body_bytes: Annotated[Count, Meta(description="a larger body is refused")] = (
        10 * 1024 * 1024
    )
    body_timeout_s: Annotated[Seconds, Meta(description="a body that takes longer is cut off")] = (
        10.0
    )
    max_pending_events: Annotated[
        Count, Meta(description="when so many wait to be stored, Alma is asked to wait")
    ] = 10_000
    retention_days: Annotated[
        Annotated[float, Meta(ge=0)],
        Meta(description="finished events are deleted after so many days; 0 keeps them"),
    ] = 30.0
    rejections_kept: Annotated[Count, Meta(description="how many refused requests are kept")] = 1000
    rejection_body_bytes: Annotated[
        Annotated[int, Meta(ge=0)], Meta(description="how much of a refused body is kept")
    ] = 64 * 1024
    lease_s: Annotated[
        Seconds, Meta(description="a run of a worker that is gone starts again after so long")
    ] = 30.0
    worker_poll_s: Annotated[Seconds, Meta(description="how often due retries are looked for")] = (
        1.0
    )
    stop_timeout_s: Annotated[
        Seconds, Meta(description="how long a stop waits for handlers that run")
    ] = 30.0
    api_timeout_s: Annotated[
        Seconds, Meta(description="how long one call of Alma's REST API may take")
    ] = 30.0
    api_calls_per_second: Annotated[
        Annotated[float, Meta(gt=0, le=25)],
        Meta(description="how many calls per institution at most"),
    ] = 20.0
    secret_lifetime_s: Annotated[
        Seconds, Meta(description="a secret that AWS keeps is read again after so long")
    ] = 300.0
    secret_overlap_days: Annotated[
        Annotated[float, Meta(ge=0)],
        Meta(
            description="so long after its rotation in AWS a secret's previous value is valid too"
        ),
    ] = 1.0
    metrics: Annotated[bool, Meta(description="serve /metrics for Prometheus")] = True
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Meta(description="what is logged")
    ] = "INFO"
    log_format: Annotated[
        Literal["text", "json"], Meta(description="for a person, or for a machine")
    ] = "text"
    profiles: Annotated[
        dict[str, ProfileSettings], Meta(description="Alma's integration profiles")
    ] = {}
    notify: Annotated[NotifySettings, Meta(description="texts, mails and chat")] = NotifySettings()


class Settings(Table, frozen=True, kw_only=True):
    """The settings as they hold now; the repr shows no value.

    Attributes:
        folder: What relative paths are relative to: where the settings file is.
        file: The settings file; None when there is none.
        environment: Where ``env:`` references are looked up.
        source: Reads the secrets that AWS keeps; None where none can be read.
    """

    folder: Path = Path()
    file: Path | None = None
    environment: Mapping[str, str] = {}
    source: SecretSource | None = None

    def with_source(self, source: SecretSource) -> "Settings":
        """Return the same settings with something that reads the secrets that AWS keeps."""
        return msgspec.structs.replace(self, source=source)

    def path(self, name: str | Path) -> Path:
        """Return a path of the settings, relative to the folder."""
        return self.folder / name

    def secret(self, reference: str, *, setting: str = "A secret's setting") -> Secret:
        """Return what a reference leads to now.

        Raises:
            ConfigurationError: It leads nowhere.
        """
        return self._resolve(reference, setting)[0]

    def secrets(self, references: Sequence[str], *, setting: str) -> list[Secret]:
        """Return everything that references lead to: of one that is being rotated, both values.

        Raises:
            ConfigurationError: One leads nowhere.
        """
        return [secret for one in references for secret in self._resolve(one, setting)]

    def targets(self, urls: Sequence[str]) -> list[str]:
        """Return URLs with the references among them resolved.

        Raises:
            ConfigurationError: A reference leads nowhere.
        """
        return [self.secret(url).reveal() if is_reference(url) else url for url in urls]

    def _resolve(self, reference: str, setting: str) -> Sequence[Secret]:
        found = Reference.parse(reference, setting=setting)
        return found.resolve(environment=self.environment, folder=self.folder, source=self.source)

    def __repr__(self) -> str:
        return f"<Settings {self.file or 'without a file'}>"
