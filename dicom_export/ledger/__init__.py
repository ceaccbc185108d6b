"""The export's record in the warehouse: what waits, who works on it, what the bucket holds.

See the design, section 5, "Ledger".
"""
