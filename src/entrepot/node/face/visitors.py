"""Who stands before a page: language, theme, session, and the secret that ties forms to them.

One cookie carries 32 random bytes. While nobody is signed in it only ties forms to a browser and
is stored nowhere; signing in replaces it (session fixation, OWASP ASVS 7.2.4) and keeps its hash in
`local_sessions`. Over https its name has the prefix `__Host-` (RFC 6265bis 4.1.3.2), so that no
neighbouring host can plant one; on a loopback address without https it has none.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final, cast

import anyio.to_thread
from litestar import Request
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from entrepot.node.face.headers import security_headers
from entrepot.node.face.language import LANGUAGES, choose_language
from entrepot.node.face.sessions import Session, find_session
from entrepot.node.face.surroundings import Surroundings, surroundings_of

AnyRequest = Request[Any, Any, Any]
ASSETS: Final = "/face/"
"""Addresses of files that are the same for everybody: no session is looked up for them."""
THEMES: Final = ("auto", "light", "dark")
_PREFERENCE_SECONDS: Final = 31_536_000
_COOKIE_MAX_CHARS: Final = 8_192


@dataclass(slots=True)
class Visitor:
    """Who asks, for the length of one request. `session` is None unless somebody is signed in."""

    language: str
    theme: str
    secure: bool
    secret: str | None
    session: Session | None
    cookies: list[str] = field(default_factory=list)

    @property
    def cookie_name(self) -> str:
        """Name of the cookie that carries the secret."""
        return "__Host-entrepot" if self.secure else "entrepot"

    def form_token(self) -> str:
        """Return the token that every form of this visitor carries, making a secret if none.

        It is masked anew each time, so that a compressing proxy does not tell it by the length of
        the page (BREACH).
        """
        pad, plain = secrets.token_bytes(32), self._plain_token()
        return (pad + bytes(a ^ b for a, b in zip(pad, plain, strict=True))).hex()

    def is_own_token(self, given: str) -> bool:
        """Say whether a form's token is this visitor's."""
        try:
            raw = bytes.fromhex(given)
        except ValueError:
            return False
        pad, masked = raw[:32], raw[32:]
        if self.secret is None or len(raw) != 64:
            return False
        plain = bytes(a ^ b for a, b in zip(pad, masked, strict=True))
        return hmac.compare_digest(plain, self._plain_token())

    def _plain_token(self) -> bytes:
        return hmac.digest(self._own_secret().encode(), b"entrepot form token", "sha256")

    def take_secret(self, secret: str, *, lifetime_s: int | None = None) -> None:
        """Replace the secret and have the browser keep it, for `lifetime_s` or until it closes."""
        self.secret = secret
        age = "" if lifetime_s is None else f"; Max-Age={lifetime_s}"
        self._set(f"{self.cookie_name}={secret}; Path=/; HttpOnly; SameSite=Lax{age}")

    def forget_secret(self) -> None:
        """Have the browser drop the secret."""
        self.secret, self.session = None, None
        self._set(f"{self.cookie_name}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")

    def remember(self, name: str, value: str) -> None:
        """Keep a preference (language, theme) in the browser for a year; never a secret."""
        self._set(f"{name}={value}; Path=/; SameSite=Lax; Max-Age={_PREFERENCE_SECONDS}")

    def owner(self) -> str:
        """Return a stable pseudonym of this browser, to tie jobs and pending acts to it."""
        return hashlib.sha256(b"owner\0" + self._own_secret().encode()).hexdigest()

    def _own_secret(self) -> str:
        if self.secret is None:
            self.secret = secrets.token_urlsafe(32)
            self.take_secret(self.secret)
        return self.secret

    def _set(self, cookie: str) -> None:
        self.cookies.append(cookie + ("; Secure" if self.secure else ""))


def visitor_of(request: AnyRequest) -> Visitor:
    """Return the visitor that the middleware found."""
    return cast(Visitor, request.state.visitor)


class VisitorMiddleware(ASGIMiddleware):
    """Find the visitor before a page runs; add headers and cookies to whatever it answers."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Wrap one request."""
        request: AnyRequest = Request(scope)
        around = surroundings_of(request)
        visitor = await anyio.to_thread.run_sync(_meet, request, around)
        request.state.visitor = visitor
        fixed = (*security_headers(https=around.secure), (b"cache-control", b"no-store"))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(pair for pair in fixed if pair[0] not in present),
                    *((b"set-cookie", cookie.encode()) for cookie in visitor.cookies),
                ]
            await send(message)

        await next_app(scope, receive, send_with_headers)


def _meet(request: AnyRequest, around: Surroundings) -> Visitor:
    """Read language, theme and session from one request; remember preferences asked for."""
    cookies = _read_cookies(request.headers.get("cookie", ""))
    asked_language = request.query_params.get("lang")
    asked_theme = request.query_params.get("theme")
    kept_theme = cookies.get("theme", "auto")
    visitor = Visitor(
        language=choose_language(
            asked_language, cookies.get("lang"), request.headers.get("accept-language", "")
        ),
        theme=next(theme for theme in (asked_theme, kept_theme, "auto") if theme in THEMES),
        secure=around.secure,
        secret=None,
        session=None,
    )
    secret = cookies.get(visitor.cookie_name)
    if secret and len(secret) == 43:
        visitor.secret = secret
    if visitor.secret is not None and not request.url.path.startswith(ASSETS):
        visitor.session = find_session(around.store, visitor.secret, now=around.now())
    if asked_language in LANGUAGES:
        visitor.remember("lang", visitor.language)
    if asked_theme in THEMES:
        visitor.remember("theme", visitor.theme)
    return visitor


def _read_cookies(header: str) -> dict[str, str]:
    """Parse the Cookie header; a malformed or oversized one counts as none."""
    if len(header) > _COOKIE_MAX_CHARS:
        return {}
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}
