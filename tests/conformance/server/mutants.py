"""Servers and guards that lack one thing. Each is put in the place of the real one while a test looks at it.

Most are the real pipelines without one check; where a check also reads what later ones need, another check that reads
and does not judge takes its place.
"""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from trustweft.server.application import AuthorizationServer
from trustweft.server.pipeline import without
from trustweft.server.pipelines import PIPELINES
from trustweft.web.static_application import with_static_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from conformance.server.site import Site
    from trustweft.protocol.http import HttpRequest, HttpResponse
    from trustweft.server.pipeline import Check, Pipelines

    Mutant = Callable[[Site], AbstractContextManager[None]]

__all__ = [
    "Mutant",
    "adding",
    "answering",
    "both",
    "changing",
    "guard_lacking",
    "lacking",
    "limited",
    "putting",
    "replaced",
    "replacing",
]


@contextmanager
def _serving(site: Site, server: AuthorizationServer) -> Iterator[None]:
    real = site.front.application
    site.front.application = with_static_files(server.asgi)
    try:
        yield
    finally:
        site.front.application = real


def changing(change: Callable[[Pipelines], Pipelines]) -> Mutant:
    """Return the server with other pipelines."""
    return lambda site: _serving(site, AuthorizationServer(site.deployment, pipelines=change(PIPELINES)))


def lacking(*taken: tuple[str, str]) -> Mutant:
    """Return the server without some checks, each named with its endpoint."""

    def change(pipelines: Pipelines) -> Pipelines:
        for endpoint, check in taken:
            pipelines = without(pipelines, endpoint, check)
        return pipelines

    return changing(change)


def replacing(endpoint: str, **others: Check) -> Mutant:
    """Return the server with other checks in the places of the named ones."""
    return changing(lambda pipelines: replaced(pipelines, endpoint, **others))


def replaced(pipelines: Pipelines, endpoint: str, **others: Check) -> Pipelines:
    """Return the pipelines with other checks in the places of the named ones."""
    steps = pipelines[endpoint]
    assert set(others) <= {step.__name__ for step in steps}, f"{endpoint} has no {sorted(others)}"
    return {**pipelines, endpoint: tuple(others.get(step.__name__, step) for step in steps)}


def adding(endpoint: str, check: Check, *, after: str) -> Mutant:
    """Return the server with one check more."""

    def change(pipelines: Pipelines) -> Pipelines:
        steps = list(pipelines[endpoint])
        place = [step.__name__ for step in steps].index(after) + 1
        return {**pipelines, endpoint: (*steps[:place], check, *steps[place:])}

    return changing(change)


def limited(**limits: Any) -> Mutant:
    """Return the server with other limits in its profile."""

    def mutate(site: Site) -> AbstractContextManager[None]:
        profile = site.deployment.profile
        changed = msgspec.structs.replace(profile.limits, **limits)
        other = msgspec.structs.replace(
            profile, limits=changed, requirements=(), responsibilities=(), interactions=()
        )  # else it is refused as too weak
        return _serving(site, AuthorizationServer(replace(site.deployment, profile=other)))

    return mutate


def answering(change: Callable[[HttpRequest, HttpResponse], HttpResponse]) -> Mutant:
    """Return the server with something else in its answers."""

    class Rewriting(AuthorizationServer):
        async def respond(self, request: HttpRequest) -> HttpResponse:
            return change(request, await super().respond(request))

    return lambda site: _serving(site, Rewriting(site.deployment))


def putting(target: str, value: Any) -> Mutant:
    """Return the participants with something else in the place of ``module:name``."""
    path, _, names = target.partition(":")
    *owners, name = names.split(".")

    @contextmanager
    def mutate(_site: Site) -> Iterator[None]:
        owner: Any = importlib.import_module(path)
        for part in owners:
            owner = getattr(owner, part)
        real = getattr(owner, name)
        setattr(owner, name, value)
        try:
            yield
        finally:
            setattr(owner, name, real)

    return mutate


def guard_lacking(check: str) -> Mutant:
    """Return the bank's guard without a check."""

    @contextmanager
    def mutate(site: Site) -> Iterator[None]:
        real = site.guard._pipeline
        remaining = tuple(step for step in real if step.__name__ != check)
        assert len(remaining) == len(real) - 1, f"the guard has no check named {check}"
        site.guard._pipeline = remaining
        try:
            yield
        finally:
            site.guard._pipeline = real

    return mutate


def both(first: Mutant, second: Mutant) -> Mutant:
    """Return participants that lack two things, where either alone would make up for the other."""

    @contextmanager
    def mutate(site: Site) -> Iterator[None]:
        with first(site), second(site):
            yield

    return mutate
