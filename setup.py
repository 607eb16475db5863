# SPDX-License-Identifier: Apache-2.0
"""The build; what is not here is in pyproject.toml.

A wheel carries the recipes as albert/recipes, where `albert.__main__` looks
for them. In a clone they lie at the top, where a reader finds them, and
neither they nor data/ are importable there.
"""

import pathlib

import setuptools
from setuptools.command.build_py import build_py


class BuildWithRecipes(build_py):
    """A build of the package with the recipes in it."""

    def finalize_options(self):
        super().finalize_options()
        if not self.editable_mode:
            self.packages = [*self.packages, "albert.recipes"]

    def find_package_modules(self, package, package_dir):
        if package != "albert.recipes":
            return super().find_package_modules(package, package_dir)
        top = pathlib.Path()
        recipes = sorted([*top.glob("run_*.py"), *top.glob("data/*.py")])
        return [(package, path.stem, str(path)) for path in recipes]


setuptools.setup(cmdclass={"build_py": BuildWithRecipes})
