"""Checks the listener from outside: challenge, certificate, secret."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from almahook.cli.call import Heard, call, is_local
from almahook.cli.challenge_verdict import Verdict, challenge
from almahook.cli.finding import Finding, ok, problem, warning
from almahook.cli.lookup import local_url, profile_of, profile_secrets
from almahook.cli.post import own_code
from almahook.cli.probe import knows_secret
from almahook.cli.trouble import why_refused, why_unheard
from almahook.config import Settings
from almahook.errors import ConfigurationError

_WEBHOOKS = "/webhooks/"
_DAY_S = 86_400.0
_SOON_DAYS = 14
_UNAVAILABLE = 503


@dataclass(kw_only=True, slots=True)
class ListenerCheck:
    """One look at a listener.

    Attributes:
        url: What to ask instead of public_url: the base, or the listener URL of one profile.
        probes: How many questions were left among the refused requests.
    """

    settings: Settings
    url: str | None
    now: float
    probes: int = 0

    def run(self) -> Iterator[Finding]:
        """Ask as Alma does, for each profile."""
        try:
            base, profiles = self._where()
        except ConfigurationError as error:
            yield problem("reachable", error.message, "Write --url URL.")
            return
        yield from _https(base)
        verdicts = {name: challenge(f"{base}{_WEBHOOKS}{name}") for name in profiles}
        for name, verdict in verdicts.items():
            yield _reachable(f"{base}{_WEBHOOKS}{name}", verdict)
        if not any(verdict.ok for verdict in verdicts.values()):
            yield from self._behind(base)
        yield from _certificate(list(verdicts.values()), self.now)
        for name, verdict in verdicts.items():
            if verdict.ok:
                yield from self._secret(f"{base}{_WEBHOOKS}{name}", name)
        if is_local(base) and any(verdict.ok for verdict in verdicts.values()):
            yield from _ready(base)

    def _where(self) -> tuple[str, list[str]]:
        url = self.url or self.settings.public_url or local_url(self.settings)
        base, marker, _ = url.partition(_WEBHOOKS)
        only = profile_of(url) if marker else ""
        return base.rstrip("/"), [only] if only else list(self.settings.profiles)

    def _behind(self, base: str) -> Iterator[Finding]:
        """Tell a listener that does not run from a proxy that does not reach it."""
        if is_local(base) or not self.settings.port:
            return
        behind = local_url(self.settings)
        heard = call("GET", f"{behind}/healthz")
        if isinstance(heard, Heard) and heard.is_success:
            yield warning(
                "reachable",
                f"The listener itself answers on {behind}.",
                "The fault is in what stands before it: the proxy, the firewall, or the name.",
            )
        else:
            yield warning(
                "reachable",
                f"Nor does a listener answer on {behind}, on this machine.",
                "If it is to run here, start it: almahook serve",
            )

    def _secret(self, url: str, profile: str) -> Iterator[Finding]:
        if profile not in self.settings.profiles:
            yield warning(
                "secret",
                f"The settings here have no profile {profile}, so its secret is not known.",
                "Name the settings of that listener: --settings FILE",
            )
            return
        try:
            secrets = profile_secrets(self.settings, profile)
        except ConfigurationError:
            # The check of the settings says so.
            return
        for number, secret in enumerate(secrets, start=1):
            yield self._one_secret(url, profile, number, secret)

    def _one_secret(self, url: str, profile: str, number: int, secret: bytes) -> Finding:
        knows, heard = knows_secret(url, secret)
        self.probes += 1
        name = f"secret {number} of the profile {profile}"
        if knows == "yes":
            text = f"The listener takes what is signed with {name}."
            return ok("secret", text)
        if knows == "no":
            return problem(
                "secret",
                f"The listener does not take what is signed with {name}.",
                "It was started with another one, or the URL is another listener's. Restart it "
                "after a change of the settings or of .env.",
            )
        if knows == "no_secret":
            return problem(
                "secret",
                f"The listener that runs has no secret for the profile {profile}.",
                "Restart it: the settings have one now.",
            )
        trouble = why_refused(url, heard) if isinstance(heard, Heard) else why_unheard(url, heard)
        said = f" {trouble.what}." if trouble else " It has taken what is no message."
        return warning(
            "secret",
            f"The listener does not say whether it takes {name}.{said}",
            trouble.fix if trouble else "Look whether it is almahook, and whether it verifies.",
        )


def _https(base: str) -> Iterator[Finding]:
    if urlsplit(base).scheme == "https":
        return
    if is_local(base):
        yield warning(
            "https",
            "Only this machine was asked. Alma needs an https address.",
            "Put a proxy with a certificate before the listener (docs/deploy.md), and set "
            "public_url.",
        )
    else:
        yield problem(
            "https",
            f"{base} is not https, and Alma calls https addresses only.",
            "Put a proxy with a certificate before the listener (docs/deploy.md).",
        )


def _reachable(url: str, verdict: Verdict) -> Finding:
    if verdict.as_documented:
        ms = verdict.seconds * 1000
        return ok("reachable", f"{url} answers the challenge, in {ms:.0f} ms.")
    if verdict.ok:
        return warning("reachable", f"{url}: {verdict.says}", verdict.fix)
    return problem("reachable", f"{url}: {verdict.says}", verdict.fix)


def _certificate(verdicts: list[Verdict], now: float) -> Iterator[Finding]:
    ends = next((one.certificate_ends for one in verdicts if one.certificate_ends), None)
    if ends is not None:
        yield judge_certificate(ends, now=now)


def judge_certificate(ends: float, *, now: float) -> Finding:
    """Say whether a certificate ends soon."""
    days = int((ends - now) // _DAY_S)
    text = f"The certificate is good for {days:,} more days."
    if days < _SOON_DAYS:
        return warning("certificate", text, "Renew it, and see that this happens by itself.")
    return ok("certificate", text)


def _ready(base: str) -> Iterator[Finding]:
    heard = call("GET", f"{base}/readyz")
    if isinstance(heard, Heard) and heard.status == _UNAVAILABLE and own_code(heard.body):
        yield problem(
            "ready",
            f"The listener runs, but cannot take events in [{own_code(heard.body)}].",
            "Its log says why.",
        )
