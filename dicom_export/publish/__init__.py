"""Puts a prepared study into the bucket, ``metadata.json`` last (design, section 5)."""
