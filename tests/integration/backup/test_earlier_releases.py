"""Files that releases before this one have written can be imported, for good.

A file is what a release wrote of a lived-in Starling; the JSON beside it is what its read models said then.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.cli.backup.format import UNSEALED
from services.projector.compare import compare
from shared import secrets
from shared.errors import LibraryUnusable
from tests.integration.backup.conftest import Move
from tests.integration.backup.house import KEY, House, header_of

EXPORTS = Path(__file__).parents[2] / "fixtures" / "exports"


@pytest.mark.parametrize("name", sorted(path.stem for path in EXPORTS.glob("*.starling")))
async def test_what_it_showed_then_it_shows_now(move: Move, name: str) -> None:
    content = (EXPORTS / f"{name}.starling").read_bytes()
    expected = json.loads((EXPORTS / f"{name}.json").read_text())
    async with move() as new:
        restored = await new.imported(content)
        assert await compare(new.settings) == []
        for table, then in expected.items():
            columns = ", ".join(f'"{column}"' for column in then["columns"])
            found = await new.rows(f"SELECT to_jsonb(ARRAY[{_texts(then['columns'])}]) AS row, {columns} FROM {table}")
            assert sorted(json.loads(row["row"]) for row in found) == sorted(_as_texts(row) for row in then["rows"])
        assert {kind: one.count for kind, one in header_of(content).events.items()} == {
            row["type"]: row["n"] for row in await new.rows("SELECT type, count(*) AS n FROM event_log GROUP BY type")
        }
        if header_of(content).version == UNSEALED:  # with the key of the Starling that wrote them
            assert (restored.secrets, restored.unreadable) == (1, 1)
            await opens_with(new, KEY)


def _texts(columns: list[str]) -> str:
    return ", ".join(f"coalesce(to_jsonb(\"{column}\") #>> '{{}}', 'null')" for column in columns)


def _as_texts(row: list[object]) -> list[str]:
    return [value if isinstance(value, str) else json.dumps(value) for value in row]


async def opens_with(house: House, key: str) -> None:
    """The password opens with this key, beside the one that is there, and not without it."""
    (row,) = await house.rows("SELECT secret_id FROM secrets")
    with pytest.raises(LibraryUnusable, match="another STARLING_SECRET_KEY"):
        await secrets.load(house.pool, house.settings, row["secret_id"])
    keys = f"{house.settings.secret_key.get_secret_value()},{key}"
    both = house.settings.model_copy(update={"secret_key": SecretStr(keys)})
    assert await secrets.load(house.pool, both, row["secret_id"]) == "open sesame"
