"""dbt's own tests: every rule against made-up rows, every mart against the replicated ones."""

from __future__ import annotations

import dlt_pipelines
from eden.demo.hospital import Hospital
from eden.settings import DestinationDatabase, load
from eden.warehouse import builds
from eden.warehouse.dbt import run_dbt
from tests.conftest import Services


def test_the_unit_tests_of_the_models_pass(services: Services) -> None:
    warehouse = load(DestinationDatabase)
    run_dbt(["build", "--selector", "tick"], warehouse)
    assert run_dbt(["test", "--selector", "unit_tests"], warehouse).passed >= 18


def test_the_data_tests_pass_on_what_is_rebuilt_study_by_study(
    services: Services, hospital: Hospital
) -> None:
    dlt_pipelines.etl()
    with services.source() as source:
        source.execute(
            "UPDATE pacs_studies SET dicom_description = 'MANO', updated_at = now() WHERE migrated"
        )
        source.execute(
            "UPDATE pacs_reports SET is_active = false, updated_at = now() "
            "WHERE id IN (SELECT id FROM pacs_reports ORDER BY id LIMIT 20)"
        )
    assert dlt_pipelines.etl().build.built
    assert builds.check_data() > 60
