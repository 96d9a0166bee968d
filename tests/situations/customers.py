"""A customer at a browser without scripts: opens an application, logs in at the bank, agrees, looks at the accounts."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

import httpx2

from situations.land import PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Customer"]

_CSRF: Final = re.compile(r'name="csrf" value="([^"]+)"')
_FORM: Final = re.compile(r'<form[^>]*\baction="([^"]+)"')


class Customer:
    """One customer of one application.

    Args:
        application: the address of whose page it uses.
        authority: the certificate that everybody's hangs off.
        name: of the customer at the bank.
        password: likewise.
    """

    def __init__(self, application: str, *, authority: Path, name: str, password: str = PASSWORD) -> None:
        self._application = application
        self._name = name
        self._password = password
        trust = ssl.create_default_context(cafile=str(authority))
        self._http = httpx2.Client(verify=trust, timeout=20, follow_redirects=True, trust_env=False)

    def connect(self) -> bool:
        """Allow the application to read the accounts; say whether it shows them then."""
        page = self._submit(self._http.get(f"{self._application}/"), "/connect")
        page = self._submit(page, "/login", username=self._name, password=self._password)
        return self._shows(self._submit(page, "/decision", decision="approve"))

    def look(self) -> bool:
        """Open the accounts again; say whether they are shown."""
        return self._shows(self._http.get(f"{self._application}/accounts"))

    def close(self) -> None:
        """Leave."""
        self._http.close()

    def _shows(self, page: httpx2.Response) -> bool:
        return page.is_success and 'id="accounts"' in page.text

    def _submit(self, page: httpx2.Response, ending: str, **fields: str) -> httpx2.Response:
        assert page.is_success, page.text[:2_000]
        found = [action for action in _FORM.findall(page.text) if action.endswith(ending)]
        assert found, f"no form for {ending}: {page.text[:2_000]}"
        address, csrf = urljoin(str(page.url), found[0]), _CSRF.search(page.text)
        assert csrf is not None
        parts = urlsplit(str(page.url))
        return self._http.post(
            address,
            data={"csrf": csrf[1], **fields},
            headers={"origin": f"{parts.scheme}://{parts.netloc}"},
        )
