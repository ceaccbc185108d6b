"""Reads the marts and the ledger for people: one study, the funnel, a dry run. Writes nothing."""
