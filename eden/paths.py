"""Where the project's own files lie."""

from __future__ import annotations

from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
"""The folder of dbt_project.yml, .env and README.md."""
