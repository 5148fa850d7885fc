"""`pli invariants`: is everything in the database as it must be, and what cannot be seen from there?"""

from __future__ import annotations

import sys

import click

from service.actions import invariants as rules
from service.actions.invariants import Check
from service.cli.output import document
from service.settings import Need
from service.wiring import wire


@click.command("invariants")
@click.option("--json", "as_json", is_flag=True)
def invariants(as_json: bool) -> None:
    """Check the invariants I1 to I9 in the database; exit 1 when one is broken. Changes nothing."""
    with wire(Need.STORES).snapshot() as session:
        checks = rules.check(session)
    ok = all(check.ok for check in checks)
    if as_json:
        document({"ok": ok, "checks": [_told(check) for check in checks]})
    else:
        for check in checks:
            _tell(check)
    if not ok:
        sys.exit(1)


def _told(check: Check) -> dict[str, object]:
    return {
        "name": check.name,
        "ok": check.ok,
        "found": check.found,
        "examples": [number for fault in check.faults for number in fault.examples],
        "faults": [
            {
                "table": fault.rule.table,
                "broken": fault.rule.broken,
                "found": fault.found,
                "examples": fault.examples,
            }
            for fault in check.faults
        ],
        "rules": check.rules,
        "not_seen": check.beyond,
    }


def _tell(check: Check) -> None:
    verdict = "BROKEN" if check.faults else "ok" if check.rules else "not checked"
    click.echo(f"{check.name}  {verdict}  ({check.rules} rules)")
    for fault in check.faults:
        some = ", ".join(str(number) for number in fault.examples)
        more = ", …" if fault.found > len(fault.examples) else ""
        click.echo(f"    {fault.rule.table} {some}{more}: {fault.rule.broken} ({fault.found} found)")
    click.echo(f"    not seen from here: {check.beyond}")
