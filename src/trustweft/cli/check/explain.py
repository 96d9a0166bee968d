"""`trustweft check explain`: one check, told; and what one check found, exchange by exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trustweft.cli.output import examples, json_option, print_json

if TYPE_CHECKING:
    from trustweft.audit.check import Check
    from trustweft.audit.redaction import ShownEvidence
    from trustweft.audit.results import Result

__all__ = ["explain", "show_result"]


@click.command(epilog=examples("trustweft check explain TK-01", "trustweft check explain DP-07 --json"))
@click.argument("check", metavar="CHECK")
@json_option
def explain(check: str, *, as_json: bool) -> None:
    """Teach one check: why it matters, what it sends, which clauses stand behind it."""
    from trustweft.audit.registry import all_checks

    found = next((each for each in all_checks() if each.id.lower() == check.lower()), None)
    if found is None:
        near = [each.id for each in all_checks() if each.id.startswith(check.upper()[:2])]
        raise click.BadParameter(
            f"no check is called {check}; there are {', '.join(near or [e.id for e in all_checks()])}",
            param_hint="CHECK",
        )
    document = _as_document(found)
    if as_json:
        print_json(document)
        return
    click.secho(f"{found.id}  {found.title}", bold=True)
    click.echo(f"\n{found.explanation}\n")
    for name, text in (
        ("Sends", found.sends),
        ("Mend", found.fix),
        ("Responsible", found.role.value),
        ("Severity", f"{found.severity} (for {found.reach} deployments), level {found.safety.value}"),
        ("Weakness", " ".join(filter(None, (found.cwe, found.owasp)))),
        ("RFC 9700 attackers", ", ".join(found.rfc9700_attackers)),
        ("FAPI attackers", ", ".join(found.fapi_attackers)),
    ):
        if text:
            click.echo(f"{name + ':':<20}{text}")
    gives = document["gives"]
    for text in gives.values() if isinstance(gives, dict) else ():
        click.echo(f"{'An attacker gets:':<20}{text}")
    if found.requirements:
        click.echo("\nClauses:")
        sentences = document["requirements"]
        for clause, sentence in sentences.items() if isinstance(sentences, dict) else ():
            click.echo(f"  {clause}  {sentence}")


def _as_document(check: Check) -> dict[str, Any]:
    from trustweft.audit.chains import gains
    from trustweft.profile import load_requirements, specification_ids

    sentences = {row.id: row.sentence for each in specification_ids() for row in load_requirements(each)}
    words = gains()
    return {
        "id": check.id,
        "title": check.title,
        "explanation": check.explanation,
        "sends": check.sends,
        "fix": check.fix,
        "role": check.role.value,
        "severity": check.severity.value,
        "level": check.safety.value,
        "binds": check.reach.value,
        "cwe": check.cwe,
        "owasp": check.owasp,
        "attackers": {"rfc9700": check.rfc9700_attackers, "fapi": check.fapi_attackers},
        "gives": {each: words[each] for each in check.gives},
        "requirements": {each: sentences[each] for each in check.requirements},
    }


def show_result(result: Result) -> None:
    """Print what one check found, with every exchange."""
    click.secho(f"{result.verdict} {result.id} {result.title}", bold=True)
    click.echo(f"  {result.reason}")
    for number, evidence in enumerate(result.evidence, start=1):
        click.secho(f"\n{number}. {evidence.kind}: {evidence.label}", bold=True)
        click.echo(_as_text(evidence))


def _as_text(evidence: ShownEvidence) -> str:
    request, response = evidence.request, evidence.response
    lines = [f"> {request.method} {request.url}"]
    lines += [f"> {name}: {value}" for name, value in request.headers]
    lines += [f"> {line}" for line in request.body.splitlines()]
    lines.append(f"< {response.status}")
    lines += [f"< {name}: {value}" for name, value in response.headers]
    lines += [f"< {line}" for line in response.body.splitlines()]
    return "\n".join(lines)
