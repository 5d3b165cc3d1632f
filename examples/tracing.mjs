// Sends the traces of a gateway to a collector. In a folder with nothing but this file:
//
//   npm install @opentelemetry/sdk-trace-node @opentelemetry/exporter-trace-otlp-http
//   OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 NODE_OPTIONS="--import $PWD/tracing.mjs" clawgate gateway
//
// The gateway itself brings no SDK: which spans are kept, and where they go, is decided here.
import process from "node:process";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const name = resourceFromAttributes({ "service.name": process.env.OTEL_SERVICE_NAME ?? "clawgate" });
const provider = new NodeTracerProvider({
  resource: defaultResource().merge(name),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();
