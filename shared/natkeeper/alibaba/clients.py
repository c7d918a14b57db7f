"""Which client, which endpoint, whose signature, and how long may one request take?

A client is built when its product is first needed, and kept while the instance is warm. Its credentials are
asked for at every request. An attempt carries what one try of a call needs: clients, region, seconds left.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from natkeeper.alibaba.credentials import Credentials

if TYPE_CHECKING:
    from darabonba.runtime import RuntimeOptions

C = TypeVar("C")

CONNECT_S = 1.0
"""A SYN is repeated after one second; a new attempt is as good, and can choose another address."""
READ_S = 2.5
"""For reads: regional endpoints answer within some hundred milliseconds."""
WRITE_S = 4.0
"""For writes, whose answer waits for the task to be accepted."""
_LEAST_S = 0.05
LONGEST_TOKEN = 64
"""Characters of a ClientToken."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Clients:
    """The clients of one region. `endpoint` (such as http://127.0.0.1:8000) takes the place of every product's own.

    `account_id` is part of Function Compute's address; without it the SDK's regional address is used.
    """

    region: str
    credentials: Callable[[], Credentials]
    endpoint: str | None = None
    account_id: str | None = None
    unsupported: set[str] = field(default_factory=set)
    """What this region's APIs were found not to know."""
    _built: dict[Callable[[Any], Any], Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Forget proxies if the endpoint is on this machine: the SDK knows no exception from them."""
        if self.endpoint is not None and urlsplit(self.endpoint).hostname in _LOOPBACK:
            for name in ("http_proxy", "HTTP_PROXY"):
                os.environ.pop(name, None)

    @property
    def fc_address(self) -> str | None:
        """Function Compute's address of the account; None where that is unknown, for the SDK's regional one."""
        return f"{self.account_id}.{self.region}.fc.aliyuncs.com" if self.account_id else None

    def client(self, kind: Callable[[Any], C], address: str | None = None) -> C:
        """Return the client of class `kind`, built at the first request; at `address` unless the SDK knows better."""
        with self._lock:
            if kind not in self._built:
                self._built[kind] = kind(self._config(address))
            built: C = self._built[kind]
            return built

    def _config(self, address: str | None) -> Any:
        from alibabacloud_tea_openapi.utils_models import Config

        from natkeeper.alibaba.transport import share_tls

        share_tls()
        config = Config(credential=Signer(self.credentials), region_id=self.region)
        if self.endpoint is not None:
            url = urlsplit(self.endpoint)
            config.endpoint, config.protocol = url.netloc, url.scheme
        elif address is not None:
            config.endpoint = address
        return config


@dataclass(frozen=True, repr=False)
class Signer:
    """What the SDK asks for credentials at every request, instead of the chain of places it would search."""

    credentials: Callable[[], Credentials]

    def get_credential(self) -> SigningKey:
        """Return the credentials that hold now."""
        now = self.credentials()
        return SigningKey(now.access_key_id, now.access_key_secret, now.security_token)


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """Credentials under the names by which the SDK reads them."""

    access_key_id: str
    access_key_secret: str
    security_token: str
    type: str = "sts"
    provider_name: str | None = None
    bearer_token: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a call. `left` gives the seconds until its deadline, always asked anew."""

    clients: Clients
    left: Callable[[], float]

    @property
    def region(self) -> str:
        """The region that every request names."""
        return self.clients.region

    def options(self, longest_s: float = READ_S) -> RuntimeOptions:
        """Timeouts for one request: connect quickly, answer within `longest_s`, and never past the deadline."""
        from darabonba.runtime import RuntimeOptions

        left = max(self.left(), _LEAST_S)
        return RuntimeOptions(
            connect_timeout=round(1000 * min(CONNECT_S, left)), read_timeout=round(1000 * min(longest_s, left))
        )
