"""Takes studies out of the bucket that no longer belong there (design, section 5, "Withdrawal")."""
