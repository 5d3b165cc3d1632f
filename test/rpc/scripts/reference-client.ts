/**
 * OpenClaw's own client, unmodified, on whatever Node runs this: `node reference-client.ts <its entry> <ws url> <token>`.
 * What it was told goes to stdout as one line of JSON; judging it is the test's business.
 */
import { createHash, createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { pathToFileURL } from "node:url";

/** As much of the package as is used here. */
interface Client {
  readonly start: () => void;
  readonly stopAndWait: () => Promise<void>;
  readonly request: (method: string, params?: object, options?: object) => Promise<{ readonly [field: string]: unknown }>;
}

interface RunEvent {
  readonly runId?: string;
  readonly state?: string;
  readonly stream?: string;
}

interface EventFrame {
  readonly event: string;
  readonly payload: RunEvent;
}

interface Projection {
  readonly runs: { readonly [runId: string]: { readonly status: string; readonly message?: unknown } };
}

interface Package {
  readonly GatewayClient: new (options: object) => Client;
  readonly createSessionProjection: (scope: object) => Projection;
  readonly reduceSessionProjectionRunEvent: (projection: Projection, event: RunEvent) => { readonly projection: Projection } | null;
}

const [entry = "", url = "", token = ""] = process.argv.slice(2);
const { GatewayClient, createSessionProjection, reduceSessionProjectionRunEvent } = (await import(pathToFileURL(entry).href)) as Package;

const events: EventFrame[] = [];
const gaps: unknown[] = [];
const waiting = new Set<() => void>();

function until(isReached: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (!isReached()) return;
      waiting.delete(check);
      resolve();
    };
    waiting.add(check);
    check();
  });
}

function connect(options: object): Promise<{ client: Client; hello: { readonly [field: string]: unknown } }> {
  return new Promise((resolve, reject) => {
    const client: Client = new GatewayClient({
      url,
      token,
      minProtocol: 4,
      maxProtocol: 4,
      onHelloOk: (hello: { readonly [field: string]: unknown }) => resolve({ client, hello }),
      onConnectError: reject,
      onEvent: (event: EventFrame) => {
        events.push(event);
        for (const check of [...waiting]) check();
      },
      onGap: (gap: unknown) => gaps.push(gap),
      ...options,
    });
    client.start();
  });
}

function endOf(runId: unknown): Promise<void> {
  const isEnd = ({ event, payload }: EventFrame): boolean => event === "chat" && payload.runId === runId && payload.state !== "delta";
  return until(() => events.some(isEnd));
}

async function failureOf(promise: Promise<unknown>): Promise<object> {
  try {
    await promise;
  } catch (thrown) {
    const { name, message, gatewayCode, details } = thrown as { name: string; message: string; gatewayCode?: string; details?: object };
    return { name, message, gatewayCode, details };
  }
  return { name: "none" };
}

/** A connection as the apps make them, with a key of their own; and how the client stops trying with a wrong token. */
async function connectAsDevice(): Promise<unknown> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x!, "base64url");
  const deviceIdentity = {
    deviceId: createHash("sha256").update(raw).digest("hex"),
    publicKeyPem: publicKey.export({ type: "spki", format: "pem" }),
    privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }),
  };
  const hostDeps = {
    signDevicePayload: (pem: string, payload: string) => sign(null, Buffer.from(payload), createPrivateKey(pem)).toString("base64url"),
    publicKeyRawBase64UrlFromPem: () => raw.toString("base64url"),
  };
  const { client, hello } = await connect({ deviceIdentity, hostDeps, clientName: "openclaw-macos", mode: "ui", deviceFamily: "Mac" });
  await client.stopAndWait();
  return hello["auth"];
}

async function pauseWithWrongToken(): Promise<unknown> {
  return new Promise((resolve) => {
    const client = new GatewayClient({
      url,
      token: "wrong",
      minProtocol: 4,
      maxProtocol: 4,
      onReconnectPaused: resolve,
      onConnectError: () => undefined,
    });
    client.start();
  });
}

const { client, hello } = await connect({});
const results: { [name: string]: unknown } = {};
for (const method of ["health", "status", "agents.list", "models.list"]) results[method] = await client.request(method, {});

const sent = await client.request("chat.send", { sessionKey: "main", message: "hi", idempotencyKey: crypto.randomUUID() });
await endOf(sent["runId"]);
let projection = createSessionProjection({ sessionKey: sent["sessionKey"] });
for (const { event, payload } of events) {
  if (event === "chat") projection = reduceSessionProjectionRunEvent(projection, payload)?.projection ?? projection;
}
results["chat.send"] = sent;
results["projected"] = projection.runs[sent["runId"] as string];

const acks: unknown[] = [];
const asked = { message: "6 times 7?", sessionKey: "agent:main:main", idempotencyKey: crypto.randomUUID() };
results["agent"] = await client.request("agent", asked, { expectFinal: true, onAccepted: (ack: unknown) => acks.push(ack) });
results["accepted"] = acks;
results["chat.history"] = await client.request("chat.history", { sessionKey: "main", limit: 50 });

const endless = await client.request("chat.send", { sessionKey: "main", message: "Go on.", idempotencyKey: crypto.randomUUID() });
await until(() => events.some(({ payload }) => payload.runId === endless["runId"] && payload.state === "delta"));
results["chat.abort"] = await client.request("chat.abort", { sessionKey: "main", runId: endless["runId"] });
await endOf(endless["runId"]);
results["agent.wait"] = await client.request("agent.wait", { runId: endless["runId"], timeoutMs: 1000 });
results["sessions.list"] = await client.request("sessions.list", {});
results["sessions.delete"] = await client.request("sessions.delete", { key: "main" });
results["unknown"] = await failureOf(client.request("sessions.messages.subscribe", { key: "main" }));
await client.stopAndWait();

results["device"] = await connectAsDevice();
results["paused"] = await pauseWithWrongToken();
console.log(JSON.stringify({ node: process.version, hello, results, events, gaps }));
process.exit(0);
