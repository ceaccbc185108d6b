"""The ledger of the export: every study's state, leases and objects (design, section 5).

Every change of a study is one transaction, made only by the owner of its lease. Time is always the
database's time.
"""

from __future__ import annotations

from dicom_export.ledger.claims import Claims
from dicom_export.ledger.contents import Contents
from dicom_export.ledger.endings import Endings
from dicom_export.ledger.results import Results
from dicom_export.ledger.withdrawals import Withdrawals


class Ledger(Claims, Contents, Endings, Withdrawals, Results):
    """Reads and writes the ledger, a chapter per base class. Threads share it."""
