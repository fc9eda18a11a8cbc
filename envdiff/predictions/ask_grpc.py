"""Asking a TensorFlow model server by gRPC: tensor bytes travel exactly, and every answer names its version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from envdiff.errors import UnusableInput, WorldFailed
from envdiff.predictions.answers import Answers, Outputs
from envdiff.predictions.ask import make_calls
from envdiff.predictions.rows import InputSpec, Rows
from envdiff.predictions.tensor_messages import NAME_OF, to_array, to_message

Array = NDArray[Any]
SECONDS = 30.0
LARGEST = 1 << 29  # bytes of a message
STATES = {0: "UNKNOWN", 10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}

PREDICT = "/tensorflow.serving.PredictionService/Predict"
METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"


@dataclass(frozen=True)
class GrpcTarget:
    """``address`` is HOST:PORT. ``version`` or ``label`` chooses one of several served versions."""

    address: str
    model: str
    signature: str = "serving_default"
    version: int | None = None
    label: str | None = None
    seconds: float = SECONDS


@dataclass(frozen=True)
class GrpcServer:
    """A channel and the three calls. ``versions`` collects what answers said of themselves. Close it after use."""

    target: GrpcTarget
    channel: Any
    versions: list[int] = field(default_factory=list)

    def close(self) -> None:
        self.channel.close()

    def predict(self, rows: Mapping[str, Array], count: int) -> Outputs:  # noqa: ARG002 - rows know their number
        from envdiff.predictions.protos.prediction_service_pb2 import PredictRequest, PredictResponse

        request = PredictRequest(model_spec=self._spec(with_signature=True))
        for name, array in rows.items():
            request.inputs[name].CopyFrom(to_message(array))
        response = self._call(PREDICT, request, PredictResponse)
        if response.model_spec.WhichOneof("version_choice") == "version":
            self.versions.append(int(response.model_spec.version.value))
        if not response.outputs:
            raise WorldFailed("the answer has no outputs", subject=self.target.address)
        return {name: to_array(response.outputs[name], name) for name in sorted(response.outputs)}

    def status(self) -> tuple[tuple[str, str], ...]:
        """(version, state), the highest version first."""
        from envdiff.predictions.protos.prediction_service_pb2 import (
            GetModelStatusRequest,
            GetModelStatusResponse,
        )

        request = GetModelStatusRequest(model_spec=self._spec(with_signature=False))
        response = self._call(STATUS, request, GetModelStatusResponse)
        found = sorted(response.model_version_status, key=lambda one: -one.version)
        return tuple((str(one.version), STATES.get(one.state, str(one.state))) for one in found)

    def signature_inputs(self) -> tuple[InputSpec, ...]:
        """The inputs of the target's signature, as the server has them."""
        from google.protobuf.message import DecodeError

        from envdiff.predictions.protos.prediction_service_pb2 import (
            GetModelMetadataRequest,
            GetModelMetadataResponse,
            SignatureDefMap,
        )

        request = GetModelMetadataRequest(model_spec=self._spec(with_signature=False), metadata_field=["signature_def"])
        response = self._call(METADATA, request, GetModelMetadataResponse)
        try:
            signatures = SignatureDefMap.FromString(response.metadata["signature_def"].value).signature_def
        except DecodeError as error:
            raise WorldFailed("the metadata is no map of signatures", subject=self.target.address) from error
        if self.target.signature not in signatures:
            raise UnusableInput(
                f"the server has no signature {self.target.signature}",
                subject=self.target.address,
                hint=f"it has: {', '.join(sorted(signatures)) or 'none'}",
            )
        inputs = signatures[self.target.signature].inputs
        return tuple(_spec_of(name, inputs[name]) for name in sorted(inputs))

    def _spec(self, *, with_signature: bool) -> Any:
        from envdiff.predictions.protos.prediction_service_pb2 import ModelSpec

        spec = ModelSpec(name=self.target.model)
        if with_signature:
            spec.signature_name = self.target.signature
        if self.target.version is not None:
            spec.version.value = self.target.version
        elif self.target.label:
            spec.version_label = self.target.label
        return spec

    def _call(self, method: str, request: Any, answer: Any) -> Any:
        import grpc

        call = self.channel.unary_unary(
            method,
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        try:
            return call(request, timeout=self.target.seconds)
        except grpc.RpcError as error:
            raise WorldFailed(_words(error), subject=self.target.address) from error


def _words(error: Any) -> str:
    """``UNAVAILABLE: failed to connect`` in one line; details come from the server and may be long."""
    code, details = error.code(), " ".join(str(error.details() or "").split())
    return f"{getattr(code, 'name', code)}: {details[:400]}"


def _spec_of(name: str, info: Any) -> InputSpec:
    shape = (
        None if info.tensor_shape.unknown_rank else tuple(None if d.size < 0 else d.size for d in info.tensor_shape.dim)
    )
    return InputSpec(name, NAME_OF.get(info.dtype, str(info.dtype)), shape)


def connect(target: GrpcTarget) -> GrpcServer:
    """An insecure channel, no proxy; nothing is sent yet. Raises UnusableInput without grpcio."""
    try:
        import grpc
    except ImportError as error:
        raise UnusableInput("gRPC needs grpcio", subject=target.address, hint="pip install 'envdiff[grpc]'") from error
    options = [
        ("grpc.max_receive_message_length", LARGEST),
        ("grpc.max_send_message_length", LARGEST),
        ("grpc.enable_http_proxy", 0),
    ]
    return GrpcServer(target, grpc.insecure_channel(target.address, options=options))


def ask_grpc(target: GrpcTarget, rows: Rows, opened: Callable[[GrpcTarget], GrpcServer] = connect) -> Answers:
    """Raises WorldFailed when the server does not even say what it serves."""
    server = opened(target)
    try:
        before = server.status()
        made = make_calls(server.predict, rows)
        after, errors = before, dict(made.errors)
        try:
            after = server.status()
        except WorldFailed as error:
            errors["status afterwards"] = error.message
    finally:
        server.close()
    return Answers(
        "grpc", made.calls, rows.digest, target.signature, errors, made.seconds, rows.notes, before, after,
        tuple(server.versions),
    )  # fmt: skip
