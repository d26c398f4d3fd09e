"""Builds what pyproject.toml cannot say: the extension, and the Go library beside it."""

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


def refuse_platforms():
    """End with a sentence where the package cannot work."""
    soabi = sysconfig.get_config_var("SOABI") or ""
    if sys.implementation.name != "cpython":
        sys.exit(f"umadb needs CPython: {sys.implementation.name} cannot load its extension.")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        sys.exit("umadb needs a CPython with the GIL: this one is free-threaded. Use the interpreter without the t.")
    if sys.platform == "linux" and ("musl" in soabi or platform.libc_ver()[0] != "glibc"):
        sys.exit(
            "umadb needs glibc: a Go library cannot be loaded at run time under musl, as on Alpine Linux. "
            "Use an image with glibc, such as python:3-slim."
        )
    if sys.platform == "win32":
        sys.exit("umadb does not build on Windows yet: use it in WSL.")


def refuse_to_be_alone():
    """End with a sentence where the Go module is not around this directory."""
    if not os.path.exists(os.path.join(REPOSITORY, "go.mod")):
        sys.exit(
            "umadb is built from its whole repository, and this is only the directory python of it. "
            "Clone https://github.com/umadb-go/umadb and run pip install ./python there, or install a wheel."
        )


def version():
    """Give the version of the program: there is one for all."""
    with open(VERSION, encoding="utf-8") as file:
        return re.search(r'Version = "([^"]+)"', file.read()).group(1)


class BuildExtension(build_ext):
    """Builds the extension, and the Go library beside it."""

    def run(self):
        super().run()
        package = "umadb" if self.inplace else os.path.join(self.build_lib, "umadb")
        self.build_library(os.path.abspath(os.path.join(HERE, package, "_golib.so")))

    def build_library(self, target):
        """Build the Go library with the go command."""
        go = shutil.which(os.environ.get("GO", "go"))
        if go is None:
            sys.exit("umadb is built from source here, which needs Go 1.26 or later on the PATH: https://go.dev/dl/")
        command = [go, "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", target, "./python/binding"]
        subprocess.run(command, cwd=REPOSITORY, env={**os.environ, "CGO_ENABLED": "1"}, check=True)
        os.remove(os.path.splitext(target)[0] + ".h")  # of the functions, which the extension finds by name


class BuildWheel(bdist_wheel):
    """One wheel for every CPython from 3.10 on."""

    def finalize_options(self):
        self.py_limited_api = "cp310"
        super().finalize_options()


class RefuseSdist(sdist):
    """There is no source distribution: it would be this directory, without the Go module around it."""

    def run(self):
        sys.exit(
            "umadb has no source distribution of its own: it is built from its whole repository. "
            "Clone https://github.com/umadb-go/umadb and run make wheel there."
        )


refuse_platforms()
refuse_to_be_alone()
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
