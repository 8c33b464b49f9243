"""One Apprise URL: an account, to which the recipient is added.

Every service of Apprise's takes recipients in its URL: texts as a part of the path
(``twilio://SID:TOKEN@FROM/+14125550123``), mails as ``?to=``. Where a service wants it elsewhere,
the URL says so with ``{to}``. https://appriseit.com/services/
"""

import re
from typing import Any
from urllib.parse import quote, unquote

from almahook.errors import ConfigurationError, NotifyError
from almahook.notify.extra import load_apprise
from almahook.notify.outbox import Kind
from almahook.notify.quiet import quiet

PLACEHOLDER = "{to}"

# Asked for at the start, to see that a URL takes a recipient; nothing is sent.
_SAMPLES: dict[Kind, str] = {
    "sms": "+14125550123",
    "mail": "almahook@recipient.example",
    "chat": "",
}
_SCHEME = re.compile(r"\s*([A-Za-z0-9]{2,20})://")
_HAS_TO = re.compile(r"[?&]to=", re.IGNORECASE)


class Target:
    """One URL of the settings; its repr shows the scheme only.

    Args:
        url: Holds credentials, and is shown nowhere.
        kind: What is sent there.
        position: Where it stands in its setting, counted from 1.

    Raises:
        ConfigurationError: Apprise does not take the URL, or the URL takes no recipient.
    """

    def __init__(self, url: str, *, kind: Kind, position: int) -> None:
        self._url = url
        self._kind = kind
        found = _SCHEME.match(url)
        self.scheme = found[1].lower() if found else ""
        where = f"Entry {position} of notify.{kind}"
        if kind == "mail" and PLACEHOLDER not in url and _HAS_TO.search(url):
            raise ConfigurationError(f"{where} has a recipient already: leave out to=")
        if _instantiate(self._address(_SAMPLES[kind])) is None:
            raise ConfigurationError(
                f"{where} is no URL that Apprise takes. How each service spells its URL: "
                "https://appriseit.com/services/"
            )
        if self._plugin(_SAMPLES[kind]) is None:
            raise ConfigurationError(
                f"{where} ({self.scheme}) takes no recipient at its end: write {PLACEHOLDER} "
                "where it belongs"
            )

    def __repr__(self) -> str:
        return f"Target({self.scheme})"

    def send(self, to: str, text: str, *, subject: str) -> None:
        """Send one message.

        Raises:
            NotifyError: The service did not take it.
        """
        apprise = load_apprise()
        plugin = self._plugin(to)
        if plugin is None:
            raise NotifyError(f"{self.scheme} does not take this recipient")
        with quiet():
            sender = apprise.Apprise(asset=_asset())
            sender.add(plugin)
            # Text, so that a service which sends HTML escapes it.
            is_sent = sender.notify(body=text, title=subject, body_format="text")
        if not is_sent:
            raise NotifyError(f"{self.scheme} did not take the message")

    def _address(self, to: str) -> str:
        recipient = quote(to, safe="")
        if PLACEHOLDER in self._url:
            return self._url.replace(PLACEHOLDER, recipient)
        account, mark, query = self._url.partition("?")
        if self._kind == "sms":
            return f"{account.rstrip('/')}/{recipient}{mark}{query}"
        if self._kind == "mail":
            return f"{self._url}{'&' if mark else '?'}to={recipient}"
        return self._url

    def _plugin(self, to: str) -> Any:
        """Return Apprise's object for this recipient, or None if it would send to another."""
        plugin = _instantiate(self._address(to))
        return plugin if plugin is not None and self._is_for(plugin, to) else None

    def _is_for(self, plugin: Any, to: str) -> bool:
        # Several services send to the account's owner when they drop a recipient as invalid.
        # A mail account leaves its own address out of its URL, but not out of its targets.
        spelled = f"{unquote(unquote(plugin.url(privacy=False)))} {getattr(plugin, 'targets', '')}"
        if self._kind == "sms":
            return bool(re.search(rf"(?<!\d){to.lstrip('+')}(?!\d)", spelled))
        return to.casefold() in spelled.casefold()


def _instantiate(url: str) -> Any:
    with quiet():
        return load_apprise().Apprise.instantiate(url, asset=_asset())


def _asset() -> Any:
    # In the caller's thread, where nothing of the sender's is logged.
    return load_apprise().AppriseAsset(async_mode=False)
