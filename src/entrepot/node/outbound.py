"""Requests the node makes to addresses that a setting or a stranger named.

Held to what a callback needs: POST over https to the open Internet. The name is resolved here,
every address it has must be a public one, and the connection goes to the address that was checked
(with the name in SNI and Host), so that a name that changes its mind in between leads nowhere.
Redirects are not followed, proxies of the environment are not used, and of the answer only the
status is read.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

import httpx

from entrepot.kernel.errors import InvalidInput, StorageError

ANSWER_MAX_BYTES = 65_536
"""Of an answer no more is read: whoever goes on talking is cut off."""


class NotCalled(InvalidInput):
    """An address that this node does not call."""

    code = "not-called"


class NoAnswer(StorageError):
    """The receiver could not be reached, or did not answer in time."""

    code = "no-answer"


class Outbound:
    """A way out. `allow_private` also calls private networks and plain http: closed networks."""

    def __init__(self, timeout_s: float, *, allow_private: bool = False) -> None:
        """Open nothing yet; `timeout_s` bounds each step of a request."""
        self._allow_private = allow_private
        self._http = httpx.Client(timeout=timeout_s, follow_redirects=False, trust_env=False)

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """Post a body and return the status. Raises NotCalled, NoAnswer; neither shows the URL."""
        parts = urlsplit(url)
        allowed = ("https", "http") if self._allow_private else ("https",)
        if parts.scheme not in allowed or not parts.hostname or parts.username is not None:
            raise NotCalled("a receiver is called over https, without a name in the URL")
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise NotCalled("the port of the receiver is no port") from None
        address = self._address_of(parts.hostname, port)
        target = httpx.URL(url).copy_with(host=address, port=port)
        request = self._http.build_request(
            "POST",
            target,
            content=body,
            headers={**headers, "Host": parts.netloc},
            extensions={"sni_hostname": parts.hostname},
        )
        try:
            response = self._http.send(request, stream=True)
            try:
                read = 0
                for piece in response.iter_raw(8_192):
                    read += len(piece)
                    if read > ANSWER_MAX_BYTES:
                        break
            finally:
                response.close()
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise NoAnswer("the receiver did not answer", value=type(error).__name__) from None
        return response.status_code

    def _address_of(self, host: str, port: int) -> str:
        """Return one address of a host; NotCalled when any of them is not a public one."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise NoAnswer("the name of the receiver has no address") from None
        addresses = [ipaddress.ip_address(str(item[4][0]).split("%")[0]) for item in found]
        for address in addresses:
            if not self._allow_private and not is_public(address):
                raise NotCalled("the receiver is not on the open Internet")
        return str(addresses[0])

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Say whether an address is one of the open Internet (IANA special-purpose registries).

    An IPv6 address that carries an IPv4 one (mapped, 6to4, NAT64, Teredo) is judged by that.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address.teredo is not None:
            inner = address.teredo[1]
        if address in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None and not is_public(inner):
            return False
    return address.is_global and not address.is_multicast
