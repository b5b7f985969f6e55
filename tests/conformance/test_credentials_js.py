"""Foreign JavaScript libraries verify our credentials: jose, @sd-jwt, @digitalbazaar, jsonld.

They are not shipped; `make conformance` installs them for a run. Here they are used where
CONFORMANCE_CREDENTIALS_JS names a folder in which `npm ci` was run on conformance/js.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "conformance"))

from subject import make_subject, served
from with_javascript import MODULES, read_our_credentials


@pytest.mark.slow
def test_javascript_libraries_verify_credentials_and_lists(tmp_path: Path) -> None:
    folder = Path(os.environ.get(MODULES, "")) / "node_modules" / "jose"
    if shutil.which("node") is None or not os.environ.get(MODULES) or not folder.is_dir():
        pytest.skip(f"no node, or {MODULES} names no folder with the libraries installed")
    with served(make_subject(tmp_path, count=20)) as subject:
        found = {item.client: item for item in read_our_credentials(subject)}
    assert set(found) == {
        "jose",
        "@sd-jwt/sd-jwt-vc",
        "@digitalbazaar/vc-bitstring-status-list",
        "jsonld",
    }
    assert found["@sd-jwt/sd-jwt-vc"].rejected == 7
