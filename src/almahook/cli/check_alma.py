"""Checks Alma's REST API: each profile's key, the calls that are left, and the clock."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from almahook.alma import AlmaClient
from almahook.alma.address import find_base
from almahook.cli.call import Heard, call
from almahook.cli.finding import Finding, ok, problem, warning
from almahook.config import ProfileSettings, Reference, Settings
from almahook.errors import AlmaError, AlmaKeyError, ConfigurationError

_FEW_CALLS = 1000
_PATIENCE_S = 10.0
_TRIES = 2
_FORBIDDEN = 403
_ODD_CLOCK_S = 60.0

_KEYS = "https://developers.exlibrisgroup.com/manage/keys/"


def check_alma(settings: Settings, *, now: float) -> Iterator[Finding]:
    """Make one call with each profile's key."""
    clocks: dict[str, float | None] = {}
    for name, profile in settings.profiles.items():
        if not _has_key(settings, profile):
            yield warning(
                "api_key",
                f"The profile {name} has no API key, so its handlers cannot call Alma.",
                f"Make one at {_KEYS} and enter it where profiles.{name}.api_key says, for "
                "example as ALMAHOOK_API_KEY in .env.",
            )
            continue
        yield _key(settings, name, profile)
        base = _base(profile)
        if base and base not in clocks:
            clocks[base] = _clock_of(base)
    yield from _clock([at for at in clocks.values() if at is not None], now)


def _has_key(settings: Settings, profile: ProfileSettings) -> bool:
    """Say whether a key is configured; a variable that is empty is one to be filled in."""
    if not profile.api_key:
        return False
    try:
        reference = Reference.parse(profile.api_key, setting="api_key")
    except ConfigurationError:
        return True
    return reference.scheme != "env" or bool(settings.environment.get(reference.name, "").strip())


def _key(settings: Settings, name: str, profile: ProfileSettings) -> Finding:
    try:
        key = settings.secret(profile.api_key, setting=f"profiles.{name}.api_key").reveal()
        with AlmaClient(
            api_key=key,
            region=profile.region,
            base_url=profile.api_url or None,
            timeout_s=min(settings.api_timeout_s, _PATIENCE_S),
            max_tries=_TRIES,
        ) as client:
            client.test()
            return _calls_left(name, client.remaining)
    except AlmaKeyError as error:
        return _refused(name, error)
    except (AlmaError, ConfigurationError) as error:
        fix = f"Look at profiles.{name}.region (or api_url), at the key, and at the network."
        return problem("api_key", f"Profile {name}: {error.message}", fix)


def _refused(name: str, error: AlmaKeyError) -> Finding:
    if error.http_status == _FORBIDDEN:
        return warning(
            "api_key",
            f"Alma knows the key of the profile {name}, but the key may not make the test call, "
            "which needs the area Configuration.",
            "If your handlers do not need that area, there is nothing to do.",
        )
    return problem(
        "api_key",
        f"Alma does not take the key of the profile {name} [{error.error_code or error.code}].",
        f"Compare it with {_KEYS}, and the region with that of your Alma. Restart the listener "
        "after a change.",
    )


def _calls_left(name: str, remaining: int | None) -> Finding:
    left = "" if remaining is None else f" Calls left today: {remaining:,}."
    text = f"Alma takes the key of the profile {name}.{left}"
    if remaining is not None and remaining < _FEW_CALLS:
        return warning(
            "api_key", text, "Look which program of the institution makes so many calls."
        )
    return ok("api_key", text)


def _base(profile: ProfileSettings) -> str:
    try:
        return find_base(profile.region, profile.api_url or None)
    except ConfigurationError:
        return ""


def _clock_of(base: str) -> float | None:
    """Return the time that Alma's answer bears; it needs no key for that."""
    heard = call("GET", f"{base}/conf/test")
    date = heard.headers.get("date", "") if isinstance(heard, Heard) else ""
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def _clock(heard: list[float], now: float) -> Iterator[Finding]:
    if not heard:
        return
    yield judge_clock(heard[0], now=now)


def judge_clock(theirs: float, *, now: float) -> Finding:
    """Compare this machine's clock with another's."""
    off = now - theirs
    if abs(off) <= _ODD_CLOCK_S:
        return ok("clock", "The clock agrees with Alma's.")
    way = "ahead of" if off > 0 else "behind"
    return warning(
        "clock",
        f"The clock is {abs(off):,.0f} seconds {way} Alma's, so that times and retries are wrong.",
        "Let the system set it: timedatectl set-ntp true",
    )
