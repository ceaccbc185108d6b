"""Scripts for developers; nothing here is imported by the packages."""
