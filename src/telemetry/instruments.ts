/**
 * Every metric that counts what happens: its name, its labels, its buckets, in a registry of its own, so that two programs
 * can be open in one process.
 *
 * Names that begin with `gen_ai_` are those of OpenTelemetry's conventions, as Prometheus spells them.
 * Deliberately absent: when to count (`run-metrics.ts`, `telemetry.ts`) and what is only looked at when somebody asks
 * (`gauges.ts`).
 */
import Counter from "prom-client/lib/counter.js";
import Registry from "prom-client/lib/registry.js";
import { Distribution } from "./distribution.ts";

/** Of requests and runs, from a probe to a run that takes ten minutes. */
const longSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const modelLabels = ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"] as const;

export class Instruments {
  readonly registry = new Registry();

  readonly runs = this.#counter("clawgate_runs_total", "Runs that have ended.", ["agent", "status", "code"]);
  readonly runSeconds = this.#distribution(
    "clawgate_run_duration_seconds",
    "From a run's place in the queue to its end.",
    ["agent"],
    longSeconds,
  );
  readonly queueSeconds = this.#distribution(
    "clawgate_run_queue_seconds",
    "How long runs waited before they began.",
    ["agent"],
    longSeconds,
  );
  readonly fallbacks = this.#counter("clawgate_model_fallbacks_total", "Models that failed and gave way to another one.", [
    "from",
    "to",
    "code",
  ]);
  readonly toolCalls = this.#counter("clawgate_tool_calls_total", "Calls of the agents' own tools that have ended.", ["tool", "outcome"]);
  readonly toolSeconds = this.#distribution(
    "clawgate_tool_duration_seconds",
    "How long a call of such a tool took.",
    ["tool"],
    longSeconds,
  );

  readonly tokens = this.#distribution(
    "gen_ai_client_token_usage",
    "Tokens of one call of a language model, as its provider counted them.",
    [...modelLabels, "gen_ai_token_type"],
    Array.from({ length: 14 }, (_, power) => 4 ** power),
  );
  readonly modelSeconds = this.#distribution(
    "gen_ai_client_operation_duration_seconds",
    "How long a call of a language model took, to its last word or its failure.",
    [...modelLabels, "error_type"],
    Array.from({ length: 14 }, (_, power) => 2 ** power / 100),
  );
  readonly firstTokenSeconds = this.#distribution(
    "gen_ai_server_time_to_first_token_seconds",
    "From the call of a language model to the first piece of its reply.",
    modelLabels,
    [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  );
  readonly outputTokenSeconds = this.#distribution(
    "gen_ai_server_time_per_output_token_seconds",
    "Time for each token of a reply after the first piece.",
    modelLabels,
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5],
  );

  readonly requests = this.#counter("clawgate_http_requests_total", "HTTP requests that were answered.", ["operation", "status", "code"]);
  readonly requestSeconds = this.#distribution(
    "clawgate_http_request_duration_seconds",
    "From a request's headers to the end of its reply.",
    ["operation"],
    longSeconds,
  );
  readonly rpcRequests = this.#counter("clawgate_websocket_requests_total", "Requests over WebSockets that were answered.", [
    "method",
    "code",
  ]);

  #counter<const Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  #distribution<const Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    buckets: number[],
  ): Distribution<Label> {
    return new Distribution({ name, help, labelNames, buckets, registry: this.registry });
  }
}
