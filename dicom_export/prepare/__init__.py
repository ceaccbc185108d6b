"""Fetches, checks and de-identifies every file and report of a study before anything is sent."""
