/** The faces as one suite sees them: each is asked one message and says what its caller learned. */
import { expect } from "@jest/globals";
import { runCli } from "../support/cli.ts";
import { say, type TestGateway } from "../support/gateway.ts";
import { foldStream } from "./event-stream.ts";

/** What a caller learns. Faces that do not show a thing leave it out. */
export interface Answer {
  readonly text?: string;
  readonly reasoning?: string;
  readonly refusal?: string;
  readonly finishReason?: string;
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
  shows: json.shows,
  ask: async (gateway, message, sessionKey) => {
    const body = say(message, { stream: true, stream_options: { include_usage: true } });
    const response = await gateway.chat(body, { "x-openclaw-session-key": sessionKey });
    if (!response.ok) return { error: await errorOf(response) };
    const { text, reasoning, refusal, finishReason, usage, error, isDone } = await foldStream(response);
    expect(isDone).toBe(true);
    if (error) return { error: { code: error.code, message: error.message } };
    return { text, reasoning, refusal, ...(finishReason === undefined ? {} : { finishReason }), usage: usageOf(usage as WireUsage) };
  },
};

const cliJson: Subject = {
  name: "CLI with --json",
  shows: json.shows,
  ask: async ({ configPath }, message, sessionKey) => {
    const { code, stdout, stderr } = await runCli([..."agent --json --config".split(" "), configPath, ...flags(message, sessionKey)]);
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
};

const cliText: Subject = {
  name: "CLI",
  shows: ["text", "error"],
  ask: async ({ configPath }, message, sessionKey) => {
    const { code, stdout, stderr } = await runCli(["agent", "--config", configPath, ...flags(message, sessionKey)]);
    if (code !== 0) {
      expect(code).toBe(1);
      return { error: { code: null, message: stderr.trimEnd() } };
    }
    expect(stderr).toBe("");
    return { text: stdout.replace(/\n$/, "") };
  },
};

function flags(message: string, sessionKey: string): string[] {
  return ["--message", message, "--session-key", sessionKey];
}

export const subjects: readonly Subject[] = [json, sse, cliJson, cliText];
