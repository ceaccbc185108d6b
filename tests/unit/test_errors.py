"""The tree of errors at the head of ``eden/errors.py`` is that of the classes."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import dicom_export
import dlt_pipelines
import eden
import eden_cli
import flows
from eden import errors
from eden.errors import EdenError

PACKAGES = (eden, dlt_pipelines, dicom_export, flows, eden_cli)


def subclasses(kind: type[EdenError]) -> set[type[EdenError]]:
    return {kind}.union(*(subclasses(each) for each in kind.__subclasses__()))


@pytest.fixture(scope="module")
def classes() -> dict[str, type[EdenError]]:
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    return {
        kind.__name__: kind
        for kind in subclasses(EdenError)
        if kind.__module__.split(".")[0] in {package.__name__ for package in PACKAGES}
    }


def test_the_tree_of_errors_names_every_class_with_its_code(
    classes: dict[str, type[EdenError]],
) -> None:
    assert errors.__doc__
    drawn = dict(re.findall(r"[├└]── (\w+)\s+([\w., ]+)$", errors.__doc__, re.MULTILINE))
    assert {"EdenError", *drawn} == set(classes)
    for name, remark in drawn.items():
        kind = classes[name]
        assert kind.code in remark or kind.code == kind.__base__.code, name
        assert ("exit code 2" in remark) == (kind.exit_code == 2), name
        if kind.__module__ not in ("eden.errors", "dicom_export.errors"):
            assert kind.__module__ in remark, name


def test_every_error_has_a_code_of_its_own(classes: dict[str, type[EdenError]]) -> None:
    own = [kind.code for kind in classes.values() if "code" in vars(kind)]
    assert len(own) == len(set(own))
