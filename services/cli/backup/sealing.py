"""Passwords of media servers on their way in a file: under a key that is made of a passphrase.

The key is Argon2id of the passphrase, with a salt and costs that stand in the header; what it encrypts is Fernet, as in
the table. A proof in the header tells a wrong passphrase before anything is done.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from typing import Any, Self

from argon2.low_level import Type, hash_secret_raw
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.errors import StarlingError

SECRETS = "secrets"
"""The table of passwords."""
_KDF = "argon2id"
_PROOF = b"starling-export"
# As RFC 9106 advises where memory is dear: a tenth of a second on a small machine.
_TIME_COST, _MEMORY_KIB, _LANES = 3, 1 << 16, 4
# A file says how much work it is to open it, so there has to be an end to it: a gigabyte, some seconds.
_MOST_TIME, _MOST_MEMORY_KIB, _MOST_LANES = 16, 1 << 20, 16


class WrongPassphrase(StarlingError):
    """Not the one that the file was made with."""


@dataclass(frozen=True, slots=True)
class Seal:
    """How the key of a file is made of its passphrase."""

    salt: bytes
    proof: bytes
    time_cost: int = _TIME_COST
    memory_kib: int = _MEMORY_KIB
    lanes: int = _LANES

    @classmethod
    def of(cls, passphrase: str) -> tuple[Self, Fernet]:
        """A new seal and its key."""
        unproven = cls(secrets.token_bytes(16), b"")
        key = unproven._key(passphrase)
        return cls(unproven.salt, key.encrypt(_PROOF)), key

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """The inverse of ``to_document``. Raises ``ValueError``, ``KeyError``, ``TypeError`` for what cannot be one."""
        found = cls(
            base64.b64decode(document["salt"], validate=True),
            document["proof"].encode(),
            int(document["time_cost"]),
            int(document["memory_kib"]),
            int(document["lanes"]),
        )
        most = (_MOST_TIME, _MOST_MEMORY_KIB, _MOST_LANES)
        costs = (found.time_cost, found.memory_kib, found.lanes)
        if document["kdf"] != _KDF or len(found.salt) < 8 or found.memory_kib < 8 * found.lanes:
            raise ValueError
        if any(not 1 <= cost <= limit for cost, limit in zip(costs, most, strict=True)):
            raise ValueError
        return found

    def to_document(self) -> dict[str, Any]:
        """As it stands in the header."""
        texts = {"kdf": _KDF, "salt": base64.b64encode(self.salt).decode(), "proof": self.proof.decode()}
        return {**asdict(self), **texts}

    def key(self, passphrase: str) -> Fernet:
        """The key. Raises ``WrongPassphrase``."""
        key = self._key(passphrase)
        try:
            key.decrypt(self.proof)
        except InvalidToken:
            raise WrongPassphrase(
                "this is not the passphrase that the file was made with; nothing was changed, try another one"
            ) from None
        return key

    def _key(self, passphrase: str) -> Fernet:
        raw = hash_secret_raw(
            passphrase.encode(), self.salt, self.time_cost, self.memory_kib, self.lanes, hash_len=32, type=Type.ID
        )
        return Fernet(base64.urlsafe_b64encode(raw))


Key = Fernet | MultiFernet


def under_another_key(row: str, opening: Key, closing: Key) -> str | None:
    """A row of ``secrets`` as JSON, encrypted with ``closing`` instead; None if ``opening`` does not open it."""
    values = json.loads(row)
    try:
        plaintext = opening.decrypt(bytes.fromhex(values["ciphertext"].removeprefix("\\x")))
    except InvalidToken:
        return None
    return json.dumps({**values, "ciphertext": f"\\x{closing.encrypt(plaintext).hex()}"})
