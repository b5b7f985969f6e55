"""Settings: one file, the environment over it, secrets apart, mistakes named."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import msgspec
import pytest

from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.node.settings import Secret, Settings, read_settings, setting_names


def written(folder: Path, text: str) -> Path:
    file = folder / "entrepot.toml"
    file.write_text(text)
    return file


def test_the_later_wins_file_environment_command_line(tmp_path: Path) -> None:
    file = written(tmp_path, 'home = "/a"\n[http]\nport = 1\nhost = "::1"\n[duties]\nevery_s = 3\n')
    found = read_settings(
        file,
        environment={"ENTREPOT_HTTP_PORT": "2", "ENTREPOT_HOME": "/b", "PATH": "x"},
        given={"http.port": 3, "http.host": None},
    )
    assert (found.home, found.http.port, found.http.host, found.duties.every_s) == (
        "/b",
        3,
        "::1",
        3,
    )
    assert found.url == "http://[::1]:3"


def test_lists_numbers_and_booleans_come_from_the_environment_too() -> None:
    found = read_settings(
        environment={
            "ENTREPOT_RELYING_PARTY_ORIGINS": "https://a.example,https://b.example",
            "ENTREPOT_TRACES_SAMPLE_RATIO": "0.5",
            "ENTREPOT_STORE_FOLLOW": "true",
            "ENTREPOT_DEBUG": "1",
        }
    )
    assert found.relying_party.origins == ("https://a.example", "https://b.example")
    assert (found.traces.sample_ratio, found.store.follow) == (0.5, True)


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    file = written(tmp_path, "[http]\nport = 77\n")
    assert read_settings(environment={"ENTREPOT_SETTINGS": str(file)}).http.port == 77


@pytest.mark.parametrize(
    ("text", "suggested"),
    [
        ("[http]\nprot = 1\n", "did you mean port?"),
        ("[htpp]\nport = 1\n", "did you mean http?"),
        ("hoem = '/a'\n", "did you mean home?"),
        ("[zzzzzzzz]\n", "known are: home"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(
    tmp_path: Path, text: str, suggested: str
) -> None:
    with pytest.raises(InvalidInput, match=re.escape(suggested)):
        read_settings(written(tmp_path, text), environment={})


def test_an_unknown_variable_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="did you mean ENTREPOT_HTTP_PORT"):
        read_settings(environment={"ENTREPOT_HTTP_PROT": "1"})


@pytest.mark.parametrize(
    "text",
    [
        "[http]\nport = 70000\n",
        "[http]\nport = 'x'\n",
        "[intake]\nbatch_max_acts = 5000\n",
        "http = 3\n",
        "[http\n",
        "[traces]\nsample_ratio = 2.0\n",
        "[[callbacks.receivers]]\nname = 'A B'\nurl = 'https://a.example'\n",
    ],
)
def test_a_value_out_of_bounds_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput):
        read_settings(written(tmp_path, text), environment={})


def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    file = written(tmp_path, '[store]\nurl = "postgresql://u:hunter2@db/x"\n')
    with pytest.raises(InvalidInput, match="ENTREPOT_STORE_URL") as caught:
        read_settings(file, environment={})
    assert "hunter2" not in str(caught.value)


def test_a_secret_comes_from_the_environment_or_a_file_of_its_own(tmp_path: Path) -> None:
    held = tmp_path / "store.url"
    held.write_text("postgresql://u:hunter2@db/x\n")
    held.chmod(0o600)
    file = written(tmp_path, f'[store]\nurl_file = "{held}"\n')
    assert read_settings(file, environment={}).store.url.reveal() == "postgresql://u:hunter2@db/x"
    over = read_settings(file, environment={"ENTREPOT_STORE_URL": "postgresql://other/x"})
    assert over.store.url.reveal() == "postgresql://other/x"
    held.chmod(0o644)
    with pytest.raises(InvalidInput, match="others can read"):
        read_settings(file, environment={})
    held.unlink()
    with pytest.raises(NotFound):
        read_settings(file, environment={})


def test_a_secret_shows_itself_nowhere() -> None:
    found = read_settings(environment={"ENTREPOT_PASSPHRASE": "hunter2"})
    for shown in (repr(found), str(found.passphrase), f"{found.passphrase}", f"{found!r:>3}"):
        assert "hunter2" not in shown
    with pytest.raises(TypeError):
        msgspec.json.encode(found)
    with pytest.raises(TypeError):
        pickle.dumps(found.passphrase)
    assert not Secret()


def test_there_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_settings(tmp_path / "absent.toml", environment={})


def test_every_setting_stands_in_the_documents_and_in_the_example() -> None:
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs" / "operating" / "settings.md").read_text()
    example = root / "deploy" / "entrepot.example.toml"
    for name in setting_names():
        assert f"`{name}`" in page, name
    shown = read_settings(example, environment={})
    assert msgspec.structs.replace(shown, home="") == Settings()
