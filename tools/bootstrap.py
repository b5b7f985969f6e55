"""Make the virtual environment `.venv` and install exactly what a lock file names.

    python3 tools/bootstrap.py requirements.lock [more.lock ...]
    python3 tools/bootstrap.py --environment DIR only.lock      (another one, without the project)

Needs only Python >= 3.11 with its standard `venv`: neither pip nor ensurepip (Debian keeps the
latter in a package of its own) has to be there, because pip itself comes as the wheel beside this
file, checked against the hash below. Every package is installed from the configured index and
checked against the hashes in the lock file. Runs again only when a lock has changed.
"""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PIP_WHEEL = ROOT / "tools" / "pip-26.0-py3-none-any.whl"
PIP_SHA256 = "98436feffb9e31bc9339cf369fd55d3331b1580b6a6f1173bacacddcf9c34754"
PYTHON_MIN = (3, 11)


def main(locks: list[str], environment: Path = ENVIRONMENT) -> None:
    """Install every lock given, skipping those whose stamp is fresh.

    The project itself is installed too, editable, into its own environment and no other.
    """
    own = environment == ENVIRONMENT
    if sys.version_info < PYTHON_MIN:
        sys.exit(
            f"error: Python {sys.version.split()[0]} is too old\n"
            "  → use 3.11 or newer: make PYTHON=python3.12 …"
        )
    python = environment / "bin" / "python"
    if not python.exists():
        print(f"· making {environment.relative_to(ROOT)}", flush=True)
        venv.EnvBuilder(with_pip=False, symlinks=True, clear=environment.exists()).create(
            environment
        )
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode != 0:
        if hashlib.sha256(PIP_WHEEL.read_bytes()).hexdigest() != PIP_SHA256:
            sys.exit(
                f"error: {PIP_WHEEL.name} is not the file it should be\n  → check it out again"
            )
        run([str(python), f"{PIP_WHEEL}/pip", "install", "--quiet", "--no-index", str(PIP_WHEEL)])
    for lock in locks:
        stamp = environment / f"{Path(lock).stem}.installed"
        project = (ROOT / "pyproject.toml").read_bytes() if own else b""
        digest = hashlib.sha256((ROOT / lock).read_bytes() + project).hexdigest()
        if stamp.exists() and stamp.read_text() == digest:
            continue
        print(f"· installing what {lock} names (once)", flush=True)
        run(
            [
                *pip,
                "install",
                "--quiet",
                "--require-hashes",
                "--only-binary",
                ":all:",
                "-r",
                str(ROOT / lock),
            ]
        )
        if own:
            run(
                [
                    *pip,
                    "install",
                    "--quiet",
                    "--no-deps",
                    "--no-build-isolation",
                    "--editable",
                    str(ROOT),
                ]
            )
        stamp.write_text(digest)


def run(command: list[str]) -> None:
    """Run one command; on failure stop with its exit code, its own words being on the screen."""
    environment = {**os.environ, "PIP_REQUIRE_VIRTUALENV": "0"}
    code = subprocess.run(command, env=environment, check=False).returncode
    if code != 0:
        sys.exit(
            f"error: this command failed: {' '.join(command[:6])} …\n"
            "  → read its message above; is the package index reachable?"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--environment"]:
        main(sys.argv[3:], (ROOT / sys.argv[2]).resolve())
    else:
        main(sys.argv[1:] or ["requirements.lock"])
