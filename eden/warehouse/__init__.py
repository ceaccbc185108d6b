"""The warehouse's own ground: its tables, its lock, its tenants, and the builds of the marts."""
