"""Words of the face: one YAML file per group of pages, both languages side by side.

A file `words/<group>.yaml` maps a key to `{en: …, zh: …}`; the key is asked for as `group.key`.
Texts are plain (no markup) and take named values in braces. Nothing here knows a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Final

import yaml

from entrepot.kernel.errors import InvalidInput

LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "zh": "中文"}
"""Code of each language -> its own name for itself."""
LANGUAGE_TAGS: Final[Mapping[str, str]] = {"en": "en", "zh": "zh-Hans"}
"""Code -> BCP 47 tag for the `lang` attribute."""
FALLBACK: Final = "en"
_ACCEPT_MAX: Final = 10
"""Entries of Accept-Language that are read; browsers send fewer than ten."""


@lru_cache(maxsize=1)
def catalog() -> Mapping[str, Mapping[str, str]]:
    """Return `group.key` -> language -> text, read once from the package.

    Raises InvalidInput when a text lacks a language, has one too many, or a key stands twice.
    """
    words: dict[str, Mapping[str, str]] = {}
    for resource in sorted(files(__package__).joinpath("words").iterdir(), key=lambda r: r.name):
        if not resource.name.endswith(".yaml"):
            continue
        group = resource.name.removesuffix(".yaml")
        loaded = yaml.load(resource.read_text("utf-8"), Loader=yaml.CSafeLoader)
        for key, texts in loaded.items():
            if not isinstance(texts, dict) or set(texts) != set(LANGUAGES):
                raise InvalidInput("a word needs all languages", value=f"{group}.{key}")
            words[f"{group}.{key}"] = {code: str(text) for code, text in texts.items()}
    return words


def t(language: str, key: str, **values: object) -> str:
    """Return the text of `key` (`group.key`) in `language`, with `{name}` filled from `values`.

    Raises InvalidInput for a key that no catalog has: a page never shows a key in place of words.
    """
    texts = catalog().get(key)
    if texts is None:
        raise InvalidInput("no words for this key", value=key, remedy="add it to words/*.yaml")
    text = texts[language]
    return text.format_map(values) if values else text


def has_words(key: str) -> bool:
    """Say whether `key` has a text."""
    return key in catalog()


def choose_language(asked: str | None, remembered: str | None, accept: str) -> str:
    """Return the language code: `?lang`, else the cookie, else Accept-Language.

    RFC 9110 12.5.4: the highest weight wins, the first of equals.
    """
    for code in (asked, remembered):
        if code is not None and code in LANGUAGES:
            return code
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept.split(",")[:_ACCEPT_MAX]):
        tag, _, weight = part.strip().partition(";")
        code = tag.strip().lower().partition("-")[0]
        if code in LANGUAGES:
            ranked.append((-_quality(weight), place, code))
    wanted = [code for quality, _, code in sorted(ranked) if quality < 0]
    return wanted[0] if wanted else FALLBACK


def _quality(weight: str) -> float:
    name, _, value = weight.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0
