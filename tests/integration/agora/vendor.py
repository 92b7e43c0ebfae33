"""The unmodified wrapper, with `stub.c` where its native library would be."""

import atexit
import importlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from adapters.agora.wrapper import find_wrapper
from tests.patience import HANG_S

VERSION = "2.4.10"
SHA256 = "f02cae825be2986435ef5b9a0ab3de30eaa9bf692a9be37a3f5f90fe338788cd"
HERE = Path(__file__).parent
INDEX_TIMEOUT = 60


def fetched_sdist(cache: Path) -> Path:
    """The sdist from the package index, once. Its build is never run; `pip download` asks it for its metadata."""
    sdist = cache / f"agora_python_server_sdk-{VERSION}.tar.gz"
    if not sdist.exists():
        order = ["download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(cache)]
        _run([*_pip(), *order, f"agora-python-server-sdk=={VERSION}"], "agora-python-server-sdk cannot be fetched")
    assert sha256(sdist.read_bytes()).hexdigest() == SHA256
    return sdist


def _pip() -> list[str]:
    for name in ("pip", "pip3"):
        if found := shutil.which(name):
            return [found]
    if uvx := shutil.which("uvx"):
        return [uvx, "pip"]
    pytest.skip("agora-python-server-sdk cannot be fetched: there is no pip")


def _run(order: list[str], otherwise: str) -> None:
    try:
        done = subprocess.run(order, capture_output=True, text=True, timeout=INDEX_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{otherwise}: no answer within {INDEX_TIMEOUT} s")
    if done.returncode:
        pytest.skip(f"{otherwise}: {done.stderr.strip()[-300:]}")


def unpacked(sdist: Path, folder: Path) -> Path:
    """A folder for `sys.path` with the wrapper as it is in the sdist, and no native library."""
    top = f"agora_python_server_sdk-{VERSION}"
    with tarfile.open(sdist) as tar:
        tar.extractall(folder, filter="data")
    return (folder / top / "agora").rename(folder / "agora").parent


def bound_symbols(wrapper: Path) -> set[str]:
    """What the wrapper takes from the native library when it is imported."""
    lines = (line for file in (wrapper / "rtc").rglob("*.py") for line in file.read_text().splitlines())
    return {
        name for line in lines if not line.lstrip().startswith("#") for name in re.findall(r"agora_lib\.(\w+)", line)
    }


def compile_stub(wrapper: Path, folder: Path) -> None:
    """Put the stub where the wrapper looks for the vendor's libraries."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        pytest.skip("agora-python-server-sdk needs a stub of its native library: no C compiler, or not Linux")
    source = (HERE / "stub.c").read_text()
    unused = sorted(name for name in bound_symbols(wrapper) if not re.search(rf"\b{name}\b", source))
    (folder / "unused.h").write_text("".join(f"UNUSED({name})\n" for name in unused))
    libraries = wrapper / "agora_sdk"
    libraries.mkdir()
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{folder}", f"-I{HERE}", "-pthread"]
    build = [compiler, *flags, str(HERE / "stub.c"), "-o", str(libraries / "libagora_rtc_sdk.so")]
    subprocess.run(build, check=True, timeout=HANG_S)
    empty = [compiler, "-shared", "-fPIC", "-x", "c", "/dev/null", "-o", str(libraries / "libaosl.so")]
    subprocess.run(empty, check=True, timeout=HANG_S)


def wrapper_with_stub(cache: Path, folder: Path) -> Path:
    """A folder for `sys.path` with the wrapper and the stub, complete but for `version.txt`."""
    folder = unpacked(fetched_sdist(cache), folder)
    compile_stub(folder / "agora", folder)
    return folder


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "avatarbot-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def published() -> Path:
    """The sdist as it is on the package index. Skips the test, with the reason, where it cannot be had."""
    return fetched_sdist(_cache())


@cache
def built() -> Path:
    """`wrapper_with_stub`, once a run and ready to be imported. Skips the test, with the reason, where that cannot be."""
    folder = Path(tempfile.mkdtemp(prefix="avatarbot-stub-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    wrapper_with_stub(_cache(), folder)
    with on_path(folder):
        wrapper = find_wrapper()
    wrapper.version_file.write_text(wrapper.archive_url)
    return folder


@contextmanager
def on_path(folder: Path) -> Iterator[None]:
    """What lies in `folder` can be found; it is not imported here, but in the room hosts."""
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def start_python(wrapper: Path, script: str, **environment: str) -> "subprocess.Popen[str]":
    """Run a script that can import the wrapper and us, and see nothing else of this process's environment."""
    paths = {"PYTHONPATH": f"{wrapper}{os.pathsep}{HERE.parents[2]}"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", script], env=paths | environment, stdout=pipe, stderr=pipe, text=True
    )
