"""Others who read what we send, and who stand beside our interceptors: grpcio-status and OpenTelemetry."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import grpc
import grpc.aio
import grpc_service
import operr
import operr.grpc
import operr.grpc.aio
import pytest
from google.rpc import status_pb2  # type: ignore[import-untyped]
from grpc_service import aio_call, sync_call
from grpc_status import rpc_status  # type: ignore[import-untyped]
from opentelemetry.instrumentation import grpc as otel
from opentelemetry.instrumentation.grpc import grpcext
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

METHODS = list(grpc_service.METHODS)


def test_grpcio_status_reads_what_we_send() -> None:
    server = grpc_service.sync_server(grpc_service.sync_handlers(), operr.grpc.ServerInterceptor())
    with server as target, grpc.insecure_channel(target) as channel:
        for index in range(grpc_service.COUNT):
            sent = grpc_service.case(index)
            for method in ("Unary", "StreamMid"):
                error = sync_call(channel, method, b"%d" % index).error
                if sent.error_code == 77:
                    # It wants the code that gRPC has, which for 77 is UNKNOWN.
                    with pytest.raises(ValueError, match="Invalid status code 77"):
                        rpc_status.from_call(error)
                    continue
                status = rpc_status.from_call(error)
                assert status == status_pb2.Status.FromString(sent.to_bytes())
                assert (status.code, status.message) == (sent.error_code, sent.message)


def test_we_read_what_grpcio_status_sends() -> None:
    sent = grpc_service.case(4)

    def unary(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort_with_status(rpc_status.to_status(status_pb2.Status.FromString(sent.to_bytes())))

    with grpc_service.sync_server(grpc_service.handlers(unary)) as target, grpc.insecure_channel(target) as raw:
        channel = grpc.intercept_channel(raw, operr.grpc.ClientInterceptor())
        assert sync_call(channel, "Unary").error == sent


def code_of(span: ReadableSpan) -> Any:
    return (span.attributes or {})["rpc.grpc.status_code"]


NODE = 21
"""A case of a NotFoundError, with a node."""


@pytest.mark.parametrize("ours_is", ["inside", "outside"])
@pytest.mark.parametrize("client", ["sync", "aio"])
@pytest.mark.parametrize("server", ["sync", "aio"])
def test_opentelemetry(server: str, client: str, ours_is: str) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # OpenTelemetry's interceptor for grpc.aio takes all streams for async generators.
    methods = METHODS if server == "sync" else [method for method in METHODS if method != "StreamMid"]

    def call(target: str, method: str) -> Any:
        theirs: Any = otel.client_interceptor(provider)  # type: ignore[no-untyped-call]
        ours = operr.grpc.ClientInterceptor()
        with grpc.insecure_channel(target) as channel:
            if ours_is == "inside":
                channel = grpcext.intercept_channel(grpc.intercept_channel(channel, ours), theirs)  # type: ignore[no-untyped-call]
            else:
                channel = grpc.intercept_channel(grpcext.intercept_channel(channel, theirs), ours)  # type: ignore[no-untyped-call]
            return sync_call(channel, method, b"%d" % NODE).error

    async def call_aio(target: str, method: str) -> Any:
        theirs: Any = otel.aio_client_interceptors(provider)  # type: ignore[no-untyped-call]
        ours = operr.grpc.aio.client_interceptors()
        interceptors = [*theirs, *ours] if ours_is == "inside" else [*ours, *theirs]
        async with grpc.aio.insecure_channel(target, interceptors=interceptors) as channel:
            return (await aio_call(channel, method, b"%d" % NODE)).error

    async def run() -> list[Any]:
        async with AsyncExitStack() as stack:
            if server == "sync":
                theirs: Any = otel.server_interceptor(provider)  # type: ignore[no-untyped-call]
                ours: Any = operr.grpc.ServerInterceptor()
                interceptors = [theirs, ours] if ours_is == "inside" else [ours, theirs]
                context = grpc_service.sync_server(grpc_service.sync_handlers(), *interceptors)
                target = stack.enter_context(context)
            else:
                theirs = otel.aio_server_interceptor(provider)  # type: ignore[no-untyped-call]
                ours = operr.grpc.aio.ServerInterceptor()
                interceptors = [theirs, ours] if ours_is == "inside" else [ours, theirs]
                aio_context = grpc_service.aio_server(grpc_service.aio_handlers(), *interceptors)
                target = await stack.enter_async_context(aio_context)
            if client == "sync":
                return [await asyncio.to_thread(call, target, method) for method in methods]
            return [await call_aio(target, method) for method in methods]

    for error in asyncio.run(run()):
        assert isinstance(error, operr.NotFoundError) and isinstance(error, grpc.RpcError)
        assert error == grpc_service.case(NODE)

    spans = exporter.get_finished_spans()
    for kind in (SpanKind.CLIENT, SpanKind.SERVER):
        found = {str(span.name).rpartition("/")[2]: span for span in spans if span.kind is kind}
        assert sorted(found) == sorted(methods)
        for method, span in found.items():
            if kind is SpanKind.CLIENT:
                assert code_of(span) == grpc.StatusCode.NOT_FOUND.value[0], method
                assert span.status.status_code is StatusCode.ERROR
            elif ours_is == "inside":
                # OpenTelemetry's context has seen the abort.
                assert code_of(span) == grpc.StatusCode.NOT_FOUND.value[0], method
            else:
                # It has seen the exception.
                assert any(event.name == "exception" for event in span.events)
