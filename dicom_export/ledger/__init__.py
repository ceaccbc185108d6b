"""The export's record in the warehouse: the queue, the leases, the objects of the bucket.

See the design, section 5, "Ledger".
"""
