"""Taking the steps of on-boarding, each as often as one likes: what is so already is left as it is.

The command line and the first start of an ecosystem take them through this, so that whoever is interrupted goes on
where it ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from trustweft.directory.commands import Add, Amend, Move
from trustweft.directory.identifiers import parse_subject, role_subject, species_of
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.objects import Key, Organisation

if TYPE_CHECKING:
    from trustweft.directory.commands import Command
    from trustweft.directory.events import Actor, Event
    from trustweft.directory.identifiers import Subject
    from trustweft.directory.keeper import Keeper
    from trustweft.directory.objects import Certificate, Certification, Facts, Role
    from trustweft.directory.snapshot import Snapshot

__all__ = ["Enrolment"]


class Enrolment:
    """One person's hand in on-boarding; every method returns the events that it led to, none where all was so already.

    Every method raises what the domain refuses (``register.*``), and ``store.unavailable``.

    Args:
        keeper: carries the commands out.
        actor: who acts.
    """

    def __init__(self, keeper: Keeper, *, actor: Actor) -> None:
        self._keeper = keeper
        self._actor = actor

    async def snapshot(self) -> Snapshot:
        """Return what is so, with what others did meanwhile."""
        return (await self._keeper.read()).now

    async def enter(self, subject: Subject, facts: Facts, *, reason: str = "") -> tuple[Event, ...]:
        """Enter something; another thing of the same name is refused."""
        known = (await self.snapshot()).get(subject)
        if known is not None and known.facts == facts:
            return ()
        return await self._do(Add(subject=subject, facts=facts, reason=reason))

    async def amend(self, subject: Subject, facts: Facts, *, reason: str = "") -> tuple[Event, ...]:
        """Change what is known of something."""
        if (await self.snapshot()).find(subject).facts == facts:
            return ()
        return await self._do(Amend(subject=subject, facts=facts, reason=reason))

    async def advance(
        self, subject: Subject, action: str, *, evidence: str = "", reason: str = ""
    ) -> tuple[Event, ...]:
        """Take an arrow, or propose it where two people decide.

        Nothing happens where the subject is where the arrow leads, or the same waits for a second person already.
        """
        now = await self.snapshot()
        record = now.find(subject)
        targets = {each.target for each in LIFECYCLES[record.species].arrows if each.action == action}
        proposed = any(
            (each.subject, each.action) == (str(subject), action) for each in now.proposals.values()
        )
        if record.state in targets or proposed:
            return ()
        return await self._do(Move(subject=subject, action=action, reason=reason, evidence=evidence))

    async def sign_terms(self, organisation: Subject, *, terms: str, evidence: str = "") -> tuple[Event, ...]:
        """Note which version of the terms an organisation signed."""
        record = (await self.snapshot()).find(organisation)
        done: tuple[Event, ...] = ()
        if isinstance(record.facts, Organisation) and record.facts.terms != terms:
            facts = msgspec.structs.replace(record.facts, terms=terms)
            done = await self._do(Amend(subject=organisation, facts=facts, reason="signed the terms"))
        return done + await self.advance(organisation, "sign-terms", evidence=evidence or f"terms {terms}")

    async def role(self, facts: Role, *, evidence: str = "") -> tuple[Event, ...]:
        """Request a role; where whoever asks may grant it, and the organisation takes part, it is granted too."""
        subject = role_subject(organisation=facts.organisation, role=facts.role)
        known = (await self.snapshot()).get(subject)
        # Whoever asks again need not say again what the role permits.
        said = known.facts if known is not None and not facts.apis and not facts.authority else facts
        return await self.enter_and(subject, said, then="grant", evidence=evidence)

    async def enter_and(
        self, subject: Subject, facts: Facts, *, then: str, evidence: str = ""
    ) -> tuple[Event, ...]:
        """Enter something; where whoever asks may, and what it depends on is active, take an arrow at once."""
        done = await self.enter(subject, facts)
        now = await self.snapshot()
        ready = all(now.effective(parent).active for parent in now.find(subject).parents)
        if not ready or not self._may(subject, then):
            return done
        return done + await self.advance(subject, then, evidence=evidence)

    async def key(self, thumbprint: str, facts: Key, *, proof: str = "") -> tuple[Event, ...]:
        """Announce a key; with a ``proof`` of possession, which was verified before, it becomes active."""
        subject = parse_subject(f"key:{thumbprint}")
        known = (await self.snapshot()).get(subject)
        ours = known is not None and isinstance(known.facts, Key) and known.facts.owner == facts.owner
        done = () if ours else await self.enter(subject, facts)
        return done + await self.advance(subject, "activate", evidence=proof) if proof else done

    async def certificate(self, thumbprint: str, facts: Certificate, *, evidence: str) -> tuple[Event, ...]:
        """Enter a certificate, which was checked before; where whoever asks may, it becomes valid."""
        subject = parse_subject(f"certificate:{thumbprint}")
        done = await self.enter(subject, facts)
        return (
            done + await self.advance(subject, "issue", evidence=evidence)
            if self._may(subject, "issue")
            else done
        )

    async def certify(self, identifier: str, facts: Certification) -> tuple[Event, ...]:
        """Attach a run that was judged before; where whoever asks may, it counts, and so does what it covers."""
        subject, covered = parse_subject(f"certification:{identifier}"), parse_subject(facts.covers)
        done = await self.enter(subject, facts)
        if not self._may(subject, "accept"):
            return done
        done += await self.advance(subject, "accept", evidence=facts.digest or facts.run)
        record = (await self.snapshot()).find(covered)
        if LIFECYCLES[record.species].arrow(source=record.state, action="certify") is not None:
            done += await self.advance(covered, "certify", evidence=str(subject))
        return done

    def _may(self, subject: Subject, action: str) -> bool:
        """Tell whether a part may take an arrow at all; whether it is let is decided when it does."""
        arrows = LIFECYCLES[species_of(subject)].arrows
        return any(each.action == action and self._actor.part in each.who for each in arrows)

    async def _do(self, command: Command) -> tuple[Event, ...]:
        return await self._keeper.carry_out(command, actor=self._actor)
