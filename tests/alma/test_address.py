from collections.abc import Callable
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almahook.alma import REGIONS, AlmaClient, path_of
from almahook.alma.address import Address, find_base
from almahook.errors import AlmaError, AlmaNotFoundError, ConfigurationError

from .conftest import Script

BASE = "https://api-na.hosted.exlibrisgroup.com/almaws/v1"


def test_every_region_has_a_host_of_ex_libris() -> None:
    assert set(REGIONS) == {"na", "eu", "ap", "ca", "cn", "aps"}
    for region in REGIONS:
        assert find_base(region, None) == f"{REGIONS[region]}/almaws/v1"
        assert f"api-{region}.hosted.exlibrisgroup.com" in REGIONS[region]


def test_an_unknown_region_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError) as error:
        find_base("eur", None)
    assert "Did you mean eu?" in str(error.value)
    assert "na, eu, ap, ca, cn, aps" in str(error.value)


@pytest.mark.parametrize(
    "custom",
    [
        "https://alma.example.edu",
        "https://alma.example.edu/",
        "https://alma.example.edu/almaws/v1",
        "https://alma.example.edu/almaws/v1/",
    ],
)
def test_a_custom_host_needs_no_root(custom: str) -> None:
    assert find_base("nowhere", custom) == "https://alma.example.edu/almaws/v1"


@pytest.mark.parametrize(
    "custom",
    [
        "alma.example.edu",
        "ftp://alma.example.edu",
        "https://",
        "https://[",
        "https://alma.example.edu:port",
        "https://ana:secret@alma.example.edu",
        "https://alma.example.edu?apikey=secret",
    ],
)
def test_a_custom_host_that_is_none_is_refused_without_being_shown(custom: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        find_base("na", custom)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "user_id", ["ana@example.edu", "a/b", "a?b#c", "a b", "100%", "a;b", "méndez", "a%2Fb", "..a"]
)
def test_an_id_stays_one_segment_on_the_wire(
    user_id: str, client: AlmaClient, alma: Script
) -> None:
    client.get_user(user_id)
    (seen,) = alma.seen
    head, _, last = seen.target.rpartition("/")
    assert head == "/almaws/v1/users"
    assert unquote(last) == user_id
    assert not {"/", "?", "#", ";", " "} & set(last)


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_an_id_that_would_name_another_resource_is_no_record(
    segment: str, client: AlmaClient, alma: Script
) -> None:
    with pytest.raises(AlmaNotFoundError):
        client.get_user(segment)
    assert alma.seen == []


@given(st.text(min_size=1))
def test_any_id_is_one_segment(segment: str) -> None:
    if segment in {".", ".."}:
        return
    assert path_of("users", segment).count("/") == 2


@pytest.mark.parametrize(
    "path",
    [
        "/bibs/99",
        "bibs/99",
        "/almaws/v1/bibs/99",
        f"{BASE}/bibs/99",
        f"{BASE.upper()[:5]}{BASE[5:]}/bibs/99",
    ],
)
def test_a_path_and_a_link_mean_the_same(path: str) -> None:
    assert Address(BASE).locate(path) == ("/bibs/99", [])


def test_the_query_of_a_link_is_kept() -> None:
    located = Address(BASE).locate("/almaws/v1/items?item_barcode=A%201&view=")
    assert located == ("/items", [("item_barcode", "A 1"), ("view", "")])


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/almaws/v1/bibs/99",
        "//evil.example/almaws/v1/bibs/99",
        "http://api-na.hosted.exlibrisgroup.com/almaws/v1/bibs/99",
        "https://api-na.hosted.exlibrisgroup.com:8443/almaws/v1/bibs/99",
        "https://api-na.hosted.exlibrisgroup.com@evil.example/almaws/v1/bibs/99",
        "https://api-na.hosted.exlibrisgroup.com\\@evil.example/almaws/v1/bibs/99",
        "https://api-na.hosted.exlibrisgroup.com/elsewhere",
        "https://[/",
    ],
)
def test_a_link_to_another_host_is_refused(link: str) -> None:
    with pytest.raises(AlmaError, match="another host"):
        Address(BASE).locate(link)


@pytest.mark.parametrize("path", ["/../../x", "/bibs/./99", "/almaws/v1/../x"])
def test_a_path_does_not_climb(path: str) -> None:
    with pytest.raises(AlmaError):
        Address(BASE).locate(path)


@given(st.text())
def test_no_path_leaves_the_host(path: str) -> None:
    address = Address(BASE)
    try:
        located, query = address.locate(path)
    except AlmaError:
        return
    parts = urlsplit(address.url(located, query))
    assert (parts.scheme, parts.netloc) == ("https", "api-na.hosted.exlibrisgroup.com")
    assert parts.path.startswith("/almaws/v1/")


def test_a_link_to_another_host_is_never_called(
    client: AlmaClient, alma: Script, other_host: Script
) -> None:
    with pytest.raises(AlmaError):
        client.get(f"{other_host.url}/almaws/v1/bibs/99")
    assert other_host.seen == alma.seen == []


def test_a_prefix_of_a_gateway_is_kept(
    make_client: Callable[..., AlmaClient], alma: Script
) -> None:
    client = make_client(base_url=f"{alma.url}/gateway")
    client.get("/almaws/v1/bibs/99")
    client.get(f"{alma.url}/gateway/almaws/v1/bibs/99")
    assert [seen.path for seen in alma.seen] == ["/gateway/almaws/v1/bibs/99"] * 2
