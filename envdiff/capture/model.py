"""Model facts and answers laid over a fingerprint's document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envdiff.capture import filter as secrets
from envdiff.errors import UnusableInput, WorldFailed

if TYPE_CHECKING:
    from envdiff.predictions.answers import Answers
    from envdiff.predictions.rows import Rows

FROM_SIGNATURE = "signature"
ROWS_MADE = 32


@dataclass(frozen=True)
class ModelRequest:
    """What to read of a model and what to ask it. ``rows`` is a file, or the word ``signature``: made from it."""

    path: Path | None = None
    verify_weights: bool = False
    rows: str | None = None
    answers_file: Path | None = None
    signature: str = "serving_default"
    server: str | None = None
    grpc: str | None = None
    model_name: str | None = None
    allow_code: bool = False


def add_model(document: dict[str, Any], request: ModelRequest, place: Path, *, key: bytes | None = None) -> None:
    """Add the model's facts to ``document``, read at ``place``. Raises :class:`UnusableInput` for no model.

    ``key`` is the compare key: files, tensors and signatures may be called what must not be shown.
    """
    from envdiff.model.facts import model_facts

    reading = model_facts(place, verify_weights=request.verify_weights)
    path = {} if place == request.path else {"model.path": str(request.path)}
    secrets.put(document, {**reading.facts, **path}, reading.unread, key=key)


def add_answers(document: dict[str, Any], request: ModelRequest, python: Path) -> tuple[str, ...]:
    """Ask the local model or the server, and add what was said. Notes for the user come back."""
    from envdiff.predictions.document import facts_of, kept_elsewhere, to_document

    by_way, rows = _ask(document["facts"], request, python)
    main = _main(by_way)
    secrets.put(document, facts_of(main, rows.count, rows.origin), {})
    if request.answers_file is not None:
        _keep(request.answers_file, main)
        document["outputs"] = secrets.without_secrets(kept_elsewhere(main, request.answers_file.name))
    else:
        document["outputs"] = secrets.without_secrets(to_document(main))
    return (*main.notes, *_disagreements(by_way, main))


def rows_for(path: Path, rows: str, signature: str) -> tuple[Rows, Path]:
    """The rows to ask a local model about, and the folder or file that answers them: a base path's served version.

    ``rows`` is a file or the word ``signature``. Raises :class:`UnusableInput` when rows and model do not fit.
    """
    from envdiff.model.facts import model_facts

    facts = model_facts(path).facts
    found = _rows(ModelRequest(path, rows=rows, signature=signature), _inputs_of(facts, signature))
    return found, _served_folder(path, facts)


def _ask(facts: Mapping[str, Any], request: ModelRequest, python: Path) -> tuple[dict[str, Answers], Rows]:
    if request.grpc is not None:
        return _ask_grpc(request)
    if request.server is not None:
        return _ask_rest(request)
    from envdiff.predictions.ask_local import ask_local

    assert request.path is not None
    rows = _rows(request, _inputs_of(facts, request.signature))
    folder = _served_folder(request.path, facts)
    return ask_local(str(python), folder, rows, signature=request.signature, allow_code=request.allow_code), rows


def _ask_rest(request: ModelRequest) -> tuple[dict[str, Answers], Rows]:
    from envdiff.predictions.ask_rest import RestServer, RestTarget, ask_rest

    assert request.server is not None
    target = RestTarget(request.server, request.model_name or "model", request.signature)
    rows = _rows(request, RestServer(target).signature()[0])
    return {"rest": ask_rest(target, rows)}, rows


def _ask_grpc(request: ModelRequest) -> tuple[dict[str, Answers], Rows]:
    from envdiff.predictions.ask_grpc import GrpcTarget, ask_grpc, connect

    assert request.grpc is not None
    target = GrpcTarget(request.grpc, request.model_name or "model", request.signature)
    server = connect(target)
    try:
        inputs = server.signature_inputs()
    finally:
        server.close()
    rows = _rows(request, inputs)
    return {"grpc": ask_grpc(target, rows)}, rows


def _rows(request: ModelRequest, inputs: Any) -> Rows:
    from envdiff.predictions.row_files import rows_from_file
    from envdiff.predictions.rows import rows_from_signature

    if request.rows == FROM_SIGNATURE:
        return rows_from_signature(inputs, ROWS_MADE)
    assert request.rows is not None
    return rows_from_file(Path(request.rows), inputs)


# Forms that hold a model and no way of running it: what to feed and to fetch is the program's knowledge.
NOT_ASKED = {"frozen": "frozen graph", "checkpoint": "checkpoint"}
# "name dtype [shape]", as the model's facts write an input; an unknown length is "?" and an unknown rank "*" alone.
_INPUT = re.compile(r"(?P<name>\S+) (?P<dtype>\S+) (?P<shape>\[[^\]]*\])")


def _inputs_of(facts: Mapping[str, Any], signature: str) -> list[tuple[str, str, list[int | None] | None]]:
    """The signature's inputs out of the model's facts; none for a Keras file, whose layers decide themselves."""
    form = facts.get("model.format")
    if form in NOT_ASKED:
        raise UnusableInput(
            f"a {NOT_ASKED[form]} has nothing that could be asked",
            hint="save it as a SavedModel, or capture it without --rows",
        )
    listed = facts.get(f"model.signature.{signature.replace('.', '_')}.inputs")
    if listed is None and form == "savedmodel":
        known = ", ".join(map(str, facts.get("model.signatures", ()))) or "none"
        raise UnusableInput(f"the model has no signature {signature!r}", hint=f"--signature NAME; it has: {known}")
    return [_input(str(text)) for text in listed or ()]


def _input(text: str) -> tuple[str, str, list[int | None] | None]:
    found = _INPUT.match(text)
    if found is None:
        raise UnusableInput(f"an input of the signature cannot be understood: {text[:100]}")
    shape = found["shape"]
    if shape == "[*]":
        return found["name"], found["dtype"], None
    sizes = [part.strip() for part in shape.strip("[]").split(",") if part.strip()]
    return found["name"], found["dtype"], [int(size) if size.isdecimal() and len(size) < 19 else None for size in sizes]


def _served_folder(path: Path, facts: Mapping[str, Any]) -> Path:
    """The version directory that a server would answer from, where ``path`` is a base path."""
    from envdiff.model.locate import locate

    return locate(path).path if facts.get("model.versions") else path


def _main(by_way: Mapping[str, Answers]) -> Answers:
    """The way that stands for this side: the first that gave an answer, in the order it was asked."""
    for answers in by_way.values():
        if answers.calls:
            return answers
    reasons = "; ".join(f"{way}: {why}" for way, one in by_way.items() for why in dict.fromkeys(one.errors.values()))
    raise WorldFailed(f"the model gave no answer: {reasons or 'no way of asking it is known'}")


def _disagreements(by_way: Mapping[str, Answers], main: Answers) -> list[str]:
    """Other ways of asking the same model that give other answers, with the size."""
    from envdiff.predictions.document import main_outputs
    from envdiff.predictions.measure import largest

    notes = []
    for way, answers in by_way.items():
        if answers is main:
            continue
        if not answers.calls:
            notes.append(f"{way}: not answered ({next(iter(answers.errors.values()), 'no reason given')})")
            continue
        differs, gap = largest(main_outputs(main), main_outputs(answers))
        if differs:
            notes.append(f"{way} answers otherwise than {main.way}: by {gap:.2g} of the output's range")
    return notes


def _keep(file: Path, answers: Answers) -> None:
    from envdiff.predictions import exchange

    try:
        exchange.write(file, answers.calls, {"rows_digest": answers.rows_digest})
    except OSError as error:
        raise WorldFailed(f"the answers cannot be written: {error.strerror or error}", subject=str(file)) from error
