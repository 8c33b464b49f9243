"""Messages to people: what handlers call as ``ctx.notify``."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from almahook.errors import NotifyError
from almahook.notify.number import international, require_country
from almahook.notify.outbox import Kind, Message, Outbox
from almahook.notify.target import Target

_ADDRESS = re.compile(r"[^\s@,;:<>()\[\]\"\\]+@[^\s@,;:<>()\[\]\"\\?&/]+")
_MAX_ADDRESS = 254


class Notifier:
    """Sends texts, mails and chat messages; safe from any thread.

    Texts and mails go through the first URL that takes them, and the next ones stand in when it
    fails. Chat messages go to every URL.

    Args:
        sms: Apprise URLs of accounts that send texts, without a recipient.
        mail: Apprise URLs of accounts that send mails, without a recipient.
        chat: Apprise URLs of rooms.
        default_country: Two letters, such as ``US``: where numbers without ``+`` are.
        dry_run: Send nothing, and keep everything in the outbox.
        outbox: Where a dry run keeps it; None keeps it in memory.

    Raises:
        ConfigurationError: A URL or the country is none.
        MissingExtraError: There are URLs, and Apprise is not installed.
    """

    def __init__(
        self,
        *,
        sms: Sequence[str] = (),
        mail: Sequence[str] = (),
        chat: Sequence[str] = (),
        default_country: str = "",
        dry_run: bool = False,
        outbox: Outbox | None = None,
    ) -> None:
        self._targets: dict[Kind, list[Target]] = {
            "sms": _targets(sms, "sms"),
            "mail": _targets(mail, "mail"),
            "chat": _targets(chat, "chat"),
        }
        self._country = require_country(default_country)
        self.dry_run = dry_run
        self.outbox = outbox or Outbox()

    def __repr__(self) -> str:
        schemes = [target.scheme for targets in self._targets.values() for target in targets]
        return f"Notifier({', '.join(schemes)}{' dry run' if self.dry_run else ''})"

    def sms(self, number: str, text: str) -> None:
        """Send a text.

        Args:
            number: As it was typed in Alma.
            text: What it says.

        Raises:
            InvalidNumberError: The number cannot be made into an international one.
            NotifyError: No account took it, or there is none.
        """
        self._require_targets("sms")
        to = international(number, default_country=self._country)
        self._send("sms", to, text, subject="")

    def mail(self, address: str | Sequence[str], text: str, *, subject: str = "") -> None:
        """Send a mail, one to each of the addresses.

        If one of several fails, those before it have been sent.

        Args:
            address: One or several.
            text: What it says, as plain text.
            subject: Its subject.

        Raises:
            NotifyError: An address is none, no account took it, or there is none.
        """
        self._require_targets("mail")
        addresses = [address] if isinstance(address, str) else list(address)
        wanted = [_require_address(one) for one in addresses]
        if not wanted:
            raise NotifyError("There is no mail address")
        for to in wanted:
            self._send("mail", to, text, subject=subject)

    def chat(self, text: str, *, subject: str = "") -> None:
        """Write to every chat of the settings.

        Args:
            text: What it says.
            subject: Shown as the title where there is one.

        Raises:
            NotifyError: A chat did not take it, or there is none; the others have it.
        """
        self._require_targets("chat")
        self._send("chat", "", text, subject=subject)

    def _require_targets(self, kind: Kind) -> None:
        if not self._targets[kind] and not self.dry_run:
            raise NotifyError(
                f"There is no account for {kind}. Write in almahook.toml: "
                f'[notify] {kind} = ["…"] with a URL of https://appriseit.com/services/, or '
                "dry_run = true to send nothing"
            )

    def _send(self, kind: Kind, to: str, text: str, *, subject: str) -> None:
        if not text.strip():
            raise NotifyError("The text is empty")
        if self.dry_run:
            at = datetime.now(UTC)
            self.outbox.add(Message(kind=kind, to=to, text=text, subject=subject, at=at))
            return
        is_any_enough = kind != "chat"
        failures = []
        for target in self._targets[kind]:
            try:
                target.send(to, text, subject=subject)
            except NotifyError as error:
                failures.append(error.message)
            else:
                if is_any_enough:
                    return
        if failures:
            raise NotifyError(f"The {kind} was not sent: {', '.join(failures)}")


def _targets(urls: Sequence[str], kind: Kind) -> list[Target]:
    return [Target(url, kind=kind, position=position) for position, url in enumerate(urls, 1)]


def _require_address(address: str) -> str:
    plain = (address or "").strip()
    # A comma or a bracket would make several recipients of one.
    if len(plain) > _MAX_ADDRESS or not _ADDRESS.fullmatch(plain):
        raise NotifyError("The mail address is none. Correct it in the user's record in Alma")
    return plain
