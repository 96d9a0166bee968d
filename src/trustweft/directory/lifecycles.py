"""The tables: each kind's states and legal transitions. What is not here is refused.

Withdrawn is what a participant does by itself, revoked what an authority does to it; suspended can be taken back, and
nothing else that ends a right can. Whoever was stopped and wants to come back is entered anew.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from trustweft.directory.lifecycle import Arrow, Lifecycle, OrderAction, Part, State

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LIFECYCLES", "ORDERED"]

# Actions that stop somebody, or let them go on, and what the order says that participants carry out and receipt.
ORDERED: Final[Mapping[str, OrderAction]] = MappingProxyType(
    {
        "suspend": "suspend",
        "lock": "suspend",  # why somebody is suspended is nothing to participants
        "withdraw": "withdraw",
        "revoke": "revoke",
        "lapse": "lapse",
        "compromise": "compromise",
        "retire": "retire",
        "resume": "resume",
    }
)

_OPERATOR: Final[tuple[Part, ...]] = ("operator",)
_OWNER: Final[tuple[Part, ...]] = ("operator", "administrator")
_OVERSIGHT: Final[tuple[Part, ...]] = ("operator", "authority")
_ANYBODY: Final[tuple[Part, ...]] = ("operator", "administrator", "authority")
_BY_TIME: Final[tuple[Part, ...]] = ("directory", "operator", "authority")

_WAITING: Final = State()
_GOOD: Final = State(effect="active")
_STOPPED: Final[Mapping[str, State]] = {
    "suspended": State(effect="suspended", cause="suspended"),
    "withdrawn": State(effect="ended", cause="withdrawn"),
    "revoked": State(effect="ended", cause="revoked"),
    "lapsed": State(effect="ended", cause="lapsed"),
}
_ARCHIVED: Final = State(effect="ended")  # for the cause that it ended for
# Where it takes part from. What nobody certified is not called certified; whether it may is a need of the arrow, which
# the profile decides.
_ENTRANCES: Final[Mapping[str, tuple[str, ...]]] = {
    "brand": ("declared", "certified"),
    "api": ("declared", "certified"),
    "software": ("draft", "certified", "registered"),
}


def _arrow(
    source: str, action: str, target: str, who: tuple[Part, ...], evidence: str, **more: object
) -> Arrow:
    return Arrow(source=source, action=action, target=target, who=who, evidence=evidence, **more)  # type: ignore[arg-type]  # the named fields of an arrow


def _rejections(*waiting: str) -> tuple[Arrow, ...]:
    """Return how what never took part is turned away: it holds no name any more, and nobody is told of it."""
    return tuple(
        _arrow(each, "reject", "rejected", _OVERSIGHT, "why it was not admitted") for each in waiting
    )


def _endings(*running: str, back: str, withdraws: tuple[Part, ...] = _OWNER) -> tuple[Arrow, ...]:
    """Return how what is ``running`` is suspended, taken up again at ``back``, and ended in each way.

    What goes on is at ``back``, also where it had given notice or was degraded: that is said anew.
    """
    oversight = "finding, with who decided"
    return (
        *(
            _arrow(each, "suspend", "suspended", (*_ANYBODY, "directory"), oversight, two_people=True)
            for each in running
        ),
        _arrow("suspended", "resume", back, _OVERSIGHT, "what removed the cause", two_people=True),
        *(
            arrow
            for each in (*running, "suspended")
            for arrow in (
                _arrow(
                    each, "withdraw", "withdrawn", withdraws, "notice of the participant", two_people=True
                ),
                _arrow(each, "revoke", "revoked", _OVERSIGHT, "decision of the authority", two_people=True),
                _arrow(each, "lapse", "lapsed", _BY_TIME, "the date that has passed", two_people=True),
            )
        ),
        *(
            _arrow(each, "archive", "archived", _BY_TIME, "when it ended", needs=("retention",))
            for each in ("withdrawn", "revoked", "lapsed")
        ),
    )


_ORGANISATION: Final = Lifecycle(
    name="organisation",
    title="Organisation",
    adds=("operator", "directory"),
    states={
        "applied": _WAITING,
        "verified": _WAITING,
        "contracted": _WAITING,
        "active": _GOOD,
        "withdrawing": _GOOD,
        **_STOPPED,
        "rejected": _WAITING,
        "archived": _ARCHIVED,
    },
    arrows=(
        _arrow("applied", "verify", "verified", _OPERATOR, "identity and entry in the register of licences"),
        _arrow("verified", "sign-terms", "contracted", _OWNER, "signed terms"),
        _arrow(
            "contracted", "activate", "active", _OPERATOR, "who admitted it, and on what", two_people=True
        ),
        *(
            _arrow(each, "reject", "rejected", _OVERSIGHT, "why it was not admitted")
            for each in ("applied", "verified", "contracted")
        ),
        _arrow(
            "active",
            "give-notice",
            "withdrawing",
            _OWNER,
            "notice, with the day on which it leaves",
            two_people=True,
        ),
        _arrow("withdrawing", "take-back-notice", "active", _OWNER, "the notice taken back"),
        *_endings("active", "withdrawing", back="active", withdraws=(*_OWNER, "directory")),
    ),
)

_ROLE: Final = Lifecycle(
    name="role",
    title="Role of an organisation",
    adds=_OWNER,
    states={"requested": _WAITING, "active": _GOOD, **_STOPPED, "rejected": _WAITING, "archived": _ARCHIVED},
    arrows=(
        _arrow(
            "requested",
            "grant",
            "active",
            _OVERSIGHT,
            "entry in the authority's register",
            needs=("parents",),
            two_people=True,
        ),
        _arrow("requested", "reject", "rejected", _OVERSIGHT, "why it was not granted"),
        *_endings("active", back="active"),
    ),
)

_BRAND: Final = Lifecycle(
    name="brand",
    title="Authorization server (brand)",
    adds=_OWNER,
    states={
        "declared": _WAITING,
        "certified": _WAITING,
        "listed": _GOOD,
        "degraded": _GOOD,
        **_STOPPED,
        "rejected": _WAITING,
        "archived": _ARCHIVED,
    },
    arrows=(
        _arrow("declared", "certify", "certified", _OPERATOR, "run of the auditor or conformance result"),
        *(
            _arrow(
                each,
                "list",
                "listed",
                _OPERATOR,
                "proof of its keys and its certification",
                needs=("parents", "certification"),
                two_people=True,
            )
            for each in _ENTRANCES["brand"]
        ),
        *_rejections(*_ENTRANCES["brand"]),
        _arrow("listed", "degrade", "degraded", (*_OWNER, "directory"), "measured availability"),
        _arrow("degraded", "recover", "listed", (*_OWNER, "directory"), "measured availability"),
        *_endings("listed", "degraded", back="listed"),
    ),
)

_API: Final = Lifecycle(
    name="api",
    title="API resource",
    adds=_OWNER,
    states={
        "declared": _WAITING,
        "certified": _WAITING,
        "listed": _GOOD,
        **_STOPPED,
        "rejected": _WAITING,
        "archived": _ARCHIVED,
    },
    arrows=(
        _arrow("declared", "certify", "certified", _OPERATOR, "run of the auditor or conformance result"),
        *(
            _arrow(each, "list", "listed", _OPERATOR, "its description", needs=("parents", "certification"))
            for each in _ENTRANCES["api"]
        ),
        *_rejections(*_ENTRANCES["api"]),
        *_endings("listed", back="listed"),
    ),
)

_AUTHORISATION: Final = Lifecycle(
    name="authorisation",
    title="Authorisation of a software for an API",
    adds=_OWNER,
    states={"requested": _WAITING, "active": _GOOD, **_STOPPED, "rejected": _WAITING, "archived": _ARCHIVED},
    arrows=(
        _arrow("requested", "grant", "active", _OPERATOR, "the role that permits it", needs=("parents",)),
        _arrow("requested", "reject", "rejected", _OVERSIGHT, "why it was not granted"),
        *_endings("active", back="active"),
    ),
)

_SOFTWARE: Final = Lifecycle(
    name="software",
    title="Software",
    adds=_OWNER,
    states={
        "draft": _WAITING,
        "certified": _WAITING,
        "registered": _WAITING,
        "live": _GOOD,
        "locked": State(effect="suspended", cause="suspended"),
        **_STOPPED,
        "rejected": _WAITING,
        "archived": _ARCHIVED,
    },
    arrows=(
        _arrow("draft", "certify", "certified", _OPERATOR, "run of the auditor or conformance result"),
        _arrow("certified", "register", "registered", (*_OWNER, "directory"), "client_id at a server"),
        *(
            _arrow(
                each,
                "go-live",
                "live",
                _OPERATOR,
                "proof of its keys and its certification",
                needs=("parents", "certification", "key"),
                two_people=True,
            )
            for each in _ENTRANCES["software"]
        ),
        *_rejections(*_ENTRANCES["software"]),
        _arrow("live", "lock", "locked", _OPERATOR, "why nobody may change it meanwhile"),
        _arrow("locked", "resume", "live", _OPERATOR, "what removed the cause"),
        _arrow("locked", "withdraw", "withdrawn", _OPERATOR, "notice of the participant", two_people=True),
        _arrow("locked", "revoke", "revoked", _OVERSIGHT, "decision of the authority", two_people=True),
        *_endings("live", back="live"),
    ),
)

_USER: Final = Lifecycle(
    name="user",
    title="User",
    adds=_OWNER,
    states={"invited": _WAITING, "active": _GOOD, **_STOPPED, "archived": _ARCHIVED},
    arrows=(
        _arrow("invited", "activate", "active", (*_OWNER, "directory"), "the passkey enrolled"),
        *_endings("active", back="active"),
    ),
)

_KEY: Final = Lifecycle(
    name="key",
    title="Key",
    adds=_OWNER,
    states={
        "announced": _WAITING,
        "rejected": _WAITING,
        "active": _GOOD,
        "retiring": _GOOD,
        "retired": State(effect="ended", cause="retired"),
        "lapsed": _STOPPED["lapsed"],
        "compromised": State(effect="ended", cause="compromised"),
        "archived": _ARCHIVED,
    },
    arrows=(
        _arrow("announced", "activate", "active", (*_OWNER, "directory"), "proof of possession"),
        # Whose it is nobody showed: said to be ended or compromised it could be another's that is in use.
        _arrow("announced", "reject", "rejected", (*_OWNER, "directory"), "why it was not proven"),
        _arrow("active", "phase-out", "retiring", (*_OWNER, "directory"), "the key that comes after it"),
        *(
            _arrow(each, "retire", "retired", (*_OWNER, "directory"), "the key that comes after it")
            for each in ("active", "retiring")
        ),
        *(
            _arrow(each, "lapse", "lapsed", _BY_TIME, "the date that has passed")
            for each in ("active", "retiring")
        ),
        *(
            _arrow(
                each, "compromise", "compromised", _ANYBODY, "report, with since when others may have had it"
            )
            for each in ("active", "retiring", "retired", "lapsed")
        ),
        *(
            _arrow(each, "archive", "archived", _BY_TIME, "when it ended", needs=("retention",))
            for each in ("retired", "lapsed", "compromised")
        ),
    ),
)

_CERTIFICATE: Final = Lifecycle(
    name="certificate",
    title="Certificate",
    adds=(*_OWNER, "directory"),
    states={
        "requested": _WAITING,
        "valid": _GOOD,
        **_STOPPED,
        "retired": State(effect="ended", cause="retired"),
        "rejected": _WAITING,
        "archived": _ARCHIVED,
    },
    arrows=(
        _arrow("requested", "issue", "valid", ("operator", "directory"), "the certificate"),
        _arrow("requested", "reject", "rejected", ("operator", "directory"), "why it was not issued"),
        *_endings("valid", back="valid"),
        *(
            _arrow(each, "retire", "retired", (*_OWNER, "directory"), "the certificate that comes after it")
            for each in ("valid", "suspended")
        ),
        _arrow("retired", "archive", "archived", _BY_TIME, "when it ended", needs=("retention",)),
    ),
)

_CONTACT: Final = Lifecycle(
    name="contact",
    title="Contact",
    adds=_OWNER,
    states={"active": _GOOD, "withdrawn": _STOPPED["withdrawn"], "archived": _ARCHIVED},
    arrows=(
        _arrow("active", "withdraw", "withdrawn", _OWNER, "who comes after it"),
        _arrow("withdrawn", "archive", "archived", _BY_TIME, "when it ended", needs=("retention",)),
    ),
)

_CERTIFICATION: Final = Lifecycle(
    name="certification",
    title="Certification result",
    adds=(*_OWNER, "directory"),
    states={"attached": _WAITING, "valid": _GOOD, **_STOPPED, "rejected": _WAITING, "archived": _ARCHIVED},
    arrows=(
        _arrow("attached", "accept", "valid", ("operator", "directory"), "the run, by its digest"),
        _arrow("attached", "reject", "rejected", _OVERSIGHT, "what the run lacks"),
        *_endings("valid", back="valid"),
    ),
)

LIFECYCLES: Final[Mapping[str, Lifecycle]] = MappingProxyType(
    {
        each.name: each
        for each in (
            _ORGANISATION,
            _ROLE,
            _BRAND,
            _API,
            _AUTHORISATION,
            _SOFTWARE,
            _USER,
            _KEY,
            _CERTIFICATE,
            _CONTACT,
            _CERTIFICATION,
        )
    }
)
