/** The faces as one suite sees them: each is asked one message and says what its caller learned. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "@jest/globals";
import { runCli } from "../support/cli.ts";
import { say, type TestGateway } from "../support/gateway.ts";
import { RpcClient, RpcFailure } from "../support/rpc-client.ts";
import { hasTerminal, runOnTerminal } from "../support/terminal.ts";
import { type Chunk, foldStream } from "./event-stream.ts";

/** What a caller learns. Faces that do not show a thing leave it out. */
export interface Answer {
  readonly text?: string;
  readonly reasoning?: string;
  readonly refusal?: string;
  readonly finishReason?: string;
  /** The agent's own tools that began to work, in order. */
  readonly tools?: readonly string[];
  /** `null`: none was reported. */
  readonly usage?: { readonly input: number; readonly output: number; readonly cached?: number; readonly reasoning?: number } | null;
  /** A face that shows no code says null. */
  readonly error?: { readonly code: string | null; readonly message: string };
}

export interface Subject {
  readonly name: string;
  /** What this face can show of an answer. */
  readonly shows: readonly (keyof Answer)[];
  readonly ask: (gateway: TestGateway, message: string, sessionKey: string) => Promise<Answer>;
}

interface Completion {
  readonly choices: readonly [
    {
      readonly finish_reason: string;
      readonly message: { readonly content: string | null; readonly reasoning_content?: string; readonly refusal: string | null };
    },
  ];
  readonly usage?: WireUsage;
}

/** What `--json` prints. */
interface CliAnswer {
  readonly status: string;
  readonly text?: string;
  readonly reasoning?: string;
  readonly refusal?: string;
  readonly finishReason?: string;
  readonly usage?: { inputTokens: number; outputTokens: number; cachedInputTokens?: number; reasoningTokens?: number };
  readonly error?: { readonly code: string; readonly message: string };
}

interface WireUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens: number };
  readonly completion_tokens_details?: { readonly reasoning_tokens: number };
}

function usageOf(usage: WireUsage | undefined): NonNullable<Answer["usage"]> | null {
  if (!usage) return null;
  const cached = usage.prompt_tokens_details?.cached_tokens;
  const reasoning = usage.completion_tokens_details?.reasoning_tokens;
  return {
    input: usage.prompt_tokens,
    output: usage.completion_tokens,
    ...(cached === undefined ? {} : { cached }),
    ...(reasoning === undefined ? {} : { reasoning }),
  };
}

async function errorOf(response: Response): Promise<{ code: string; message: string }> {
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  return { code: error.code, message: error.message };
}

const json: Subject = {
  name: "JSON",
  shows: ["text", "reasoning", "refusal", "finishReason", "usage", "error"],
  ask: async (gateway, message, sessionKey) => {
    const response = await gateway.chat(say(message), { "x-openclaw-session-key": sessionKey });
    if (!response.ok) return { error: await errorOf(response) };
    const { choices, usage } = (await response.json()) as Completion;
    const [{ message: spoken, finish_reason: finishReason }] = choices;
    const { content, reasoning_content: reasoning = "", refusal } = spoken;
    return {
      text: content ?? "",
      reasoning,
      refusal: refusal ?? "",
      finishReason,
      usage: usageOf(usage),
    };
  },
};

const sse: Subject = {
  name: "SSE",
  shows: [...json.shows, "tools"],
  ask: async (gateway, message, sessionKey) => {
    const body = say(message, { stream: true, stream_options: { include_usage: true } });
    const response = await gateway.chat(body, { "x-openclaw-session-key": sessionKey, "x-openclaw-events": "true" });
    if (!response.ok) return { error: await errorOf(response) };
    const { chunks, text, reasoning, refusal, finishReason, usage, error, isDone } = await foldStream(response);
    expect(isDone).toBe(true);
    if (error) return { error: { code: error.code, message: error.message } };
    const tools = chunks.flatMap(({ openclaw }: Chunk & { openclaw?: { type: string; name: string } }) =>
      openclaw?.type === "tool_start" ? [openclaw.name] : [],
    );
    return { text, reasoning, refusal, ...(finishReason === undefined ? {} : { finishReason }), tools, usage: usageOf(usage as WireUsage) };
  },
};

/** Which gateway the command line works through. */
const places = [
  { name: "CLI", way: () => ["--local"] },
  { name: "CLI through the gateway", way: ({ url }: TestGateway) => ["--url", url] },
];
type Place = (typeof places)[number];

const cliJson = ({ name, way }: Place): Subject => ({
  name: `${name}, with --json`,
  shows: json.shows,
  ask: async (gateway, message, sessionKey) => {
    const { code, stdout, stderr } = await runCli(["agent", "--json", ...way(gateway), ...flags(gateway, message, sessionKey)]);
    expect(stderr).toBe("");
    expect(stdout.trimEnd()).not.toContain("\n");
    const body = JSON.parse(stdout) as CliAnswer;
    expect(code).toBe(body.status === "completed" ? 0 : 1);
    if (body.error) return { error: body.error };
    const { cachedInputTokens: cached, reasoningTokens } = body.usage ?? {};
    const details = {
      ...(cached === undefined ? {} : { cached }),
      ...(reasoningTokens === undefined ? {} : { reasoning: reasoningTokens }),
    };
    return {
      text: body.text ?? "",
      reasoning: body.reasoning ?? "",
      refusal: body.refusal ?? "",
      finishReason: body.finishReason ?? "",
      usage: body.usage ? { input: body.usage.inputTokens, output: body.usage.outputTokens, ...details } : null,
    };
  },
});

const cliText = ({ name, way }: Place): Subject => ({
  name,
  shows: ["text", "error"],
  ask: async (gateway, message, sessionKey) => {
    const { code, stdout, stderr } = await runCli(["agent", ...way(gateway), ...flags(gateway, message, sessionKey)]);
    if (code !== 0) {
      expect(code).toBe(1);
      return { error: { code: null, message: stderr.trimEnd() } };
    }
    expect(stderr).toBe("");
    return { text: stdout.replace(/\n$/, "") };
  },
});

/** Its text goes to a file, so that the terminal has all else. */
const cliTerminal = ({ name, way }: Place): Subject => ({
  name: `${name}, on a terminal`,
  shows: ["text", "tools", "error"],
  ask: async (gateway, message, sessionKey) => {
    const output = join(gateway.folder, "output.txt");
    const { code, shown } = await runOnTerminal(["agent", ...way(gateway), ...flags(gateway, message, sessionKey)], { output });
    const lines = shown.split("\n").filter((line) => line !== "");
    const tools = lines.filter((line) => line.startsWith("· ")).map((line) => line.slice(2));
    const others = lines.filter((line) => !line.startsWith("· ")).join("\n");
    expect(code).toBe(others === "" ? 0 : 1);
    if (others !== "") return { error: { code: null, message: others } };
    return { text: (await readFile(output, "utf8")).replace(/\n$/, ""), tools };
  },
});

const wsAgent: Subject = {
  name: "WS agent",
  shows: sse.shows,
  ask: (gateway, message, sessionKey) =>
    overWebSocket(gateway, async (client) => {
      const { payload } = await client.start("agent", { message, sessionKey }).final;
      const { text, reasoning = "", refusal = "", finishReason, usage } = payload.result;
      const tools = toolsOf(client, payload.runId);
      const details = {
        ...(usage?.cacheRead === undefined ? {} : { cached: usage.cacheRead }),
        ...(usage?.reasoning === undefined ? {} : { reasoning: usage.reasoning }),
      };
      return {
        text,
        reasoning,
        refusal,
        finishReason,
        tools,
        usage: usage ? { input: usage.input, output: usage.output, ...details } : null,
      };
    }),
};

const wsChat: Subject = {
  name: "WS chat.send",
  shows: ["text", "tools", "error"],
  ask: (gateway, message, sessionKey) =>
    overWebSocket(gateway, async (client) => {
      const { runId } = await client.request("chat.send", { message, sessionKey, idempotencyKey: `${sessionKey} ${message}` });
      const { state, errorMessage = "", message: reply } = await client.chatEnd(runId);
      if (state === "error") return { error: { code: null, message: errorMessage } };
      const text = (reply?.content ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");
      const pieces = client.payloads("chat", runId).map(({ deltaText = "" }) => deltaText);
      expect(pieces.join("")).toBe(text);
      return { text, tools: toolsOf(client, runId) };
    }),
};

function toolsOf(client: RpcClient, runId: string): string[] {
  return client
    .payloads("agent", runId)
    .flatMap(({ stream, data }) => (stream === "tool" && "phase" in data && data.phase === "start" && "name" in data ? [data.name] : []));
}

async function overWebSocket(gateway: TestGateway, ask: (client: RpcClient) => Promise<Answer>): Promise<Answer> {
  const client = await RpcClient.connect(gateway.url);
  try {
    return await ask(client);
  } catch (thrown) {
    if (!(thrown instanceof RpcFailure)) throw thrown;
    return { error: { code: thrown.detail, message: thrown.message } };
  } finally {
    await client.close();
  }
}

function flags({ configPath }: TestGateway, message: string, sessionKey: string): string[] {
  return ["--config", configPath, "--message", message, "--session-key", sessionKey];
}

export const subjects: readonly Subject[] = [
  json,
  sse,
  wsAgent,
  wsChat,
  ...places.map(cliJson),
  ...places.map(cliText),
  ...(hasTerminal ? places.map(cliTerminal) : []),
];
