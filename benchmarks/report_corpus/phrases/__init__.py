"""What radiologists write, by language, and what was held out once from the work on the rules.

``{field}`` is filled by ``benchmarks.report_corpus.writer``; ``«a|b»`` is one of the alternatives.
"""
