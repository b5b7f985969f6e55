"""Photograph the node's face for the documents: `.venv/bin/python tools/nodepictures.py [NAME …]`.

Starts `entrepot serve --demo` in an empty home, joins as one of its people with a virtual passkey,
takes a generated table through the port, and photographs every main page in English and Chinese
with headless Chromium (`apt-get install chromium`). Without names, all are taken.
"""

import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
ENTREPOT = Path(sys.executable).parent / "entrepot"
SIZE = {"width": 1120, "height": 840}
LANGUAGES = ("en", "zh")
BYTES_MAX = 200_000

STRANGER = {
    "home": "/",
    "port": "/port",
    "law": "/law?jurisdiction=CN",
    "rulebook": "/law/cn-provisions-2024",
    "ask": "/law/ask?from=CN&to=DE",
    "changes": "/law/changes?since=2024-01-01&until=2024-12-31",
    "directory": "/directory",
    "log": "/log",
    "entries": "/log/entries",
    "verify": "/verify",
    "apply": "/apply",
}
"""Name of a picture → page that anybody sees."""
MEMBER = {"desk": "/desk", "rights": "/desk/rights", "keys": "/desk/keys"}
FOUND = ("growth", "product", "party", "entry", "decision", "atlas", "operator")
PORT = ("inspection", "answer", "plan", "sign", "cleared", "verified")
NAMES = (*STRANGER, *MEMBER, *FOUND, *PORT)


def main(names: list[str]) -> None:
    """Take the pictures called `names`, or all."""
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        sys.exit(f"no picture called {', '.join(unknown)}; one of {', '.join(NAMES)}")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("no chromium on the path (apt-get install chromium)")
    wanted = set(names or NAMES)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        port = free_port()
        command = [
            str(ENTREPOT),
            "serve",
            "--demo",
            "--home",
            f"{folder}/home",
            "--port",
            str(port),
        ]
        node = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            links = read_links(node)
            browser = playwright.chromium.launch(
                executable_path=chromium,
                args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync"],
            )
            session = Session(f"http://localhost:{port}", browser, wanted)
            session.everything(links, Path(folder))
            browser.close()
        finally:
            node.terminate()
            node.wait(30)


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def read_links(node: subprocess.Popen[str]) -> dict[str, str]:
    """Return who may join by which link, as the demo prints them."""
    found: dict[str, str] = {}
    assert node.stdout is not None
    for line in node.stdout:
        match = re.match(r"\s+(\w+)\s+(http\S+)", line)
        if match:
            found[match[1]] = match[2]
        if "provider" in found:
            break
    return found


class Session:
    """One browser on its way through the demo."""

    def __init__(self, url, browser, wanted: set[str]) -> None:
        self.url, self.browser, self.wanted = url, browser, wanted

    def everything(self, links: dict[str, str], folder: Path) -> None:
        stranger = self.page()
        for name, path in STRANGER.items():
            self.shoot(stranger, name, path)
        self.found(stranger)
        if self.wanted & {"operator"}:
            operator = self.join(links["operator"])
            self.shoot(operator, "operator", "/desk")
        if self.wanted & {*MEMBER, *PORT}:
            provider = self.join(links["provider"])
            for name, path in MEMBER.items():
                self.shoot(provider, name, path)
            if self.wanted & set(PORT):
                self.through_the_port(provider, folder)
        self.shoot(stranger, "growth", "/log", at="#growth-title")

    def page(self) -> Page:
        context = self.browser.new_context(viewport=SIZE, locale="en-GB", color_scheme="light")
        context.set_default_timeout(60_000)
        return context.new_page()

    def shoot(self, page: Page, name: str, path: str, *, at: str = "") -> None:
        """Photograph a page in both languages; `at` names what to scroll to."""
        if name not in self.wanted:
            return
        for language in LANGUAGES:
            joint = "&" if "?" in path else "?"
            page.goto(f"{self.url}{path}{joint}lang={language}")
            page.wait_for_load_state("networkidle")
            self.keep(page, name, language, at)

    def keep(self, page: Page, name: str, language: str, at: str = "") -> None:
        if at:
            page.locator(at).first.evaluate("part => part.scrollIntoView({ behavior: 'instant' })")
        file = PICTURES / f"node-{name}-{language}.png"
        page.screenshot(path=file)
        size = file.stat().st_size
        print(f"docs/pictures/{file.name}: {size // 1024} kB")
        if size > BYTES_MAX:
            sys.exit(f"{file.name} is larger than {BYTES_MAX // 1000} kB")

    def found(self, page: Page) -> None:
        """Photograph what the lists lead to."""
        page.goto(f"{self.url}/directory?lang=en&sort=newest")
        products = [a.get_attribute("href") for a in page.locator(".results h2 a").all()]
        best = max(products, key=lambda href: self.rights_in(page, href))
        self.shoot(page, "product", best, at="#rights")
        page.goto(f"{self.url}{best}")
        party = page.locator("main a[href^='/directory/parties/']").first.get_attribute("href")
        self.shoot(page, "party", party)
        page.goto(f"{self.url}/log/entries?kind=decide-objection&lang=en")
        ruling = page.locator("td.amount a").first.get_attribute("href")
        self.shoot(page, "entry", ruling)
        self.shoot(page, "decision", ruling.replace("/log/entries/", "/decisions/"))
        if "atlas" in self.wanted:
            page.goto(f"{self.url}/law/atlas")
            page.locator("#day:not(:empty)").wait_for()
            self.shoot(page, "atlas", "/law/atlas")

    def rights_in(self, page: Page, href: str) -> int:
        page.goto(f"{self.url}{href}")
        return page.locator(".chains g").count()

    def join(self, link: str) -> Page:
        """Join by invitation with a virtual passkey."""
        page = self.page()
        devtools = page.context.new_cdp_session(page)
        devtools.send("WebAuthn.enable", {"enableUI": False})
        devtools.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        page.goto(f"{self.url}/?lang=en")
        page.goto(link)
        press(page, "Open the invitation")
        page.get_by_label("What colleagues call you").fill("Wharf office")
        press(page, "Register a passkey")
        for _ in range(20):  # the demo's administrator admits whoever registered, in a moment
            page.goto(f"{self.url}/sign-in?lang=en")
            press(page, "Sign in with a passkey")
            if page.url.startswith(f"{self.url}/desk"):
                return page
            page.wait_for_timeout(1_000)
        sys.exit("the demo admitted nobody")

    def through_the_port(self, page: Page, folder: Path) -> None:
        table = folder / "customers.csv"
        subprocess.run(
            [str(ENTREPOT), "generate", str(table), "--rows", "3000"],
            check=True,
            capture_output=True,
        )
        page.goto(f"{self.url}/port?lang=en")
        page.locator("#table").set_input_files(table)
        page.get_by_role("button", name="Upload and inspect").click()
        page.wait_for_url(re.compile(r"/port/[\w-]{22}$"))
        page.locator(".columns-table").wait_for()
        job = page.url.removeprefix(self.url)
        self.shoot(page, "inspection", job)
        page.goto(f"{self.url}{job}?lang=en")
        page.get_by_role("link", name="Next: may it leave?").click()
        press(page, "Assess")
        self.shoot(page, "answer", f"{job}/answer")
        page.goto(f"{self.url}{job}/answer?lang=en")
        answer_questions(page)
        page.get_by_role("link", name="Next: find the lawful ways").click()
        page.locator(".ways").wait_for()
        self.shoot(page, "plan", f"{job}/plan")
        page.goto(f"{self.url}{job}/plan?lang=en")
        page.locator(".way", has_text="Only counts").get_by_role(
            "link", name="Take this way"
        ).click()
        page.locator("#recipient").fill("Beispiel GmbH")
        page.locator("#purpose").select_option("analytics")
        press(page, "Save and judge again")
        page.get_by_role("button", name="Prepare the clearance").wait_for()
        press(page, "Prepare the clearance")
        page.get_by_role("button", name="Read and sign").wait_for()
        press(page, "Read and sign")
        self.shoot(page, "sign", page.url.removeprefix(self.url))
        page.goto(page.url.replace("lang=zh", "lang=en"))
        press(page, "Sign with your passkey")
        self.shoot(page, "cleared", f"{job}/result")
        self.verified(page, job, folder)

    def verified(self, page: Page, job: str, folder: Path) -> None:
        if "verified" not in self.wanted:
            return
        page.goto(f"{self.url}{job}/result?lang=en")
        with page.expect_download() as caught:
            page.get_by_role("link", name="Download the folder (zip)").click()
        packed = folder / "clearance.zip"
        caught.value.save_as(packed)
        for language in LANGUAGES:
            page.goto(f"{self.url}/verify?lang={language}")
            page.locator("#documents-files").set_input_files(packed)
            page.locator("[data-verdict]:not([data-verdict=waiting])").wait_for()
            self.keep(page, "verified", language, at="[data-checks]")


def press(page: Page, words: str) -> None:
    """Press a button and wait for the page that follows."""
    with page.expect_navigation():
        page.get_by_role("button", name=words, exact=True).click()


def answer_questions(page: Page) -> None:
    """Answer what is asked until nothing is."""
    for _ in range(8):
        question = page.locator(".question fieldset")
        if not question.count():
            return
        if question.locator("input.short").count():
            question.locator("input.short").fill("1 000")
        else:
            question.locator("input[type=radio]").first.check()
        with page.expect_navigation():
            page.locator(".question button", has_text="Answer").click()


if __name__ == "__main__":
    main(sys.argv[1:])
