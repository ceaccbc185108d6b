"""The law of the dbt project, held against its manifest: layers, names, descriptions, tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dlt_pipelines.tables import TABLES
from eden.paths import PROJECT_ROOT
from tests.support.marts import contract

# dbt parses the whole project.
pytestmark = pytest.mark.slow

Node = dict[str, Any]

LAYERS = {"staging": 0, "intermediate": 1, "marts": 2}

FOREIGN_IDS_WITHOUT_TEST = {
    ("fact_studies", "patient_id"): "patients are in another system",
    ("eligible_studies", "patient_id"): "patients are in another system",
    (
        "eligible_images",
        "series_id",
    ): "series have no mart; a singular test joins what was replicated",
}
"""Why an id of a mart has no relationship test."""

BRIDGES = {"fact_study_signers": ["study_id", "practitioner_id"]}
"""Marts whose key is two ids: a unique index holds it."""

NAMES = {
    "intermediate": r"int_[a-z_]+",
    "marts": r"(dim|fact|eligible)_[a-z_]+s|doctor_rank|study_eligibility",
}

DATASET = "exposure.vlm_eden_dataset_etl.chest_dataset"
READS_THE_DATABASE = r"run_query|statement\(|load_relation|get_relation|get_columns|information_"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Parsed from nothing, with no database behind the settings."""
    target = tmp_path_factory.mktemp("dbt")
    nowhere = {
        "DESTINATION_DATABASE_HOST": "127.0.0.1",
        "DESTINATION_DATABASE_PORT": "1",
        "DESTINATION_DATABASE_NAME": "nowhere",
        "DESTINATION_DATABASE_USER": "nobody",
        "DESTINATION_DATABASE_PASS": "none",
    }
    done = subprocess.run(
        [
            Path(sys.executable).parent / "dbt",
            "parse",
            "--warn-error",
            f"--target-path={target}",
            f"--log-path={target}",
        ],
        env=os.environ | nowhere,
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    document: dict[str, Any] = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    return document


def models(manifest: dict[str, Any], layer: str | None = None) -> list[Node]:
    found = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    return [node for node in found if layer in (None, layer_of(node))]


def layer_of(node: Node) -> str:
    return str(node["fqn"][1])


def data_tests(manifest: dict[str, Any], *, generic: bool) -> Iterator[Node]:
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test" and ("test_metadata" in node) == generic:
            yield node


def has_test(manifest: dict[str, Any], model: Node, kind: str, column: str) -> bool:
    return any(
        test["attached_node"] == model["unique_id"]
        and test["column_name"] == column
        and test["test_metadata"]["name"] == kind
        for test in data_tests(manifest, generic=True)
    )


def key_of(model: Node) -> str:
    """The one column of the primary key; of a view, which has none, the one tested like a key."""
    keys = [
        name
        for name, column in model["columns"].items()
        if any(constraint["type"] == "primary_key" for constraint in column["constraints"])
    ]
    if model["config"]["materialized"] == "view":
        assert not keys, f"{model['name']}: dbt makes no constraint on a view"
        keys = list(model["columns"])[:1]
    assert len(keys) == 1, f"{model['name']}: {keys}"
    return keys[0]


def below(manifest: dict[str, Any], unique_id: str) -> set[str]:
    """Everything that hangs from a node."""
    found: set[str] = set()
    todo = [unique_id]
    while todo:
        children = set(manifest["child_map"].get(todo.pop(), ())) - found
        found |= children
        todo += children
    return found


def test_layers_read_only_what_lies_below_them(manifest: dict[str, Any]) -> None:
    for model in models(manifest):
        for parent in model["depends_on"]["nodes"]:
            if parent.startswith("source."):
                assert layer_of(model) == "staging", f"{model['name']} reads {parent}"
            elif parent.startswith("model."):
                read = manifest["nodes"][parent]
                is_sideways = layer_of(read) == layer_of(model) != "staging"
                is_below = LAYERS[layer_of(read)] < LAYERS[layer_of(model)]
                assert is_sideways or is_below, f"{model['name']} reads {read['name']}"


def test_staging_renames_one_source_table_and_nothing_else(manifest: dict[str, Any]) -> None:
    read = [model["depends_on"]["nodes"] for model in models(manifest, "staging")]
    assert all(len(nodes) == 1 and nodes[0].startswith("source.") for nodes in read)
    assert len({nodes[0] for nodes in read}) == len(read)
    for model in models(manifest, "staging"):
        assert not re.search(r"\b(join|where|group by|distinct)\b", model["raw_code"], re.I), model[
            "name"
        ]


def test_names_say_layer_and_content(manifest: dict[str, Any]) -> None:
    for model in models(manifest):
        layer = layer_of(model)
        folder = model["fqn"][2] if layer == "staging" else layer
        pattern = NAMES.get(layer, rf"stg_{folder}__[a-z_]+s")
        assert re.fullmatch(pattern, model["name"]), f"{model['name']} in {layer}"


def test_a_model_has_one_yml_beside_its_sql_with_its_unit_tests(manifest: dict[str, Any]) -> None:
    beside = {
        model["name"]: str(Path(model["original_file_path"]).with_suffix(".yml"))
        for model in models(manifest)
    }
    described = {model["name"]: model["patch_path"].split("://")[1] for model in models(manifest)}
    assert described == beside
    for test in manifest["unit_tests"].values():
        assert test["original_file_path"] == beside[test["model"]], test["name"]


def test_every_replicated_table_is_a_source(manifest: dict[str, Any]) -> None:
    pacs = {s["name"] for s in manifest["sources"].values() if s["source_name"] == "pacs"}
    assert pacs == {table.name for table in TABLES}


def test_sources_say_how_fresh_they_are(manifest: dict[str, Any]) -> None:
    for source in manifest["sources"].values():
        if source["source_name"] == "pacs" or source["name"] == "sync_heartbeats":
            assert source["freshness"]["warn_after"]["count"], source["name"]
            assert source["freshness"]["error_after"]["count"], source["name"]


def test_everything_is_described(manifest: dict[str, Any]) -> None:
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] != "test"]
    kinds = ("sources", "exposures", "groups", "macros")
    described = [node for node in nodes if node["resource_type"] != "operation"]
    for kind in kinds:
        described += manifest[kind].values()
    silent = []
    for node in described:
        if node.get("package_name") != manifest["metadata"]["project_name"]:
            continue
        if not (node.get("description") or "").strip():
            silent.append(node["unique_id"])
        columns = node.get("columns") or {}
        silent += [
            f"{node['unique_id']}.{name}"
            for name, column in columns.items()
            if not column["description"].strip()
        ]
        is_table = node["resource_type"] in ("model", "seed", "source")
        if is_table and not columns:
            silent.append(f"{node['unique_id']}: no column")
    assert silent == []


def test_every_model_says_its_grain_first(manifest: dict[str, Any]) -> None:
    for model in models(manifest):
        assert model["description"].startswith("One row per "), model["name"]


def test_what_repeats_is_described_once(manifest: dict[str, Any]) -> None:
    """A doc block that nobody uses is as wrong as a description that was copied."""
    text = "".join(
        path.read_text(encoding="utf-8") for path in (PROJECT_ROOT / "models").rglob("*.yml")
    )
    blocks = {
        doc["name"]
        for doc in manifest["docs"].values()
        if doc["package_name"] == manifest["metadata"]["project_name"]
    }
    assert blocks - {"__overview__"} == set(re.findall(r"doc\(\"(\w+)\"\)", text))


def test_every_model_is_tested(manifest: dict[str, Any]) -> None:
    tested = {test["attached_node"] for test in data_tests(manifest, generic=True)}
    seeds = [node for node in manifest["nodes"].values() if node["resource_type"] == "seed"]
    untested = {
        node["name"] for node in models(manifest) + seeds if node["unique_id"] not in tested
    }
    assert untested == set()


def test_marts_keep_a_contract_with_a_key(manifest: dict[str, Any]) -> None:
    for mart in models(manifest, "marts"):
        assert mart["config"]["contract"]["enforced"] is True, mart["name"]
        assert all(column["data_type"] for column in mart["columns"].values()), mart["name"]
        if mart["name"] in BRIDGES:
            continue
        key = key_of(mart)
        assert has_test(manifest, mart, "unique", key), mart["name"]
        is_not_null = has_test(manifest, mart, "not_null", key) or any(
            constraint["type"] == "not_null" for constraint in mart["columns"][key]["constraints"]
        )
        assert is_not_null, mart["name"]


def test_marts_of_tests_have_the_columns_of_the_contract(manifest: dict[str, Any]) -> None:
    for mart in models(manifest, "marts"):
        columns = [(name, column["data_type"]) for name, column in mart["columns"].items()]
        assert list(contract(mart["name"]).items()) == columns


def follows(model: Node) -> set[str]:
    """The tables whose changes a model follows study by study."""
    hook = "".join(hook["sql"] for hook in model["config"]["pre-hook"])
    found = set(re.findall(r"\('(\w+)',", hook))
    for names in re.findall(r"(?:by_study|seeds)=\[(.*?)\]", hook, re.S):
        found |= set(re.findall(r"'(\w+)'", names))
    return found


def tables_read(manifest: dict[str, Any], model: Node) -> set[str]:
    """The tables that a model reads, itself or through views."""
    found: set[str] = set()
    for parent in model["depends_on"]["nodes"]:
        node = manifest["nodes"].get(parent) or manifest["sources"][parent]
        if node["resource_type"] == "model" and node["config"]["materialized"] == "view":
            found |= tables_read(manifest, node)
        else:
            found.add(node["name"])
    return found


def test_a_model_follows_the_changes_of_all_that_it_reads(manifest: dict[str, Any]) -> None:
    """Itself, or a model that it follows does: that model's changes include them."""
    by_name = {model["name"]: model for model in models(manifest)}

    def covered(name: str) -> set[str]:
        found = follows(by_name[name]) if name in by_name else set()
        return found.union(*(covered(one) for one in found))

    rebuilt = [model for model in by_name.values() if follows(model)]
    assert len(rebuilt) == 6
    for model in rebuilt:
        assert tables_read(manifest, model) <= covered(model["name"]), model["name"]
        for name in follows(model) & set(by_name):
            followed = by_name[name]
            assert follows(followed) or followed["config"]["meta"]["feed_columns"], name


def test_nobody_counts_twice_for_a_study(manifest: dict[str, Any]) -> None:
    """doctor_rank counts rows: a doctor who stood twice at one study would rank too high."""
    unique = {
        mart["name"]: index["columns"]
        for mart in models(manifest, "marts")
        for index in mart["config"].get("indexes", ())
        if index.get("unique")
    }
    assert unique == BRIDGES


def test_foreign_ids_of_marts_lead_somewhere(manifest: dict[str, Any]) -> None:
    untested = set()
    for mart in models(manifest, "marts"):
        for name, column in mart["columns"].items():
            assert (column["data_type"] == "uuid") == name.endswith("_id"), f"{mart['name']}.{name}"
            is_key = mart["name"] not in BRIDGES and name == key_of(mart)
            is_foreign = name.endswith("_id") and not is_key
            if is_foreign and not has_test(manifest, mart, "relationships", name):
                untested.add((mart["name"], name))
    assert untested == set(FOREIGN_IDS_WITHOUT_TEST)


def test_an_id_whose_row_may_be_forgotten_stops_nothing(manifest: dict[str, Any]) -> None:
    """A row may hang from one of another organization, which is forgotten without it."""
    dimensions = ("dim_facilities", "dim_modalities", "dim_technicians", "dim_practitioners")
    severities = {
        node["name"]: node["config"]["severity"].lower()
        for node in data_tests(manifest, generic=True)
        if node["test_metadata"]["name"] == "relationships"
        and any(name in node["test_metadata"]["kwargs"]["to"] for name in dimensions)
    }
    assert len(severities) >= 9
    assert {name for name, severity in severities.items() if severity != "warn"} == set()


def test_no_constraint_names_another_table(manifest: dict[str, Any]) -> None:
    """dbt rebuilds the table that is named, and the constraint is gone without a word."""
    for mart in models(manifest):
        constraints = [*mart["constraints"]]
        for column in mart["columns"].values():
            constraints += column["constraints"]
        assert all(constraint["type"] != "foreign_key" for constraint in constraints), mart["name"]


def test_only_what_the_export_reads_is_public(manifest: dict[str, Any]) -> None:
    for model in models(manifest):
        is_public = model["name"].startswith("eligible_")
        assert model["access"] == ("public" if is_public else "protected"), model["name"]
        assert model["config"]["group"] == "imaging", model["name"]
    exposure = manifest["exposures"][DATASET]
    read = [manifest["nodes"][parent] for parent in exposure["depends_on"]["nodes"]]
    assert {model["name"] for model in read} == {
        model["name"] for model in models(manifest) if model["access"] == "public"
    }


def test_seeds_say_the_types_of_their_columns(manifest: dict[str, Any]) -> None:
    seeds = [node for node in manifest["nodes"].values() if node["resource_type"] == "seed"]
    assert {seed["name"] for seed in seeds} == {"chest_terms", "modality_codes"}
    for seed in seeds:
        header = (PROJECT_ROOT / seed["original_file_path"]).read_text("utf-8").splitlines()[0]
        columns = header.split(",")
        assert list(seed["columns"]) == columns
        assert list(seed["config"]["column_types"]) == columns
        assert seed["config"]["group"] == "imaging"


def test_a_macro_has_a_file_and_its_arguments_a_description(manifest: dict[str, Any]) -> None:
    ours = [
        macro
        for macro in manifest["macros"].values()
        if macro["package_name"] == manifest["metadata"]["project_name"]
    ]
    files = sorted(path.stem for path in (PROJECT_ROOT / "macros").rglob("*.sql"))
    assert sorted(macro["name"] for macro in ours) == files
    for macro in ours:
        assert Path(macro["original_file_path"]).stem == macro["name"]
        match = re.search(r"{%-?\s*macro\s+\w+\((.*?)\)\s*-?%}", macro["macro_sql"], re.S)
        assert match, macro["name"]
        given = [word.split("=")[0].strip() for word in match[1].split(",") if word.strip()]
        assert [argument["name"] for argument in macro["arguments"]] == given, macro["name"]
        assert all(argument["description"].strip() for argument in macro["arguments"]), macro[
            "name"
        ]


def test_no_model_reads_the_database_while_it_compiles(manifest: dict[str, Any]) -> None:
    for model in models(manifest):
        assert not re.search(READS_THE_DATABASE, model["raw_code"]), model["name"]


def test_singular_tests_are_sentences_that_say_what_a_failing_row_is(
    manifest: dict[str, Any],
) -> None:
    singular = list(data_tests(manifest, generic=False))
    assert len(singular) >= 11
    for test in singular:
        assert re.fullmatch(r"assert(_[a-z]+){3,}", test["name"]), test["name"]
        assert test["raw_code"].startswith("-- A failing row is "), test["name"]
        assert test["config"]["severity"].lower() == "error", test["name"]


@pytest.mark.parametrize("table", [table.name for table in TABLES])
def test_every_replicated_table_reaches_a_mart(manifest: dict[str, Any], table: str) -> None:
    reached = below(manifest, f"source.vlm_eden_dataset_etl.pacs.{table}")
    marts = {mart["unique_id"] for mart in models(manifest, "marts")}
    assert reached & marts


def test_the_lineage_leads_from_the_source_to_the_bucket(manifest: dict[str, Any]) -> None:
    """Facilities, practitioners and technicians describe studies and decide nothing: no dataset."""
    exposure = DATASET
    source = "source.vlm_eden_dataset_etl.pacs."
    reached = {table.name: below(manifest, source + table.name) for table in TABLES}
    ends_in_its_dimension = {"pacs_facilities", "pacs_practitioners", "pacs_technicians"}
    assert {name for name, nodes in reached.items() if exposure not in nodes} == (
        ends_in_its_dimension
    )
    model = "model.vlm_eden_dataset_etl.eligible_"
    for name, marts in {
        "pacs_studies": {"studies", "reports", "images"},
        "pacs_reports": {"studies", "reports", "images"},
        "pacs_images": {"studies", "images"},
        "pacs_series": {"studies", "images"},
    }.items():
        assert {model + mart for mart in marts} <= reached[name]
