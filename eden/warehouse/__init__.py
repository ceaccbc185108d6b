"""The warehouse: its own tables, its lock, its tenants, and the builds of the marts."""
