"""What a proof says of a profile: verdicts, what is accepted, what closes an attack, and when nothing can be said."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from trustweft.profile import load_profile
from trustweft.profile.governance import Residual
from trustweft.profile.mechanisms import load_mechanisms
from trustweft.threats.corpus import corpus, with_mechanisms
from trustweft.threats.document import as_page
from trustweft.threats.explain import explain
from trustweft.threats.matrix import combinations, covering_residual, examine
from trustweft.threats.model import MODEL
from trustweft.threats.narrate import narrate
from trustweft.threats.proof import Proof, Subject, changed, prove, variants
from trustweft.threats.setting import SMALLEST, Setting
from trustweft.threats.solve import honest, search
from trustweft.threats.traces import Event, Trace

if TYPE_CHECKING:
    from trustweft.profile.governance import Goal

FAPI2 = load_profile("fapi2-security")
SUBJECT = Subject(
    name=FAPI2.name,
    title=FAPI2.title,
    mechanisms=frozenset(FAPI2.mechanisms.on),
    residuals=tuple(FAPI2.residuals),
    requirements=frozenset(row.id for row in FAPI2.requirements),
)
REGISTRY = load_mechanisms()


def proof_of(*attackers: str, without: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> Proof:
    """Examine the FAPI 2.0 profile with changes, in the fewest sessions."""
    subject = changed(SUBJECT, without=without, more=more, registry=REGISTRY)
    return prove(subject, attackers=("a1", *attackers), bound=SMALLEST)


def test_an_attack_is_accepted_only_by_the_residual_that_names_it() -> None:
    """With the residual the profile is secure; without it the same finding is an attack."""
    with_residual = proof_of("a5")
    assert [cell.verdict for cell in with_residual.cells if cell.findings] == ["accepted"]
    assert with_residual.secure
    bare = Subject(name="bare", title="Bare", mechanisms=SUBJECT.mechanisms)
    without_residual = prove(bare, attackers=("a1", "a5"), bound=SMALLEST)
    assert [cell.verdict for cell in without_residual.cells if cell.findings] == ["attack"]
    assert not without_residual.secure


@pytest.mark.parametrize("accepted", ["mix-up", "mix-up-chosen-challenge"])
@pytest.mark.parametrize("goal", ["authorization", "authentication"])
def test_an_accepted_attack_does_not_hide_another_that_looks_like_it(accepted: str, goal: Goal) -> None:
    """Both mix-ups are the same kinds of steps; only what the code is bound to tells them apart."""
    residual = Residual(
        attackers=("a1a",), goal=goal, attack=accepted, condition="always", section="ours", reason="a test"
    )
    mechanisms = with_mechanisms(
        SUBJECT.mechanisms - {"par", "pkce_req", "iss", "refresh"},
        ["state", "nonce", "exact_ruri", "sc=mtls"],
    )
    cells = examine(mechanisms, attackers=("a1", "a1a"), goals=(goal,), bound=SMALLEST, residuals=(residual,))
    (harmed,) = (cell for cell in cells if cell.findings)
    assert harmed.verdict == "attack"
    assert {"mix-up", "mix-up-chosen-challenge"} - {accepted} <= {each.name for each in harmed.findings}


@pytest.mark.parametrize(
    ("name", "goal", "attackers"),
    [
        (None, "authorization", {"a1", "a5"}),
        ("cuckoo", "authorization", {"a1", "a5"}),  # accepted only of attackers who run a server as well
        ("proof-replay", "authentication", {"a1", "a5"}),
        ("proof-replay", "authorization", {"a1"}),
    ],
)
def test_a_residual_covers_nothing_but_its_goal_attackers_and_name(
    name: str | None, goal: str, attackers: set[str]
) -> None:
    """An attack without a name, on another goal, or by weaker attackers is not what was accepted."""
    found = covering_residual(
        goal=goal, name=name, attackers=frozenset(attackers), residuals=SUBJECT.residuals
    )
    assert found is None


def test_each_fix_closes_the_attack_and_leaves_the_honest_flow() -> None:
    """Without the issuer in answers there is mix-up; every fix that is offered closes it for all attackers and goals."""
    broken = proof_of("a1a", without=("iss",))
    attack = next(each for each in broken.attacks if each.goal == "authentication")
    assert attack.name == "mix-up-chosen-challenge"
    fixes = broken.closing(attack)
    assert ("iss",) in {fix.mechanisms for fix in fixes}
    assert [fix.cost for fix in fixes] == sorted(fix.cost for fix in fixes)
    for fix in fixes:
        mended = with_mechanisms(attack.mechanisms, fix.mechanisms)
        setting = Setting(mended, attack.attackers)
        assert search(setting, "authentication") is None, fix
        assert honest(setting)["honest flow"] is not None, fix
    assert broken.missing(attack) == ("FAPI2-SP-5.3.2.2-7", "FAPI2-SP-5.3.3.2-5")


def test_a_fix_keeps_the_goal_that_it_brings() -> None:
    """Signed responses close mix-up, and promise that nobody can deny a message: without signed requests that is false."""
    broken = proof_of("a1a", without=("iss",))
    offered = {fix.mechanisms for fixes in broken.fixes.values() for fix in fixes}
    assert ("iss",) in offered
    assert ("jarm",) not in offered
    for fix in offered:
        assert proof_of("a1a", without=("iss",), more=fix).secure, fix


def test_who_follows_message_signing_cannot_switch_non_repudiation_away() -> None:
    """The goal follows from the clauses, so that a profile that signs nothing is not held to less."""
    signing = frozenset(row.id for row in load_profile("fapi2-message-signing").requirements)
    proof = prove(replace(SUBJECT, requirements=signing), attackers=("a1",), bound=SMALLEST)
    assert {finding.name for finding in proof.attacks} >= {"request-denied"}
    assert not proof.secure


def test_a_clause_of_another_practice_is_named_where_the_profile_has_none() -> None:
    """A cheaper fix that RFC 9700 asks for gives way to what the profile's own text asks for, and to nothing else."""
    broken = proof_of("a1a", without=("iss",))
    attack = next(each for each in broken.attacks if each.goal == "authentication")
    elsewhere = replace(broken, subject=replace(broken.subject, requirements=frozenset()))
    assert "RFC9700-4.4.2.2-p1" in elsewhere.missing(attack)


def test_a_profile_with_which_nobody_can_log_in_is_invalid_not_secure() -> None:
    """The server asks for a challenge that the client does not send."""
    mechanisms = SUBJECT.mechanisms - {"pkce"}
    proof = prove(
        Subject(name="vacuous", title="Vacuous", mechanisms=mechanisms), attackers=("a1",), bound=SMALLEST
    )
    assert "honest flow" in proof.impossible
    assert not proof.secure
    assert proof.cells == ()


def test_what_requires_a_mechanism_goes_with_it() -> None:
    """Without PKCE nothing can ask for it, so that what is found is an attack and not an empty profile."""
    proof = proof_of(without=("pkce",))
    assert "pkce_req" not in proof.subject.mechanisms
    assert not proof.impossible
    assert {each.name for each in proof.attacks} == {"csrf"}


def test_every_choice_that_a_profile_leaves_is_examined() -> None:
    """Two kinds with an alternative each make four variants; a plain mechanism is on or off."""
    found = variants(frozenset({"auth=pkjwt", "sc=dpop"}), ("auth=mtls", "sc=mtls"))
    assert {tuple(sorted(each)) for each in found} == {
        ("auth=pkjwt", "sc=dpop"),
        ("auth=mtls", "sc=dpop"),
        ("auth=pkjwt", "sc=mtls"),
        ("auth=mtls", "sc=mtls"),
    }
    assert set(variants(frozenset({"iss"}), ("jarm",))) == {frozenset({"iss"}), frozenset({"iss", "jarm"})}


def test_all_sets_of_attackers_have_the_web_attacker_in_them() -> None:
    assert combinations(("a1", "a1a", "a5")) == [("a1",), ("a1", "a1a"), ("a1", "a5"), ("a1", "a1a", "a5")]


def test_the_document_for_machines_has_its_fields_and_no_others() -> None:
    document = proof_of("a1a", without=("iss",)).as_document()
    assert set(document) == {"profile", "bound", "cells", "assumptions"}
    for cell in document["cells"]:
        assert set(cell) == {"attackers", "goal", "verdict", "attack", "trace", "fixes"}
        assert (cell["verdict"] == "none") == (cell["attack"] is None and cell["trace"] == [])


def test_the_page_says_the_verdict_first_and_draws_every_attack() -> None:
    """And it loads nothing from anywhere."""
    proof = proof_of("a1a", "a3a", without=("iss",))
    page = as_page(proof)
    assert page.index("Attacks found with at most 2 client sessions") < page.index("<table>")
    assert page.count("<svg") == len(proof.attacks)
    assert not re.search(r"<script|(src|href)=", page)
    for row in ("request-leak", "FAPI2-SP-6.4", "honest flow"):
        assert row in page


def test_every_step_of_the_model_is_told_in_a_sentence() -> None:
    """A step without one would stand in a report by its name in the model."""
    telling = {"visits": "via(s1)", "callback": "via(i1)"}
    values = {
        "opens": ("s1", "d"),
        "start": ("s1", "has"),
        "spend": ("s1", "par", "push(j1)"),
        "pushed": ("j1", "c", "rc", "none", "h(s2)", "none"),
        "visits": ("i1", "c", "rc(aas)", "st(s1)", "h(e)", "n(s1)", telling["visits"]),
        "callback": ("s1", "code(i1)", "none", "none", "has", telling["callback"]),
        "injected": ("s1", "aas", "i1"),
        "redeem": ("i1", "s1", "has"),
        "stolen_redeem": ("i1", "c"),
        "use": ("s1", "has", "i1"),
        "use_elsewhere": ("s1", "i1"),
        "steal": ("i1", "proof"),
        "user": ("i1", "alice"),
        "asks": ("s2", "alice"),
        "types_code": ("s2", "alice"),
        "denies": ("link", "i1"),
    }
    steps = {head.name for rule in MODEL if rule.kind == "step" for head in rule.heads}
    for name in steps:
        arguments = values.get(name, ("s1",))
        (line,) = narrate(Trace((Event(name, arguments),)))
        assert line.text.endswith("."), name
        assert not line.text.startswith("Then:"), name


def test_a_known_attack_is_explained_with_a_trace_that_is_found_now() -> None:
    told = explain("mix-up")
    assert told["attackers"] == ["a1", "a1a"]
    assert ["iss"] in told["closed_by"]
    assert told["trace"][0] == "Alice starts flow 1 at the client and picks the attacker's server."
    with pytest.raises(LookupError, match="no known attack"):
        explain("no-such-attack")
    assert all(attack.id for attack in corpus().attack)
