"""The rules of scrubbing: a module per chapter, each with patterns for the folded text.

Where a rule could hurt a clinical sentence, the reason for its limits stands beside it.
"""

RULES_VERSION = "9"
"""Changes with every change of a rule or of a word list: the export sends reports anew then."""
