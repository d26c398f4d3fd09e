"""Builds the extension module and the Go library; everything else is in pyproject.toml."""

import glob
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(HERE)
VERSION = os.path.join(REPOSITORY, "internal", "cli", "version.go")


def check_platform():
    """Exit with an error on a platform that is not supported."""
    soabi = sysconfig.get_config_var("SOABI") or ""
    if sys.implementation.name != "cpython":
        sys.exit(f"umadb requires CPython: {sys.implementation.name} cannot load its extension module.")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        sys.exit("umadb requires a CPython with the GIL: this one is free-threaded. Use the interpreter without the t.")
    if sys.platform == "linux" and ("musl" in soabi or platform.libc_ver()[0] != "glibc"):
        sys.exit(
            "umadb requires glibc: a Go library cannot be loaded at run time with musl, as on Alpine Linux. "
            "Use an image with glibc, such as python:3-slim."
        )
    if sys.platform == "win32":
        sys.exit("umadb does not support Windows: use it in WSL.")


def check_repository():
    """Exit with an error if the Go module is not in the parent directory."""
    if not os.path.exists(os.path.join(REPOSITORY, "go.mod")):
        sys.exit(
            "umadb is built from its whole repository, and this is only its directory python. "
            "Clone https://github.com/umadb-go/umadb and run pip install ./python there, or install a wheel."
        )


def version():
    """Return the version of the command line, which is also that of the package."""
    with open(VERSION, encoding="utf-8") as file:
        return re.search(r'Version = "([^"]+)"', file.read()).group(1)


class BuildExtension(build_ext):
    """Builds the extension module, and the Go library in the same directory."""

    def run(self):
        super().run()
        package = "umadb" if self.inplace else os.path.join(self.build_lib, "umadb")
        self.build_library(os.path.abspath(os.path.join(HERE, package, "_golib.so")))

    def build_library(self, target):
        """Build the Go library with the go command."""
        go = shutil.which(os.environ.get("GO", "go"))
        if go is None:
            sys.exit("building umadb from source requires Go 1.26 or later on the PATH: https://go.dev/dl/")
        command = [go, "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", target, "./python/binding"]
        subprocess.run(command, cwd=REPOSITORY, env={**os.environ, "CGO_ENABLED": "1"}, check=True)
        os.remove(os.path.splitext(target)[0] + ".h")  # not used: the extension looks up functions by name


class BuildWheel(bdist_wheel):
    """Builds one wheel for CPython 3.10 and later."""

    def finalize_options(self):
        self.py_limited_api = "cp310"
        super().finalize_options()


class RefuseSdist(sdist):
    """Exits with an error: a source distribution would lack the Go module in the parent directory."""

    def run(self):
        sys.exit(
            "umadb has no source distribution: it is built from its whole repository. "
            "Clone https://github.com/umadb-go/umadb and run make wheel there."
        )


check_platform()
check_repository()
setup(
    version=version(),
    ext_modules=[
        Extension(
            "umadb._native",
            sources=sorted(glob.glob("src/*.c", root_dir=HERE)),
            depends=glob.glob("src/*.h", root_dir=HERE) + glob.glob("binding/*.h", root_dir=HERE) + [VERSION],
            define_macros=[("Py_LIMITED_API", "0x030A0000"), ("UMADB_VERSION", f'"{version()}"')],
            extra_compile_args=["-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
            libraries=["dl", "pthread"],
            py_limited_api=True,
        )
    ],
    cmdclass={"build_ext": BuildExtension, "bdist_wheel": BuildWheel, "sdist": RefuseSdist},
)
