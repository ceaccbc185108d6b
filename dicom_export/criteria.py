"""The six criteria of eligibility in words (design, section 4, "Eligible").

``models/marts/study_eligibility.sql`` decides them, one boolean column per criterion. To add a
criterion, add its column there and its words here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EligibilityCriterion:
    """One criterion's column and its wordings."""

    column: str
    """Of ``analytics.study_eligibility``."""
    title: str
    """The criterion as ``eden explain`` lists it."""
    failure: str
    """The reason of a study that does not meet it."""
    step: str
    """The studies that meet this criterion and all before it, in a funnel."""


CRITERIA = (
    EligibilityCriterion(
        "has_eligible_modality",
        title="modality of the dataset",
        failure="its modality is not one of the dataset's",
        step="modality CR or DX",
    ),
    EligibilityCriterion(
        "is_chest",
        title="chest study",
        failure="it is not a chest study",
        step="of the chest",
    ),
    EligibilityCriterion(
        "has_signed_report",
        title="signed report",
        failure="it has no signed report",
        step="with a signed report",
    ),
    EligibilityCriterion(
        "has_ranked_signer",
        title="signed by a doctor of the chosen ranks",
        failure="no doctor of the chosen ranks signed a report of it",
        step="by a doctor of the chosen ranks",
    ),
    EligibilityCriterion(
        "is_not_demo",
        title="organization that is no demo",
        failure="its organization is a demo",
        step="not of a demo organization",
    ),
    EligibilityCriterion(
        "is_not_migrated",
        title="not migrated from an older PACS",
        failure="it was migrated from an older PACS",
        step="not migrated: eligible",
    ),
)
"""In the order of the design."""

FAILED_CRITERIA = f"""array_remove(ARRAY[{
    ", ".join(f"CASE WHEN NOT j.{each.column} THEN '{each.column}' END" for each in CRITERIA)
}], NULL)"""
"""The columns of the criteria that a study fails, in SQL; ``j`` is ``study_eligibility``."""
