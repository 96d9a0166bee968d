"""With any one check taken out of a pipeline, the tour fails, and at a step that uses the pipeline."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ecosystem import free_base_port
from laboratory import Laboratory
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.tour.context import Tour
from trustweft.cli.tour.walking import walk
from trustweft.resource.checks import PIPELINE
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.server.pipelines import PIPELINES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.cli.tour.recording import Step

A_WINDOW_OF_ATTEMPTS = 901.0

# The steps at which a pipeline is used for the first time, or where one of its checks has its attack.
STEPS = {
    "pushed_authorization_request": {"pushed request", "silent login"},
    "authorization": {"redirect", "silent login", "expiry"},
    "interaction": {"login page", "consent page"},
    "login": {"login", "consent page", "cancelled login"},
    "decision": {"login page", "consent", "denial"},
    "cancel": {"cancelled login"},
    "token": {"token", "client certificate"},
    "token:authorization_code": {"token", "replayed code", "expiry"},
    "token:refresh_token": {"refresh", "narrower token", "replayed code"},
    "token:client_credentials": {"client credentials", "client certificate"},
    "introspection": {"introspection"},
    "revocation": {"revocation"},
    "userinfo": {"userinfo", "narrower token", "refused call"},
    "guard": {"API call", "narrower token", "client certificate", "replayed code"},
}
# The tour logs in with a password; each of these pipelines has its mutants in tests/bad_input.
PASSKEYS = {"passkey_options", "passkey", "passkeys", "passkey_registration_options", "passkey_registration"}
# The tour's client is registered by an operator; these have their mutants there too.
REGISTRATION = {
    "registration",
    "registration_recovery",
    "client_configuration",
    "client_configuration:GET",
    "client_configuration:PUT",
    "client_configuration:DELETE",
}
# The tour's server takes part in no ecosystem that has a directory: see tests/unit/net.
DIRECTORY = {"ecosystem_events"}
# Nor does it belong to a federation: see tests/unit/server/test_federation.py.
FEDERATION = {"federation_registration", "authorization:request"}
PARTICIPATION = {
    "check_application_takes_part",
    "check_client_not_ended",
    "check_client_takes_part",
    "check_key_takes_part",
    "check_person_takes_part",
    "narrow_to_allowed_apis",
}
# What the tour cannot see; tests/bad_input/test_check_mutants.py does.
UNSEEN = {
    # renews an outdated hash and never refuses
    ("login", "renew_password_hash"),
    # only differ for a client that is removed between two pages
    ("login", "find_interaction_client"),
    ("cancel", "find_interaction_client"),
    # only differ for clients that authenticate with a certificate
    ("pushed_authorization_request", "verify_client_certificate"),
    ("introspection", "verify_client_certificate"),
    ("revocation", "verify_client_certificate"),
    # only differ for a client that registered itself
    *(
        (endpoint, "use_registration")
        for endpoint in ("pushed_authorization_request", "token", "introspection", "revocation")
    ),
    # only differ for a client that registers by its trust chain
    *(
        (endpoint, "register_federated_client")
        for endpoint, pipeline in PIPELINES.items()
        for check in pipeline
        if check.__name__ == "register_federated_client" and endpoint not in FEDERATION
    ),
    # only differ for a request object, of which the tour sends none that is good
    ("pushed_authorization_request", "find_request_object_keys"),
    ("pushed_authorization_request", "remember_request_object"),
    # only differ where an operator takes a scope out of service
    ("token:authorization_code", "keep_offered_scope"),
    ("token:refresh_token", "keep_offered_scope"),
    # only differ for a client whose registration is narrowed between two requests
    *(
        (endpoint, "refuse_withdrawn_request")
        for endpoint in ("authorization", "interaction", "login", "cancel", "decision")
    ),
    # the tour brings no authorization details
    ("pushed_authorization_request", "check_detail_types"),
    ("pushed_authorization_request", "check_registered_details"),
    ("token:authorization_code", "narrow_details"),
    ("token:refresh_token", "narrow_details"),
    ("token:client_credentials", "check_detail_types"),
    ("token:client_credentials", "check_registered_details"),
    ("token:client_credentials", "refuse_personal_details"),
    ("guard", "check_details"),
    # only differ once a directory has spoken
    ("guard", "check_participation"),
    *(
        (endpoint, check.__name__)
        for endpoint, pipeline in PIPELINES.items()
        for check in pipeline
        if check.__name__ in PARTICIPATION and endpoint not in PASSKEYS | FEDERATION
    ),
}

NAMES = {endpoint: [check.__name__ for check in pipeline] for endpoint, pipeline in PIPELINES.items()}
NAMES["guard"] = [check.__name__ for check in PIPELINE]
CHECKS = [
    (endpoint, name)
    for endpoint, names in NAMES.items()
    for name in names
    if endpoint not in PASSKEYS | REGISTRATION | DIRECTORY | FEDERATION
]


class TouredLaboratory(Laboratory):
    """A laboratory that can be walked through."""

    def __init__(self, directory: DataDirectory, clock: ManualClock) -> None:
        super().__init__(directory, clock)
        self.clock = clock
        self.directory = directory

    def tour(self, without: tuple[str, str] | None) -> list[Step]:
        """Walk the tour, with a minute's wait that takes no time, and leave the attempts of before behind."""
        self.clock.advance(A_WINDOW_OF_ATTEMPTS)
        self.without = frozenset([without] if without else [])
        tour = Tour(self.directory, clock=self.clock, entropy=SystemEntropy(), wait=self.clock.advance)
        try:
            return walk(tour)
        finally:
            tour.wire.close()


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TouredLaboratory]:
    """One ecosystem for all mutants."""
    clock = ManualClock(time.time())  # certificates are judged by the machine's time
    data = tmp_path_factory.mktemp("laboratory") / "data"
    directory = DataDirectory.open_or_create(data, base_port=free_base_port(), clock=clock)
    with TouredLaboratory(directory, clock):
        pass  # everything is made
    # For the hours by which the clock is put forward the directory would be away: here nobody follows one.
    for participant in ("server", "resource"):
        settings = data / participant / f"{participant}.toml"
        text, following, _ = settings.read_text("utf-8").partition("[directory]\n")
        assert following
        settings.write_text(text, "utf-8")
    with TouredLaboratory(directory, clock) as running:
        yield running


def test_with_every_check_the_tour_is_in_order(laboratory: TouredLaboratory) -> None:
    """The tour that the mutants are compared with, with what expires."""
    steps = laboratory.tour(None)
    assert [step.problem for step in steps if not step.ok] == []
    assert steps[-1].name == "expiry"


def test_every_pipeline_is_accounted_for() -> None:
    """A new pipeline has its steps on the tour, or is named among those that it leaves out."""
    assert set(PIPELINES) | {"guard"} == set(STEPS) | PASSKEYS | REGISTRATION | DIRECTORY | FEDERATION
    assert set(CHECKS) > UNSEEN


@pytest.mark.parametrize("mutant", [check for check in CHECKS if check not in UNSEEN], ids="-".join)
def test_without_a_check_the_tour_fails_where_it_is_needed(
    laboratory: TouredLaboratory, mutant: tuple[str, str]
) -> None:
    """The step that depends on the check says so."""
    last = laboratory.tour(mutant)[-1]
    assert not last.ok, f"nobody missed {mutant}"
    assert last.name in STEPS[mutant[0]], last.problem
