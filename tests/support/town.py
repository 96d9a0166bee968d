"""A small ecosystem in a register: a bank with a brand and an API, and an application that reads accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.directory.commands import Add, Move, NoteRegistration
from trustweft.directory.deciding import decide
from trustweft.directory.events import Actor
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.objects import (
    Api,
    Authorisation,
    Brand,
    Certificate,
    Certification,
    Key,
    Organisation,
    Role,
    Software,
    User,
)
from trustweft.directory.register import Register
from trustweft.directory.rights import Question
from trustweft.directory.terms import Terms

if TYPE_CHECKING:
    from trustweft.directory.commands import Command
    from trustweft.directory.events import Event
    from trustweft.directory.objects import Facts

OPERATOR: Final = Actor(id="olga", part="operator")
SECOND: Final = Actor(id="otto", part="operator")
AUTHORITY: Final = Actor(id="anna", part="authority")
AUDITOR: Final = Actor(id="ada", part="auditor")
MINE: Final = Actor(id="mia", part="administrator", organisation="moneyview")

START: Final = 1_800_000_000.0
YEAR: Final = 31_536_000.0
KEY: Final = "K" * 43
CERTIFICATE: Final = "C" * 43
TERMS: Final = Terms(
    refuse_by_push=5,
    refuse_by_poll=60,
    clean_up=300,
    compromise=5,
    retention=63_072_000,
    certified=frozenset(("software", "brand")),
)
QUESTION: Final = Question(
    software="moneyview",
    role="moneyview~reader",
    brand="harbour-bank",
    key=KEY,
    api="accounts",
    resource="accounts",
    certificate=CERTIFICATE,
)

# Each subject, its facts, and how it comes to life; parents come first.
TOWN: Final[tuple[tuple[str, Facts, tuple[str, ...]], ...]] = (
    ("organisation:harbour-bank", Organisation(name="Harbour Bank"), ("verify", "sign-terms", "activate")),
    ("organisation:moneyview", Organisation(name="MoneyView"), ("verify", "sign-terms", "activate")),
    ("user:mia", User(organisation="moneyview", name="Mia"), ("activate",)),
    (
        "role:moneyview~reader",
        Role(organisation="moneyview", role="reader", apis=("accounts", "balances")),
        ("grant",),
    ),
    ("role:moneyview~payer", Role(organisation="moneyview", role="payer", apis=("payments",)), ("grant",)),
    (
        "brand:harbour-bank",
        Brand(organisation="harbour-bank", name="Harbour", issuer="https://harbour.example"),
        ("certify",),
    ),
    (
        "certification:harbour",
        Certification(
            covers="brand:harbour-bank",
            method="conformance",
            run="plan-1",
            tested_at=START,
            valid_until=START + YEAR,
        ),
        ("accept",),
    ),
    ("software:moneyview", Software(organisation="moneyview", name="MoneyView"), ("certify",)),
    (
        "certification:moneyview",
        Certification(
            covers="software:moneyview",
            method="check",
            run="run-1",
            tested_at=START,
            valid_until=START + YEAR,
        ),
        ("accept",),
    ),
    (f"key:{KEY}", Key(owner="software:moneyview", valid_until=START + 2 * YEAR), ("activate",)),
    (
        f"certificate:{CERTIFICATE}",
        Certificate(owner="software:moneyview", key=KEY, valid_until=START + 2 * YEAR),
        ("issue",),
    ),
)
AFTER: Final[tuple[tuple[str, Facts, tuple[str, ...]], ...]] = (
    ("api:accounts", Api(brand="harbour-bank", family="accounts"), ("certify", "list")),
    (
        "api:moneyview~accounts",
        Authorisation(software="moneyview", api="accounts", role="moneyview~reader"),
        ("grant",),
    ),
    (
        "api:moneyview~payments",
        Authorisation(software="moneyview", api="payments", role="moneyview~payer"),
        ("grant",),
    ),
)


class Town:
    """A register that time passes in: one second before each command."""

    def __init__(self, terms: Terms = TERMS) -> None:
        self.register = Register()
        self.terms = terms
        self.now = START

    def do(self, command: Command, actor: Actor = OPERATOR) -> tuple[Event, ...]:
        """Carry a command out a second later."""
        self.now += 1
        events = decide(self.register.now, command, actor=actor, now=self.now, terms=self.terms)
        self.register.take(events)
        return events

    def move(self, subject: str, action: str, actor: Actor = OPERATOR, reason: str = "because") -> None:
        """Take one arrow."""
        self.do(Move(subject=parse_subject(subject), action=action, reason=reason), actor)

    def enter(self, subject: str, facts: Facts, *actions: str) -> None:
        """Add something and bring it to life."""
        self.do(Add(subject=parse_subject(subject), facts=facts))
        for action in actions:
            self.move(subject, action)

    def note(self, client_id: str) -> None:
        """Note the application's registration at the bank."""
        software, brand = parse_subject("software:moneyview"), parse_subject("brand:harbour-bank")
        self.do(NoteRegistration(software=software, brand=brand, client_id=client_id))


def make_town(terms: Terms = TERMS) -> Town:
    """Return the ecosystem with everything in it active."""
    town = Town(terms)
    settle(town)
    return town


def settle(town: Town) -> None:
    """Enter the bank and the application, and bring everything to life."""
    for subject, facts, actions in TOWN:
        town.enter(subject, facts, *actions)
    town.move("brand:harbour-bank", "list")
    town.move("software:moneyview", "go-live")
    for subject, facts, actions in AFTER:
        town.enter(subject, facts, *actions)
