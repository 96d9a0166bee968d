"""The provers that get the model as text: what each is called, and how its answer is read."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from trustweft.threats.emit.clingo import program
from trustweft.threats.emit.promela import promela
from trustweft.threats.emit.proverif import proverif
from trustweft.threats.emit.tamarin import tamarin
from trustweft.threats.ground import ground
from trustweft.threats.model import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trustweft.threats.setting import Setting

__all__ = ["LANGUAGES", "Language"]


@dataclass(frozen=True)
class Language:
    """One of them.

    Attributes:
        suffix: how its files end.
        run: the commands that give its answer, with ``{file}`` for the text.
        answer: what the answer looks like where there is an attack, and where there is none.
        text: makes the text of one setting and one goal.
    """

    suffix: str
    run: str
    answer: str
    text: Callable[[Setting, str], str]


def _clingo(setting: Setting, goal: str) -> str:
    asked = f":- not {_broken(goal)}.  % a run counts only if it breaks the goal\n"
    return f"% {_title(setting, goal)}\n{program((*MODEL, *setting.rules()))}{asked}"


def _promela(setting: Setting, goal: str) -> str:
    grounded = ground(program((*MODEL, *setting.rules())), [_broken(goal)])
    return promela(grounded, title=_title(setting, goal))


def _broken(goal: str) -> str:
    return f"broken({goal.replace('-', '_')})"


def _title(setting: Setting, goal: str) -> str:
    return f"{goal}; {', '.join(sorted(setting.attackers))}; {setting.bound}"


LANGUAGES: Final[Mapping[str, Language]] = MappingProxyType(
    {
        "clingo": Language(
            ".lp",
            "clingo {file}",
            "SATISFIABLE is an attack; UNSATISFIABLE is none within the bound.",
            _clingo,
        ),
        "promela": Language(
            ".pml",
            "spin -a -o3 {file} && gcc -O1 -w -DSAFETY -DNOREDUCE -o pan pan.c && ./pan -E -m100000",
            "An assertion violated is an attack; no errors are none within the bound.",
            _promela,
        ),
        "proverif": Language(
            ".horn",
            "proverif -in horn {file}",
            "'goal unreachable' is no attack in any number of the same sessions; 'goal reachable' need not be one, "
            "for what happens once may happen often there.",
            lambda setting, goal: proverif(MODEL, setting, goal=goal),
        ),
        "tamarin": Language(
            ".spthy",
            "tamarin-prover --prove {file}",
            "The lemma never falsified is an attack, verified is none; the lemma honest has to be verified.",
            lambda setting, goal: tamarin(MODEL, setting, goal=goal),
        ),
    }
)
