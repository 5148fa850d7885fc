#!/bin/sh
# What must be true before a commit, without any service: format, lint, types, layers, templates. Seconds.
set -eu
bin=$1
"$bin/ruff" format --check --quiet . || { echo "Run: .venv/bin/ruff format ." >&2; exit 1; }
"$bin/ruff" check --quiet .
"$bin/mypy"
"$bin/lint-imports" --no-cache
"$bin/python" -m tests.emails.lint
