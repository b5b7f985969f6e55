"""Checks of one page as a blind, a keyboard and a low-vision visitor meet it (WCAG 2.2, AA).

What a machine can tell: names of everything that can be operated, order of headings, landmarks,
languages, references that lead somewhere, contrast of every text against what lies behind it.
"""

from __future__ import annotations

from typing import Any

CHECKS = r"""
() => {
  const wrong = [];
  const shown = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const all = (query) => [...document.querySelectorAll(query)];
  const where = (node) => node.outerHTML.slice(0, 120);

  if (!document.documentElement.lang) wrong.push("no language");
  if (!document.title.trim()) wrong.push("no title");
  if (all("h1").filter(shown).length !== 1) wrong.push(`${all("h1").length} headings of level 1`);
  for (const [query, count] of [["main", 1], ["body > header", 1], ["body > footer", 1]])
    if (all(query).length !== count) wrong.push(`${all(query).length} of ${query}`);
  const navs = all("nav").map((nav) => nav.getAttribute("aria-label"));
  if (navs.some((label) => !label)) wrong.push("a nav without a label");
  if (new Set(navs).size !== navs.length) wrong.push(`navs of one label: ${navs}`);

  let level = 0;
  for (const heading of all("main h1, main h2, main h3, main h4").filter(shown)) {
    if (heading.closest("[role=alert]")) continue;  // stands before the heading of its page
    const next = Number(heading.tagName[1]);
    if (next > level + 1) wrong.push(`heading skips to ${next}: ${heading.textContent}`);
    level = next;
  }
  const ids = all("[id]").map((node) => node.id);
  for (const id of new Set(ids))
    if (ids.filter((other) => other === id).length > 1) wrong.push(`id twice: ${id}`);
  for (const attribute of ["aria-describedby", "aria-labelledby", "aria-controls", "for"])
    for (const node of all(`[${attribute}]`))
      for (const id of node.getAttribute(attribute).split(" "))
        if (!document.getElementById(id)) wrong.push(`${attribute} to nothing: ${id}`);
  for (const link of all('a[href^="#"]'))
    if (!document.getElementById(link.hash.slice(1))) wrong.push(`link to nothing: ${link.hash}`);

  const named = (node) =>
    (node.getAttribute("aria-label") || node.textContent || node.title || "").trim() ||
    [...node.querySelectorAll("img[alt]")].some((image) => image.alt.trim());
  for (const node of all("a[href], button, summary").filter(shown))
    if (!named(node)) wrong.push(`without a name: ${where(node)}`);
  for (const field of all("input, select, textarea")) {
    if (field.type === "hidden" || !shown(field)) continue;
    if (!field.labels?.length && !field.getAttribute("aria-label"))
      wrong.push(`without a label: ${where(field)}`);
  }
  for (const group of all("fieldset"))
    if (!group.querySelector("legend")?.textContent.trim()) wrong.push("fieldset without legend");
  for (const image of all("img, svg[role=img]"))
    if (!image.hasAttribute("alt") && !image.getAttribute("aria-label") &&
        !image.getAttribute("aria-labelledby") && !image.querySelector("title"))
      wrong.push(`picture without words: ${where(image)}`);
  for (const head of all("th")) if (!head.scope) wrong.push(`th without scope: ${where(head)}`);
  for (const node of all("[tabindex]"))
    if (Number(node.getAttribute("tabindex")) > 0) wrong.push(`tab order forced: ${where(node)}`);

  const channel = (value) =>
    value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const parse = (text) => {
    const found = text.match(/[\d.]+/g).map(Number);
    return { rgb: found.slice(0, 3), alpha: found.length > 3 ? found[3] : 1 };
  };
  const luminance = ([r, g, b]) =>
    0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.alpha === 1) return colour.rgb;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || seen.has(node) || !shown(node)) continue;
    seen.add(node);
    if (node.closest("svg, script, style, noscript, option, [disabled]")) continue;
    if (node.closest(".skip, .hidden")) continue;
    const style = getComputedStyle(node);
    const [light, dark] = [luminance(parse(style.color).rgb), luminance(behind(node))]
      .sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < (large ? 3 : 4.5)) wrong.push(`contrast ${ratio.toFixed(2)}: ${where(node)}`);
  }
  return wrong;
}
"""


def faults_of(page: Any) -> list[str]:
    """Return what is wrong with the page that is open, in words."""
    found: list[str] = page.evaluate(CHECKS)
    return found


def keyboard_stops(page: Any, most: int = 200) -> int:
    """Walk the page with the Tab key; return how many stops it has, each with a visible focus."""
    page.evaluate("document.activeElement.blur()")
    stops = 0
    for _ in range(most):
        page.keyboard.press("Tab")
        state = page.evaluate(
            """() => {
              const node = document.activeElement;
              if (!node || node === document.body) return null;
              const style = getComputedStyle(node);
              return style.outlineStyle !== "none" || style.boxShadow !== "none";
            }"""
        )
        if state is None:
            break
        assert state, page.evaluate("document.activeElement.outerHTML")
        stops += 1
    return stops
