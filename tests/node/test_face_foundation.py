"""The frame of the face: words in both languages, colours with contrast, headers, assets."""

import hashlib
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from litestar.testing import TestClient

from entrepot.node.app import make_app
from entrepot.node.face.headers import CONTENT_SECURITY_POLICY
from entrepot.node.face.language import LANGUAGES, catalog, choose_language, t
from entrepot.node.face.rendering import environment
from entrepot.node.running import open_running
from entrepot.node.settings import read_settings
from entrepot.port.clear.institution import PORT

FACE = files("entrepot.node.face")
ORIGIN = "http://localhost.local:8600"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home = tmp_path_factory.mktemp("face") / "home"
    settings = read_settings(environment={}, given={"home": str(home), "http.public_url": ORIGIN})
    with open_running(settings, institutions=[PORT]) as running:
        with TestClient(make_app(running), base_url=ORIGIN) as client:
            yield client


def test_every_word_stands_in_every_language() -> None:
    for key, texts in catalog().items():
        assert set(texts) == set(LANGUAGES), key
        for code, text in texts.items():
            # The language of a text in another language: none where it is the page's own.
            assert text.strip() or key.endswith(".lang"), f"{key} is empty in {code}"
        holes = {code: sorted(re.findall(r"{(\w+)}", text)) for code, text in texts.items()}
        assert len({tuple(names) for names in holes.values()}) == 1, f"{key}: {holes}"


def test_every_key_that_a_template_names_has_words() -> None:
    named = re.compile(r"""\bt\(\s*["']([a-z0-9.-]+)["']\s*[,)]""")
    found = 0
    for path in Path(str(FACE)).rglob("*"):
        if path.suffix in {".html", ".py"}:
            for key in named.findall(path.read_text()):
                found += 1
                assert key in catalog(), f"{path.name} asks for {key}"
    assert found > 20


def test_every_template_compiles() -> None:
    for name in environment().list_templates(extensions=["html"]):
        environment().get_template(name)


def test_unknown_words_are_refused() -> None:
    with pytest.raises(Exception, match="no words for this key"):
        t("en", "frame.nothing-like-it")


@pytest.mark.parametrize(
    ("asked", "kept", "accept", "chosen"),
    [
        ("zh", "en", "en", "zh"),
        (None, "zh", "en", "zh"),
        (None, None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, None, "fr, en;q=0.5, zh;q=0.7", "zh"),
        (None, None, "zh;q=0, en;q=0.1", "en"),
        (None, None, "de", "en"),
        ("xx", None, "", "en"),
        ("xx", "yy", "zh;q=nan?", "en"),
    ],
)
def test_language_is_chosen_by_address_then_cookie_then_browser(
    asked: str | None, kept: str | None, accept: str, chosen: str
) -> None:
    assert choose_language(asked, kept, accept) == chosen


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def palettes() -> dict[str, dict[str, str]]:
    css = FACE.joinpath("assets/face.css").read_text()
    blocks = re.findall(r"(:root[^{]*)\{([^}]*--focus-ink[^}]*)\}", css)
    named = {}
    for selector, body in blocks:
        tokens = dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6})", body))
        named[selector.strip()] = tokens
    return named


def test_colours_have_contrast_in_light_and_dark() -> None:
    found = palettes()
    assert set(found) == {":root", ':root[data-theme="auto"]', ':root[data-theme="dark"]'}
    assert found[':root[data-theme="auto"]'] == found[':root[data-theme="dark"]']
    text_on = [
        *(("ink", paper) for paper in ("paper", "panel", "good-paper", "bad-paper", "warn-paper")),
        *(("soft", paper) for paper in ("paper", "panel")),
        *((link, p) for link in ("link", "link-visited") for p in ("paper", "panel", "note-paper")),
        *((tone, f"{tone}-paper") for tone in ("good", "bad", "warn", "note")),
        *((tone, "paper") for tone in ("good", "bad", "warn", "note")),
        ("action-ink", "action"), ("focus-ink", "focus"), ("ink", "note-paper"), ("paper", "bad"),
    ]  # fmt: skip
    for selector, tokens in found.items():
        for ink, paper in text_on:
            value = contrast(tokens[ink], tokens[paper])
            assert value >= 4.5, f"{selector}: {ink} on {paper} is {value:.2f}"
        assert contrast(tokens["edge"], tokens["paper"]) >= 3, f"{selector}: borders of fields"


def test_vendored_files_are_the_ones_written_down() -> None:
    table = FACE.joinpath("assets/VENDORED.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \|.*`([0-9a-f]{64})` \|$", table, flags=re.MULTILINE)
    assert ("htmx.min.js" in dict(rows)) and len(rows) == len(dict(rows))
    for name, digest in rows:
        content = FACE.joinpath("assets", name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, name


def test_no_page_carries_inline_script_or_style() -> None:
    for path in Path(str(FACE)).rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|hx-vals=.js:", text), (
            path
        )
        for tag in re.findall(r"<script[^>]*>", text):
            is_text = ' type="application/json"' in tag
            assert is_text or ' src="/face/' in tag, f"{path}: {tag}"
        assert not re.search(r"(src|href)=[\"']?(https?:)?//", text), f"{path} loads from elsewhere"


def test_policy_allows_nothing_inline_and_nothing_foreign() -> None:
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY.replace("http-equiv", "")
    for need in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert need in CONTENT_SECURITY_POLICY


def test_errors_carry_the_headers_too(browser: TestClient) -> None:
    answer = browser.get("/face/no-such-file")
    assert answer.status_code == 404
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in answer.headers
    assert 'lang="en"' in answer.text and "Page not found" in answer.text


def test_language_and_theme_are_kept_in_cookies(browser: TestClient) -> None:
    first = browser.get("/face/none?lang=zh&theme=dark&q=1")
    assert 'lang="zh-Hans" data-theme="dark"' in first.text
    assert 'href="/face/none?q=1&amp;lang=en"' in first.text
    again = browser.get("/face/none")
    assert 'lang="zh-Hans" data-theme="dark"' in again.text
    browser.cookies.clear()


def test_assets_are_served_with_a_tag(browser: TestClient) -> None:
    answer = browser.get("/face/face.css")
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    tag = answer.headers["etag"]
    assert browser.get("/face/face.css", headers={"if-none-match": tag}).status_code == 304
    assert browser.get("/face/VENDORED.md").status_code == 404
    assert browser.get("/face/..%2fheaders.py").status_code == 404
