"""What is installed: the package, its licence, four dependencies, and nothing else."""

from __future__ import annotations

import ast
import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
MOST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def declared() -> configparser.ConfigParser:
    """Read `setup.cfg`."""
    parser = configparser.ConfigParser()
    parser.read(PROJECT / "setup.cfg", encoding="utf-8")
    return parser


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build a wheel from a copy of the project, without a network."""
    version = metadata.version("setuptools")
    if int(version.partition(".")[0]) < 77:
        pytest.skip(f"setuptools {version} is here and 77 is needed: scripts/test installs it")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "a project"
    source.mkdir()
    for name in ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    # The tests come too: they may not be in the wheel.
    for name in ("redunlite", "tests", "scripts"):
        shutil.copytree(
            PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", ".*")
        )
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*pip, "--no-index", "--disable-pip-version-check", "--wheel-dir", folder, source],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    [built] = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_wheel_holds_the_package_and_its_licence_only(wheel: zipfile.ZipFile) -> None:
    """Every source file of the package is in the wheel, and nothing of tests or scripts is."""
    names = wheel.namelist()
    info = next(name.partition("/")[0] for name in names if ".dist-info/" in name)
    sources = {
        str(path.relative_to(PROJECT))
        for path in (PROJECT / "redunlite").rglob("*")
        if path.suffix == ".py" or path.name == "py.typed"
    }

    assert {name for name in names if not name.startswith(f"{info}/")} == sources
    assert f"{info}/licenses/LICENSE" in names


def test_wheel_declares_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    """The command is installed, and the metadata name the licence and the oldest Python."""
    info = next(name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" in name)
    commands = wheel.read(f"{info}/entry_points.txt").decode()
    about = wheel.read(f"{info}/METADATA").decode()

    assert "redunlite = redunlite.cli:main" in commands
    assert "License-Expression: Apache-2.0\n" in about
    assert "Requires-Python: >=3.10\n" in about


def test_folders_with_modules_are_packages() -> None:
    """A folder without `__init__.py` would be missing from an installation."""
    folders = {path.parent for path in (PROJECT / "redunlite").rglob("*.py")}

    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_version_is_plain_text_in_the_package() -> None:
    """The version is read without importing anything, by setup.cfg and by `--version`."""
    tree = ast.parse((PROJECT / "redunlite" / "__init__.py").read_text(encoding="utf-8"))
    versions = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__"
    ]

    assert len(versions) == 1
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", versions[0])


def list_requirements(lines: str) -> list[str]:
    """Return the names of distributions in a list of requirements."""
    return [re.match(r"[\w.-]+", line).group() for line in lines.split() if line[0].isalpha()]  # type: ignore[union-attr]


def test_installation_is_five_distributions(declared: configparser.ConfigParser) -> None:
    """The four dependencies bring no further ones, so that with redunlite there are five."""
    names = list_requirements(declared["options"]["install_requires"])
    further = [
        line for name in names for line in metadata.requires(name) or [] if "extra ==" not in line
    ]

    assert sorted(names) == ["argcomplete", "cloudpickle", "peewee", "tabulate"]
    assert further == []


def test_installation_is_small(declared: configparser.ConfigParser) -> None:
    """All five take less than 3 MB on disk, the bytecode that pip compiles aside."""
    sizes = {"redunlite": sum(p.stat().st_size for p in (PROJECT / "redunlite").rglob("*.py"))}
    for name in list_requirements(declared["options"]["install_requires"]):
        files = metadata.files(name) or []
        sizes[name] = sum(
            Path(str(file.locate())).stat().st_size for file in files if file.suffix != ".pyc"
        )

    assert all(sizes.values())
    assert sum(sizes.values()) < MOST_BYTES, sizes


def test_classifiers_name_the_tested_pythons(declared: configparser.ConfigParser) -> None:
    """The Pythons that are promised are those that `scripts/test-pythons` runs."""
    promised = re.findall(r":: (3\.\d+)$", declared["metadata"]["classifiers"], re.MULTILINE)
    script = (PROJECT / "scripts" / "test-pythons").read_text(encoding="utf-8")
    tested = re.search(r"^for version in (.+); do$", script, re.MULTILINE)

    assert tested is not None
    assert tested.group(1).split() == promised


def test_licence_is_the_declared_one(declared: configparser.ConfigParser) -> None:
    """The licence's text is there in full."""
    text = (PROJECT / "LICENSE").read_text(encoding="utf-8")

    assert declared["metadata"]["license_expression"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
