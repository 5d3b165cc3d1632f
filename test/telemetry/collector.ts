/** An OpenTelemetry collector on the loopback, as far as traces in JSON over HTTP go: it keeps the spans it is sent. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll } from "@jest/globals";

export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly kind: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly isError: boolean;
  readonly attributes: { readonly [name: string]: unknown };
}

export interface Collector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  /** All that it was sent, as text. */
  readonly text: string;
  /** Of whoever sent it. */
  readonly services: ReadonlySet<unknown>;
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly [type: string]: unknown };
}
interface SentSpan extends Omit<CollectedSpan, "startMs" | "endMs" | "isError" | "attributes"> {
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number };
  readonly attributes: readonly Attribute[];
}
interface Sent {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  }[];
}

const cleanups: (() => void)[] = [];

afterAll(() => cleanups.splice(0).forEach((close) => close()));

export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const services = new Set<unknown>();
  let text = "";
  const server = createServer((incoming, outgoing) => {
    const pieces: Buffer[] = [];
    incoming.on("data", (piece: Buffer) => pieces.push(piece));
    incoming.once("end", () => {
      const body = Buffer.concat(pieces).toString();
      text += body;
      for (const { resource, scopeSpans } of (JSON.parse(body) as Sent).resourceSpans) {
        services.add(valuesOf(resource.attributes)["service.name"]);
        spans.push(...scopeSpans.flatMap((scope) => scope.spans.map(collected)));
      }
      outgoing.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    services,
    get text() {
      return text;
    },
  };
}

function collected({ name, traceId, spanId, parentSpanId, kind, ...span }: SentSpan): CollectedSpan {
  const ms = (nano: string): number => Number(nano) / 1e6;
  return {
    name,
    traceId,
    spanId,
    parentSpanId,
    kind,
    startMs: ms(span.startTimeUnixNano),
    endMs: ms(span.endTimeUnixNano),
    isError: span.status.code === 2,
    attributes: valuesOf(span.attributes),
  };
}

function valuesOf(attributes: readonly Attribute[]): { [name: string]: unknown } {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
