"""One study from its sources to the bucket: prepare all of it, then publish (design, section 5)."""

from __future__ import annotations

from dataclasses import dataclass

from dicom_export.blobs import Budget, Workspace
from dicom_export.deidentify import Deidentifier
from dicom_export.ledger.leases import Lease
from dicom_export.ledger.ledger import Ledger
from dicom_export.model import EligibleStudy, StudyOutcome
from dicom_export.prepare.study import prepare
from dicom_export.publish.bucket import Bucket
from dicom_export.publish.study import publish
from dicom_export.publish.study_objects import StudyObjects
from dicom_export.sources import Sources
from eden import logs


@dataclass(frozen=True, slots=True)
class Exporter:
    """Exports single studies; all studies of a run share it, in several threads."""

    sources: Sources
    deidentifier: Deidentifier
    bucket: Bucket
    ledger: Ledger
    budget: Budget
    policy: str | None = None
    """The export's policy of today; objects that were sent under another one are replaced."""

    def export_study(self, study: EligibleStudy, lease: Lease) -> StudyOutcome:
        """Export one study; the caller writes the outcome into the ledger.

        Raises:
            LeaseLost: another worker took the study over; this one stopped writing.
        """
        with (
            logs.about(study_id=study.study_id, organization_id=study.organization_id),
            Workspace(self.budget) as workspace,
        ):
            prepared = prepare(study, self.sources, self.deidentifier, workspace)
            objects = StudyObjects(self.bucket, self.ledger, lease)
            return publish(prepared, objects, workspace, self.policy)
