"""Reads UIDs as sources write them."""

from __future__ import annotations

from pydicom.uid import UID


def stripped(uid: str) -> str:
    """Remove padding: NUL by the standard, spaces by habit."""
    return uid.strip(" \0")


def is_registered(uid: str) -> bool:
    """Whether the standard registers the UID (PS3.6, annex A), so that it identifies no one."""
    own = stripped(uid)
    return bool(own) and UID(own).name != own
