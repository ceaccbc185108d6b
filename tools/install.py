"""Installs the packages of requirements.lock, and this project, into one virtual environment.

    .venv/bin/python tools/install.py

The environment is that of the interpreter which runs this file. Every package is checked against
its hash in the lock. uv does the work, because it is several times as fast as pip; uv itself comes
from the lock. Where uv cannot be had, or fails, pip does the same work.

This file runs before anything is installed: it imports the standard library alone.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
UV = Path(sys.executable).with_name("uv")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
LOCKED = ("install", "--quiet", "--no-deps", "--require-hashes", "--requirement")
PROJECT = ("install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))

# uv does not read pip's configuration: option of pip -> variable of uv, and its separator.
FROM_PIP = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "no-index": ("UV_NO_INDEX", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "proxy": ("ALL_PROXY", " "),
    "cert": ("SSL_CERT_FILE", " "),
}
# Variables that send packages elsewhere, or change which ones are taken.
DROPPED = {
    "UV_TARGET",
    "UV_PREFIX",
    "UV_SYSTEM_PYTHON",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_EXCLUDE",
    "UV_EXCLUDE_NEWER",
    "UV_NO_BINARY",
    "UV_NO_EDITABLE",
    "UV_NO_VERIFY_HASHES",
    "UV_REQUIRE_HASHES",  # an editable install has no hash
}


def main() -> None:
    """Install with uv, else with pip. Ends with exit code 1 when pip fails too."""
    with tempfile.TemporaryDirectory() as folder:
        uv, others = Path(folder, "uv.lock"), Path(folder, "others.lock")
        for path, text in zip((uv, others), split_lock(LOCK.read_text()), strict=True):
            path.write_text(text)
        if not install_with_uv(uv, others):
            sys.stdout.write("uv cannot install here; pip does, which takes longer\n")
            install_with_pip(others)


def split_lock(text: str) -> tuple[str, str]:
    """The lines that lock uv, and the lines that lock everything else."""
    before, uv, after = re.split(r"(^uv==(?:[^\n]*\\\n)*[^\n]*\n)", text, flags=re.MULTILINE)
    return uv, before + after


def install_with_uv(uv: Path, others: Path) -> bool:
    """Whether uv could be installed, and has installed everything else.

    Nothing of its output is shown: pip does the work again, and shows an error that remains.
    """
    environment = uv_environment(os.environ, pip_configuration())
    place = ("--python", sys.executable)
    commands = (
        (*PIP, *LOCKED, str(uv), "--only-binary", "uv"),
        (str(UV), "pip", *LOCKED, str(others), *place),
        (str(UV), "pip", *PROJECT, *place),
        (str(UV), "pip", "check", *place),
    )
    try:
        for command in commands:
            subprocess.run(command, env=environment, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def install_with_pip(others: Path) -> None:
    """Install everything but uv, which is the one package that may be missing here."""
    for command in ((*LOCKED, str(others)), PROJECT, ("check", "--quiet")):
        if subprocess.run((*PIP, *command), check=False).returncode != 0:
            sys.exit(1)


def pip_configuration() -> dict[str, str]:
    """The options of pip's files and variables that hold for `pip install`, by their names."""
    listed = subprocess.run((*PIP, "config", "list"), capture_output=True, text=True, check=False)
    options: dict[str, str] = {}
    lines = [line.partition("=") for line in listed.stdout.splitlines()]
    # Later sections win.
    for section in ("global.", "install.", ":env:."):
        for name, _, value in lines:
            if name.startswith(section):
                options[name.removeprefix(section)] = str(ast.literal_eval(value))
    return options


def uv_environment(given: Mapping[str, str], options: Mapping[str, str]) -> dict[str, str]:
    """The variables for uv: those of this process, completed by pip's configuration.

    An index may carry a password, so it is handed over in the environment and never as an argument.
    """
    environment = {name: value for name, value in given.items() if name not in DROPPED}
    has_index = any(re.match(r"UV_.*INDEX", name) for name in given)
    for option, (variable, separator) in FROM_PIP.items():
        if option in options and not ("INDEX" in variable and has_index):
            environment.setdefault(variable, separator.join(options[option].split()))
    # As pip does: take the locked version from any index. Its hash tells that it is the right one.
    environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return environment


if __name__ == "__main__":
    main()
