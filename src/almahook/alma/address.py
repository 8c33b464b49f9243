"""Where Alma's REST API is, and what a path or a link of Alma's means there.

Every URL is built anew on the one base URL, so that no link can take the key to another host.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from almahook.errors import AlmaError, AlmaNotFoundError, ConfigurationError

# https://developers.exlibrisgroup.com/alma/apis/ ; China's host ends in .com.cn.
REGIONS: Mapping[str, str] = {
    "na": "https://api-na.hosted.exlibrisgroup.com",
    "eu": "https://api-eu.hosted.exlibrisgroup.com",
    "ap": "https://api-ap.hosted.exlibrisgroup.com",
    "ca": "https://api-ca.hosted.exlibrisgroup.com",
    "cn": "https://api-cn.hosted.exlibrisgroup.com.cn",
    "aps": "https://api-aps.hosted.exlibrisgroup.com",
}
ROOT = "/almaws/v1"

Param = str | int | bool | Sequence[str] | None

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|//")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# What may stand in a path as it is; "%" because a caller may have encoded an id already.
_PATH_SAFE = "/%:@!$&'()*+,;=~"
_DOTS = {".", ".."}
_PORTS = {"http": 80, "https": 443}


def find_base(region: str, custom: str | None) -> str:
    """Return the URL that ends in ``/almaws/v1``.

    Raises:
        ConfigurationError: The region is not known, or the custom URL is none.
    """
    if custom:
        return _custom_base(custom)
    if host := REGIONS.get(region.strip().lower()):
        return host + ROOT
    near = get_close_matches(region.lower(), REGIONS, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise ConfigurationError(
        f"Alma has no region of this name.{hint} It has: {', '.join(REGIONS)}. "
        "For another host set api_url."
    )


def _custom_base(custom: str) -> str:
    parts = _split(custom.strip())
    if parts is None or parts.scheme not in _PORTS or not parts.hostname:
        raise ConfigurationError("api_url is not a URL: write https://host or http://host:port")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError("api_url must not have a user, a query or a fragment")
    prefix = parts.path.rstrip("/").removesuffix(ROOT)
    return f"{parts.scheme}://{parts.netloc}{prefix}{ROOT}"


def path_of(*segments: str) -> str:
    """Make a path of words and ids: ``path_of("users", "ana@example.edu")``.

    Each is encoded, so that an id with ``/``, ``?`` or ``#`` in it stays one segment.

    Raises:
        AlmaNotFoundError: A segment is empty or dots, which would name another resource.
    """
    for segment in segments:
        if not segment or segment in _DOTS:
            raise AlmaNotFoundError("Alma has no record whose id is empty or dots", http_status=404)
    return "".join(f"/{quote(segment, safe='', errors='replace')}" for segment in segments)


def encode_params(params: Mapping[str, Param]) -> list[tuple[str, str]]:
    """Spell parameters as Alma does: true and false in lower case, lists with commas, no None."""
    return [(name, _spell(value)) for name, value in params.items() if value is not None]


def _spell(value: str | float | Sequence[str]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    return ",".join(map(str, value))


class Address:
    """One base URL, and the paths below it.

    Args:
        base: The URL that ends in ``/almaws/v1``.
    """

    def __init__(self, base: str) -> None:
        self.base = base
        self._parts = urlsplit(base)

    def locate(self, path: str) -> tuple[str, list[tuple[str, str]]]:
        """Split a path or a link of Alma's into the encoded path below the base, and its query.

        Raises:
            AlmaError: It leads to another host, or above the base.
        """
        own = self._below_base(path) if _ABSOLUTE.match(path) else path
        plain, _, query = own.partition("?")
        plain = "/" + plain.lstrip("/")
        if plain == ROOT or plain.startswith(f"{ROOT}/"):
            plain = plain.removeprefix(ROOT)
        if _DOTS.intersection(plain.split("/")):
            raise AlmaError("A path of Alma's API has no dots as a segment")
        encoded = quote(_STRAY_PERCENT.sub("%25", plain), safe=_PATH_SAFE, errors="replace")
        return encoded, parse_qsl(query, keep_blank_values=True, errors="replace")

    def url(self, path: str, query: Sequence[tuple[str, str]]) -> str:
        """Join an encoded path and a query to the base."""
        encoded = urlencode(query, quote_via=quote, errors="replace")
        return f"{self.base}{path}?{encoded}" if encoded else f"{self.base}{path}"

    def _below_base(self, link: str) -> str:
        parts = _split(link)
        base_path = self._parts.path
        if (
            parts is None
            or _origin(parts) != _origin(self._parts)
            or not f"{parts.path}/".startswith(f"{base_path}/")
        ):
            raise AlmaError(
                "This link leads to another host than the profile's Alma, so it is not followed: "
                "the API key would go there"
            )
        rest = parts.path.removeprefix(base_path)
        return f"{rest}?{parts.query}" if parts.query else rest


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
