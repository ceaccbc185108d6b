"""Generated reports in three languages with an answer key, for tests and benchmarks."""

from benchmarks.report_corpus.generator import CorpusReport, generate, write
from benchmarks.report_corpus.marks import IDENTIFYING, Entity, Gold

__all__ = ["IDENTIFYING", "CorpusReport", "Entity", "Gold", "generate", "write"]
