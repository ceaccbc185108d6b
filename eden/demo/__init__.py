"""A generated hospital group: the source database and image archive of the demo and the tests."""
