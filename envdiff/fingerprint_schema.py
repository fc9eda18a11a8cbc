"""``envdiff/fingerprint/1`` in full: the published schema, and what is wrong with a document that does not keep to it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)

Item = StrictBool | StrictInt | StrictFloat | StrictStr | None
Path_ = Annotated[str, Field(min_length=1, max_length=1000)]


class SubjectDocument(BaseModel):
    """What the capture looked at, and how it got there."""

    model_config = ConfigDict(extra="allow")
    label: str
    kind: str
    reached_by: str


class ProbeDocument(BaseModel):
    """Which probe wrote this, and in which mode: full, static, in-process or proc."""

    model_config = ConfigDict(extra="allow")
    version: str
    mode: str = "full"


class CompareKeyDocument(BaseModel):
    """Keyed digests of what is withheld, by path and part; ``id`` says which key made them, not what it is."""

    model_config = ConfigDict(extra="allow")
    id: str
    digests: dict[Path_, dict[str, str]]


class AnonymizedDocument(BaseModel):
    """Names of hosts, users and directories were replaced; ``key`` is the id of the key that chose the replacements."""

    model_config = ConfigDict(extra="allow")
    key: str


class FingerprintDocument(BaseModel):
    """``envdiff/fingerprint/1``. Later minor additions are new keys or new facts and are kept."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)
    schema_: str = Field(alias="schema", pattern=r"^envdiff/fingerprint/1(\.\d+)?$")
    subject: SubjectDocument
    captured_at: str
    probe: ProbeDocument
    facts: dict[Path_, Item | list[Item]]
    unread: dict[Path_, str] = Field(default_factory=dict)
    withheld: dict[Path_, list[str]] = Field(default_factory=dict)
    compare_key: CompareKeyDocument = Field(default_factory=lambda: CompareKeyDocument(id="", digests={}))
    anonymized: AnonymizedDocument = Field(default_factory=lambda: AnonymizedDocument(key=""))
    outputs: dict[str, Any] | None = None


def fingerprint_schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    return FingerprintDocument.model_json_schema(by_alias=True)


def first_complaint(document: Any) -> str:
    """What is wrong with ``document``, with the key; empty if nothing is."""
    try:
        FingerprintDocument.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:200]
        return f"{where}: {first['msg']}"
    return ""
