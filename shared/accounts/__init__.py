"""Who may do what: accounts, their sessions and tokens.

They are kept beside the log, in tables of their own, because a password that was changed or a token that was revoked
has to count at once, whether or not a projector runs. The log is told who did what (``shared.events.accounts``).
Nothing that opens a door is stored: passwords as argon2id hashes, cookies and tokens as SHA-256 of 256 random bits.
"""

from __future__ import annotations

from shared.accounts.passwords import Passwords
from shared.accounts.people import Account, add, add_first, any_exist, by_id, by_name, change, listed, remove
from shared.accounts.rights import RIGHT_OF, Identity, Right, Role, Scope
from shared.accounts.tables import KEPT, create_tables

__all__ = [
    "KEPT",
    "RIGHT_OF",
    "Account",
    "Identity",
    "Passwords",
    "Right",
    "Role",
    "Scope",
    "add",
    "add_first",
    "any_exist",
    "by_id",
    "by_name",
    "change",
    "create_tables",
    "listed",
    "remove",
]
