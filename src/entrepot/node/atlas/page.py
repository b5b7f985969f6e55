"""The atlas page: one HTML file with data, style and script inside, and nothing from outside."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib.resources import files

import msgspec

from entrepot.node.atlas.payload import Payload

LANGUAGES = ("en", "zh")


def render(content: Payload, *, language: str = "en") -> str:
    """Return the page as text; equal content gives equal bytes.

    The policy in its head lets the browser run this script alone and fetch nothing.
    """
    style, script, body = (_part(name) for name in ("page.css", "page.js", "page.html"))
    policy = (
        f"default-src 'none'; script-src 'sha256-{_digest(script)}'; "
        f"style-src 'sha256-{_digest(style)}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    # Inside a script element only `<` could end the data early.
    data = msgspec.json.encode(content).decode().replace("<", "\\u003c")
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>Entrepot · atlas</title>\n<style>{style}</style>\n</head>\n"
        f'<body>\n{body}<script id="data" type="application/json">{data}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _part(name: str) -> str:
    return (files("entrepot") / "node" / "atlas" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()
