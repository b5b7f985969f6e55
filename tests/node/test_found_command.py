"""`entrepot found`: a registry from nothing, and a link for its first administrator."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from face_people import Device, Tab
from litestar.testing import TestClient

from entrepot.kernel.errors import Conflict, InvalidInput
from entrepot.node.app import make_app
from entrepot.node.commands.found import command
from entrepot.node.running import open_running
from entrepot.node.settings import read_settings

URL = "http://exchange.localhost:8600"
OPTIONS = (
    "--name", "Harbour Exchange", "--name-in", "zh=海港数据交易所",
    "--identifier", "lei:984500ENTREPOTOPER85", "--country", "sg", "--notice-days", "5",
)  # fmt: skip


def found(home: Path, *options: str) -> Result:
    settings = home.parent / "settings.toml"
    settings.write_text(f'[http]\npublic_url = "{URL}"\n')
    arguments = ["--home", str(home), "--settings", str(settings), *options]
    return CliRunner().invoke(command, arguments, standalone_mode=False)


def test_founds_once_and_invites_until_somebody_joined(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = found(home, *OPTIONS)
    assert first.exception is None and first.return_value == 0, first.output
    assert "founded at entry 1" in first.stderr
    again = found(home)
    link = again.stdout.strip()
    assert again.exception is None and link.startswith(f"{URL}/join#")
    chosen = read_settings(environment={}, given={"home": str(home), "http.public_url": URL})
    with open_running(chosen) as running, TestClient(make_app(running), base_url=URL) as client:
        tab = Tab(client, URL).join(link.partition("#")[2], Device(URL, "exchange.localhost"))
        assert tab.path == "/desk"
        assert "Harbour Exchange" in tab.text
        assert "海港数据交易所" in tab.get("/desk?lang=zh").text
    late = found(home)
    assert isinstance(late.exception, Conflict)


def test_refusals_are_told(tmp_path: Path) -> None:
    missing = found(tmp_path / "a", "--name", "Harbour Exchange")
    assert isinstance(missing.exception, InvalidInput)
    wrong = found(
        tmp_path / "b", "--name", "X", "--identifier", "lei:984500ENTREPOTOPER86",
        "--country", "SG",
    )  # fmt: skip
    assert wrong.return_value == 1 and "check digit" in wrong.stderr


@pytest.mark.parametrize("text", ["zh", "zh:海港"])
def test_a_name_needs_its_language(tmp_path: Path, text: str) -> None:
    result = found(tmp_path / "home", *OPTIONS, "--name-in", text)
    assert isinstance(result.exception, InvalidInput)
