"""What is built from this checkout holds the library, and requires what it imports."""

import ast
import configparser
import email
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
# Where a package is not named like the module that it installs.
PACKAGES = {
    "absl": "absl-py",
    "orbax": "orbax-checkpoint",
    "sklearn": "scikit-learn",
    "tensorflow_datasets": "tensorflow-datasets",
}


def declared(extra=None):
    """Requirements in setup.cfg: the library's, or those of an extra."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    if extra is None:
        text = config["options"]["install_requires"]
    else:
        text = config["options.extras_require"][extra]
    return [Requirement(line) for line in text.splitlines() if line]


def names(requirements):
    return {requirement.name for requirement in requirements}


def run(*command, cwd=None):
    outcome = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert outcome.returncode == 0, outcome.stdout
    return outcome.stdout


def build_wheel(source, folder):
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    run("-m", "pip", "wheel", *options, "--wheel-dir", folder, source)
    (wheel,) = folder.glob("ant_jax-*.whl")
    return wheel


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy: a build leaves folders behind, and packs what an earlier one left."""
    folder = tmp_path_factory.mktemp("checkout")
    caches = shutil.ignore_patterns("__pycache__")
    for name in ("ant_jax", "benchmarks", "experiments", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=caches)
    for name in ("LICENSE", "README.md", "pyproject.toml", "setup.cfg"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel_of_the_checkout(checkout, tmp_path_factory):
    return build_wheel(checkout, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def wheel_of_the_sdist(checkout, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    build = "import sys, setuptools.build_meta as b; b.build_sdist(sys.argv[1])"
    run("-c", build, folder, cwd=checkout)
    (sdist,) = folder.glob("ant_jax-*.tar.gz")
    return build_wheel(sdist, folder)


@pytest.fixture(params=["checkout", "sdist"])
def wheel(request):
    with zipfile.ZipFile(request.getfixturevalue(f"wheel_of_the_{request.param}")) as w:
        yield w


def imports(path):
    """Modules that a file imports: together with it, and later, in a function."""
    at_once, later = set(), set()

    def visit(node, modules):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module)
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, later if inside else modules)

    visit(ast.parse(path.read_text(encoding="utf-8")), at_once)
    return at_once, later


def imported_packages(folder, without=()):
    """Packages that a folder needs: at once, and later only."""
    paths = set((ROOT / folder).rglob("*.py"))
    paths -= {path for name in without for path in (ROOT / name).rglob("*.py")}
    # A test imports a file beside it by its bare name.
    ours = {"ant_jax", "experiments", "tests", *(path.stem for path in paths)}
    ours |= sys.stdlib_module_names

    def packages(modules):
        tops = {module.partition(".")[0] for module in modules} - ours
        return {PACKAGES.get(top, top) for top in tops}

    found = [imports(path) for path in paths]
    at_once, later = (packages(set().union(*m)) for m in zip(*found, strict=True))
    return at_once, later - at_once


class TestWheel:
    def test_holds_the_library_alone(self, wheel):
        sources = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / "ant_jax").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert "ant_jax/py.typed" in sources
        stored = [name for name in wheel.namelist() if ".dist-info/" not in name]
        assert sorted(stored) == sorted(sources)

    def test_requires_what_the_library_imports(self, wheel):
        (name,) = [n for n in wheel.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(wheel.read(name))
        required = [Requirement(line) for line in metadata.get_all("Requires-Dist")]
        # The markers are those of extras.
        assert all(r.marker is None or "extra" in str(r.marker) for r in required)
        library = [r for r in required if r.marker is None]
        assert names(library) == imported_packages("ant_jax")[0]


class TestExtras:
    def test_what_the_library_imports_later_has_one(self):
        assert imported_packages("ant_jax")[1] == names(declared("wordnet"))

    def test_the_programs_import_nothing_else(self):
        at_once, later = imported_packages("experiments")
        installed = names(declared() + declared("experiments"))
        assert at_once <= installed
        assert later <= installed | names(declared("tensorboard"))

    def test_the_tests_of_the_library_import_nothing_else(self):
        programs = ("tests/experiments", "tests/benchmarks")
        found = set().union(*imported_packages("tests", without=programs))
        assert found <= names(declared() + declared("test"))


def test_lower_bounds_are_those_of_setup_cfg():
    pins = map(Requirement, run(ROOT / ".ci" / "lower_bounds.py", "test").splitlines())
    for pin, requirement in zip(pins, declared() + declared("test"), strict=True):
        assert str(pin).replace("==", ">=") == str(requirement)
