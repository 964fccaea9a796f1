"""Map the top-level folders onto one import package: `harness/` is `optathlon`, the others its sub-packages."""

from setuptools import find_packages, setup

FOLDERS = ("optimizers", "tasks", "subsets", "analysis", "archive", "configs")
package_dir = {"optathlon": "harness"} | {f"optathlon.{folder}": folder for folder in FOLDERS}
packages = [
    name
    for package, folder in package_dir.items()
    for name in (package, *(f"{package}.{sub}" for sub in find_packages(folder)))
]
setup(package_dir=package_dir, packages=packages)
