"""Security headers of every page: Content Security Policy Level 3 and its neighbours.

No inline script or style, nothing from elsewhere, no frames; no page needs an exception.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
_UNUSED_FEATURES: Final = (
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen",
    "geolocation", "gyroscope", "magnetometer", "microphone", "midi", "payment",
    "picture-in-picture", "screen-wake-lock", "usb", "xr-spatial-tracking",
)  # fmt: skip
PERMISSIONS_POLICY: Final = ", ".join(
    (
        "publickey-credentials-create=(self)",
        "publickey-credentials-get=(self)",
        *(f"{feature}=()" for feature in _UNUSED_FEATURES),
    )
)
HSTS_SECONDS: Final = 31_536_000
"""One year, the least that browsers' preload lists take (RFC 6797)."""


@lru_cache(maxsize=4)
def security_headers(*, https: bool) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers (lower-case names) that every answer of the face carries."""
    headers = {
        "content-security-policy": CONTENT_SECURITY_POLICY,
        "permissions-policy": PERMISSIONS_POLICY,
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }
    if https:
        headers["strict-transport-security"] = f"max-age={HSTS_SECONDS}"
    return tuple((name.encode(), value.encode()) for name, value in headers.items())
