"""Encrypts secrets that must be decrypted later: whoever has the database but not the key can't use them."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labeling_provider.service.failures import StartError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

SETTING: Final = "LABELING_LOCAL_ENCRYPTION_KEY"
MIN_KEY_CHARACTERS: Final = 32


class Unreadable(Exception):
    """A secret was encrypted with a key that the service does not have; the text says so."""


class Seal:
    """Encrypts with the first of some keys, and decrypts with any of them.

    :param keys: strings; none if nothing is to be encrypted.
    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._keys = tuple(keys)

    @classmethod
    def from_environment(cls) -> Seal:
        """Read ``LABELING_LOCAL_ENCRYPTION_KEY``, or the file that ``LABELING_LOCAL_ENCRYPTION_KEY_FILE`` names.

        :raises StartError: if both are set, the file can't be read, or a key is too short.
        """
        text, path = os.environ.get(SETTING, ""), os.environ.get(f"{SETTING}_FILE")
        if text and path:
            raise StartError(f"set {SETTING} or {SETTING}_FILE, not both")
        if path:
            try:
                text = Path(path).read_text()
            except (OSError, ValueError) as error:
                raise StartError(f"{SETTING}_FILE {path} can't be read: {type(error).__name__}") from None
        keys = text.replace(",", " ").split()
        if any(len(key) < MIN_KEY_CHARACTERS for key in keys):
            raise StartError(f"each key in {SETTING} must have at least {MIN_KEY_CHARACTERS} characters")
        return cls(keys)

    @property
    def is_closed(self) -> bool:
        """Whether there is a key."""
        return bool(self._keys)

    def seal(self, text: str, purpose: str) -> str:
        """Encrypt.

        :param purpose: what the text is; it can be decrypted only for the same purpose.
        """
        return str(self._fernet(purpose).encrypt(text.encode()).decode())

    def unseal(self, sealed: str, purpose: str) -> str:
        """Decrypt.

        :raises Unreadable: if none of the keys fits.
        """
        from cryptography.fernet import InvalidToken

        if not self._keys:
            raise Unreadable(f"A secret in the database is encrypted: set {SETTING}.")
        try:
            return str(self._fernet(purpose).decrypt(sealed.encode()).decode())
        except InvalidToken:
            raise Unreadable(
                f"A secret in the database was encrypted with a key that {SETTING} does not have."
            ) from None

    def _fernet(self, purpose: str) -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(_derived(key, purpose)) for key in self._keys])


def _derived(key: str, purpose: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    info = b"airflow-provider-labeling " + purpose.encode()
    return base64.urlsafe_b64encode(HKDF(SHA256(), hashlib.sha256().digest_size, None, info).derive(key.encode()))
