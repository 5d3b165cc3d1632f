/** Runs, their ends, their events and completions for the store's tests. No assertions here. */
import type { KeptCompletion } from "../../src/domain/kept-completion.ts";
import type { RunEvent } from "../../src/domain/run.ts";
import type { NumberedEvent, OpenedRun, RunEnding, RunOutcome, RunStore } from "../../src/domain/run-record.ts";

export const day = 86_400_000;

export function runOf(id: string, change: Partial<OpenedRun> = {}): OpenedRun {
  const createdAt = Date.now();
  return {
    id,
    agentId: "main",
    sessionKey: `agent:main:openai:${id}`,
    owner: "main",
    modelName: "openclaw",
    model: "stub/first",
    isBackground: true,
    createdAt,
    expiresAt: createdAt + day,
    ...change,
  };
}

export const outcome: RunOutcome = { status: "completed", model: "stub/last", turns: 1, finishReason: "stop", endedAt: 1_700_000_000_000 };

export function endingOf(runId: string, change: Partial<RunEnding> = {}): RunEnding {
  return { runId, outcome, events: [], freesKey: false, ...change };
}

/** Texts, numbered from `first`. */
export function texts(first: number, ...said: readonly string[]): NumberedEvent[] {
  return numbered(
    first,
    said.map((text) => ({ type: "text_delta", text })),
  );
}

export function numbered(first: number, events: readonly RunEvent[]): NumberedEvent[] {
  return events.map((event, index) => ({ seq: first + index, event }));
}

/** All events after number `after`, and how many each page had. */
export async function readAll(runs: RunStore, runId: string, after = 0): Promise<{ events: NumberedEvent[]; pages: number[] }> {
  const events: NumberedEvent[] = [];
  const pages: number[] = [];
  for (;;) {
    const page = await runs.readEvents(runId, events.at(-1)?.seq ?? after);
    if (page.length === 0) return { events, pages };
    events.push(...page);
    pages.push(page.length);
  }
}

export function completionOf(runId: string, change: Partial<KeptCompletion> = {}): KeptCompletion {
  const createdAt = Date.now();
  return {
    runId,
    agentId: "main",
    owner: "main",
    modelName: "openclaw",
    createdAt,
    expiresAt: createdAt + 30 * day,
    metadata: {},
    result: {
      text: `answer of ${runId}`,
      refusal: "",
      reasoning: "",
      toolCalls: [],
      end: { type: "run_end", status: "completed", finishReason: "stop", model: "stub/last", turns: 1 },
    },
    input: [{ role: "user", content: [{ type: "text", text: `question of ${runId}` }] }],
    ...change,
  };
}
