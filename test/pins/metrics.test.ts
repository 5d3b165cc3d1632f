/**
 * The names, types and labels of all metrics, as dashboards and alerts have them. A red line here asks: did you mean to
 * break those of everybody?
 */
import { afterAll, expect, test } from "@jest/globals";
import { onProvider } from "../faces/provider.ts";
import { say, startGateway } from "../support/gateway.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { startStubUpstream, type StubUpstream } from "../support/stub-upstream.ts";
import { scrapeUntil, total } from "../telemetry/exposition.ts";

const model = ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"];

const pinned: { readonly [name: string]: readonly [type: string, ...labels: string[]] } = {
  clawgate_build_info: ["gauge", "node_version", "version"],
  clawgate_config_last_reload_successful: ["gauge"],
  clawgate_config_restart_pending: ["gauge"],
  clawgate_event_loop_delay_seconds: ["histogram"],
  clawgate_http_request_duration_seconds: ["histogram", "operation"],
  clawgate_http_requests_total: ["counter", "code", "operation", "status"],
  clawgate_model_fallbacks_total: ["counter", "code", "from", "to"],
  clawgate_run_duration_seconds: ["histogram", "agent"],
  clawgate_run_queue_seconds: ["histogram", "agent"],
  clawgate_runs_active: ["gauge"],
  clawgate_runs_active_limit: ["gauge"],
  clawgate_runs_queued: ["gauge"],
  clawgate_runs_queued_limit: ["gauge"],
  clawgate_runs_total: ["counter", "agent", "code", "status"],
  clawgate_sessions_occupied: ["gauge"],
  clawgate_tool_calls_total: ["counter", "outcome", "tool"],
  clawgate_tool_duration_seconds: ["histogram", "tool"],
  clawgate_websocket_connections: ["gauge"],
  clawgate_websocket_requests_total: ["counter", "code", "method"],
  gen_ai_client_operation_duration_seconds: ["histogram", "error_type", ...model],
  gen_ai_client_token_usage: ["histogram", ...model, "gen_ai_token_type"],
  gen_ai_server_time_per_output_token_seconds: ["histogram", ...model],
  gen_ai_server_time_to_first_token_seconds: ["histogram", ...model],
  nodejs_heap_size_used_bytes: ["gauge"],
  process_cpu_seconds_total: ["counter"],
  process_max_fds: ["gauge"],
  process_open_fds: ["gauge"],
  process_resident_memory_bytes: ["gauge"],
  process_start_time_seconds: ["gauge"],
};

let stub: StubUpstream | undefined;
afterAll(() => stub?.close());

test("metrics have these names, types and labels", async () => {
  stub = await startStubUpstream();
  const fallbacks = { model: { primary: "stub/test-model", fallbacks: ["builtin/offline"] } };
  const gateway = await startGateway(onProvider(stub.url, fallbacks));
  stub.reply({ toolCalls: [{ name: "calculator", arguments: '{"expression":"6 * 7"}' }] }, { text: "42" }, { status: 404, body: "gone" });
  await gateway.chat(say("6 * 7?"));
  await gateway.chat(say("hi"));
  await (await RpcClient.connect(gateway.url)).close();
  const { types, samples } = await scrapeUntil(
    gateway,
    (one) => total(one, "clawgate_http_requests_total", { operation: "getMetrics" }) > 0,
  );
  const found = [...types].map(([name, type]) => {
    const own = samples.filter((sample) => sample.name === name || (type === "histogram" && sample.name === `${name}_count`));
    return [name, [type, ...new Set(own.flatMap(({ labels }) => Object.keys(labels)).sort())]];
  });
  // Only Linux says how many files a process has open.
  const wanted = Object.entries(pinned).filter(([name]) => process.platform === "linux" || !/_fds$/.test(name));
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
});
