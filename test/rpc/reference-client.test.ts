/**
 * OpenClaw's published client talks to the gateway unmodified: it and a Node that it runs on are fetched from npm into a
 * folder of their own for the time of the test. Where they cannot be had the test is skipped, and says why.
 *
 * What the gateway sends is held against the schema that OpenClaw publishes, too.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, expect, test } from "@jest/globals";
import type { events, methods } from "../../generated/rpc.ts";
import { installFromNpm } from "../clients/npm-install.ts";
import { printSkipped, runProcess } from "../clients/processes.ts";
import { onProvider } from "../faces/provider.ts";
import { startGateway, testToken } from "../support/gateway.ts";
import { startStubUpstream } from "../support/stub-upstream.ts";

const nodeVersion = "22.20.0";
const clientVersion = "2026.9.1";
const packages = ["gateway-client", "gateway-protocol"].map((name) => `@openclaw/${name}@${clientVersion}`);

const script = fileURLToPath(new URL("scripts/reference-client.ts", import.meta.url));
const prefix = await mkdtemp(join(tmpdir(), "clawgate-reference-"));
const removePrefix = (): Promise<void> => rm(prefix, { recursive: true, force: true });
const modules = join(prefix, "node_modules");
const node = join(modules, "node", "bin", "node");

/** Why it cannot be had here; undefined when it can. */
async function install(): Promise<string | undefined> {
  const problem = await installFromNpm([...packages, `node@${nodeVersion}`], prefix);
  if (problem !== undefined) return problem;
  try {
    const { code, stdout, stderr } = await runProcess(node, ["--version"], { timeoutMs: 10_000 });
    return code === 0 && stdout.trim() === `v${nodeVersion}` ? undefined : `what npm installed is not it: ${stdout}${stderr}`;
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

const reason = await install();
if (reason !== undefined) {
  printSkipped(`OpenClaw's client ${clientVersion} on Node ${nodeVersion}, because ${reason}`);
  // When every test is skipped, nothing is called afterwards.
  await removePrefix();
}

afterAll(removePrefix);

const withClient = reason === undefined ? test : test.skip;

interface Told {
  readonly hello: methods["connect"]["result"];
  readonly results: {
    readonly [Method in keyof methods]: methods[Method]["result"];
  } & {
    readonly accepted: readonly methods["agent"]["ack"][];
    readonly projected: unknown;
    readonly unknown: unknown;
    readonly device: unknown;
    readonly paused: unknown;
  };
  readonly events: readonly (
    { readonly event: "chat"; readonly payload: events["chat"] } | { readonly event: "agent"; readonly payload: events["agent"] }
  )[];
  readonly gaps: readonly unknown[];
}

withClient(
  "OpenClaw's client connects, lists agents, runs a chat, gets its history and aborts",
  async () => {
    const stub = await startStubUpstream();
    try {
      const gateway = await startGateway(onProvider(stub.url));
      const sum = { id: "c1", name: "calculator", arguments: '{"expression":"6 * 7"}' };
      stub.reply({ text: "Hello, Ada." }, { toolCalls: [sum] }, { text: "It is 42." }, { text: "On and on", ending: "hang" });
      const entry = join(modules, "@openclaw/gateway-client/dist/index.mjs");
      const run = await runProcess(
        node,
        ["--disable-warning=ExperimentalWarning", script, entry, gateway.url.replace("http", "ws"), testToken],
        {
          timeoutMs: 20_000,
        },
      );
      expect(run).toMatchObject({ code: 0, stderr: "" });
      const { hello, results, events: told, gaps } = JSON.parse(run.stdout) as Told;

      expect(hello.auth).toEqual({ role: "operator", scopes: ["operator.admin"] });
      expect(results["agents.list"].agents.map(({ id }) => id)).toEqual(["main", "plain"]);
      expect(results.projected).toMatchObject({ status: "completed", message: { content: [{ type: "text", text: "Hello, Ada." }] } });
      expect(results.accepted).toMatchObject([{ status: "accepted", sessionKey: "agent:main:main" }]);
      expect(results.agent).toMatchObject({ status: "ok", result: { text: "It is 42.", turns: 2 } });
      expect(results["chat.history"].messages.map(({ role }) => role)).toEqual([
        "user",
        "assistant",
        "user",
        "assistant",
        "toolResult",
        "assistant",
      ]);
      expect(results["chat.abort"]).toMatchObject({ ok: true, aborted: true });
      expect(results["agent.wait"]).toMatchObject({ status: "aborted" });
      expect(results["sessions.delete"]).toMatchObject({ key: "agent:main:main", deleted: true });
      expect(results.unknown).toMatchObject({
        name: "GatewayClientRequestError",
        gatewayCode: "INVALID_REQUEST",
        details: { code: "UNKNOWN_METHOD" },
      });
      expect(results.device).toEqual({ role: "operator", scopes: ["operator.admin"] });
      expect(results.paused).toMatchObject({ code: 1008, detailCode: "AUTH_TOKEN_MISMATCH" });
      expect(gaps).toEqual([]);

      const complaints = await complaintsOf([
        ["HelloOk", hello],
        ["AgentsListResult", results["agents.list"]],
        ["ModelsListResult", results["models.list"]],
        ["SessionsDeleteResult", results["sessions.delete"]],
        ...results["sessions.list"].sessions.map((row) => ["SessionRow", row] as const),
        ...told.map(({ event, payload }) => [event === "chat" ? "ChatEvent" : "AgentEvent", payload] as const),
      ]);
      expect(complaints).toEqual([]);
      expect(results["sessions.list"].sessions).toHaveLength(1);
      expect(told.map(({ event }) => event)).toEqual(expect.arrayContaining(["agent", "chat"]));
    } finally {
      await stub.close();
    }
  },
  60_000,
);

/** By the schema that comes with OpenClaw's protocol package. */
async function complaintsOf(values: readonly (readonly [definition: string, value: unknown])[]): Promise<string[]> {
  const { $schema: _dialect, ...schema } = JSON.parse(
    await readFile(join(modules, "@openclaw/gateway-protocol/protocol.schema.json"), "utf8"),
  ) as { $schema: string };
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
  ajv.addSchema({ ...schema, $id: "openclaw" });
  return values.flatMap(([definition, value]) => {
    const validate = ajv.getSchema(`openclaw#/definitions/${definition}`)!;
    return validate(value) ? [] : [`${definition}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value)}`];
  });
}
