"""The form of every answer that is not a success."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, Field


class FieldProblem(BaseModel):
    """One value that cannot be used."""

    field: str = Field(description="Name of the field in the body, or of the query parameter.")
    detail: str


class Problem(BaseModel):
    """Problem Details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="Path of the request.")
    reason: str | None = Field(None, description="A stable code for programs.")
    errors: list[FieldProblem] | None = None
    server_id: UUID | None = Field(None, description="The library that is in the way, where one is.")
    run_id: UUID | None = Field(None, description="The run that is in the way, where one is.")
    version: int | None = Field(None, description="The version of a playlist now, where an older one was given.")
