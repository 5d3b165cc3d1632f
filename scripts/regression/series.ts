/**
 * What is measured of both builds, in rounds: each round has a sample of either, one right after the other or both at the
 * same time, and only their ratio is of interest. All are costs, so that more is worse.
 */
import { join } from "node:path";
import { Client, type Check } from "../bench/load.ts";
import { ask, type Question } from "../bench/requests.ts";
import { token, writeConfig } from "../bench/subjects.ts";
import { memoryMb, plainEnvironment, startServer, type ServerProcess } from "../server-process.ts";
import { lookInside, probeFlags } from "../soak/inside.ts";

/** By what is measured. */
export interface Sample {
  readonly [cost: string]: number;
}

export interface Build {
  readonly folder: string;
  /** Of the gateway that is asked all the time, and of those that are only started: each has its own database. */
  readonly configs: { readonly asked: string; readonly started: string };
}

export interface Subject extends Build {
  readonly gateway: ServerProcess;
}

export interface Series {
  readonly costs: readonly string[];
  readonly rounds: number;
  /** Both builds at the same time: what else the machine does meets both of them. */
  readonly isSideBySide?: boolean;
  /** `round` has its own number in each of them. */
  measure(subject: Subject, round: number): Promise<Sample>;
}

const atOnce = { completions: 8, streams: 6, sessions: 4 };
const chunksOfStream = 500;
const turnsOfSession = 5;
const sessionsOfRound = 20;
const firstAnswers = 20;

const isCompletion: Check = (text) => (text.includes('"finish_reason":"stop"') ? undefined : "not a completion");
const isWhole: Check = (text) => (text.endsWith("data: [DONE]\n\n") && !text.includes('"error"') ? undefined : "not a whole stream");

export function prepare(folder: string, upstreamUrl: string): Build {
  return { folder, configs: { asked: writeConfig(upstreamUrl), started: writeConfig(upstreamUrl) } };
}

export function start({ folder, configs }: Build, which: keyof Build["configs"]): Promise<ServerProcess> {
  const command = [join(folder, "bin/clawgate.js"), "gateway", "--config", configs[which], "--port", "0"];
  return startServer([...probeFlags, ...command], { env: plainEnvironment({}), cwd: folder, readsStderr: true });
}

/** What runs hot is compiled before anything is measured. */
export async function warmUp({ gateway }: Subject): Promise<void> {
  await load(gateway, ask("openclaw:plain", { token }), atOnce.completions, 3_000, isCompletion);
  await load(gateway, ask("openclaw:long", { token, stream: true }), atOnce.streams, 30, isWhole);
  await haveSessions(gateway, "warm-up");
}

const completions: Series = {
  costs: ["processor time of a completion, 8 at once", "time of a completion, 8 at once"],
  rounds: 11,
  async measure({ gateway }) {
    const [used, { count, seconds }] = await cpuOf(gateway, () =>
      load(gateway, ask("openclaw:plain", { token }), atOnce.completions, 500, isCompletion),
    );
    return sampleOf(this, used / count, (seconds * 1000) / count);
  },
};

const streams: Series = {
  costs: ["processor time of a streamed chunk"],
  rounds: 6,
  isSideBySide: true,
  async measure({ gateway }) {
    const [used, { count }] = await cpuOf(gateway, () =>
      load(gateway, ask("openclaw:steady", { token, stream: true }), atOnce.streams, atOnce.streams, isWhole),
    );
    return sampleOf(this, used / count / chunksOfStream);
  },
};

const sessions: Series = {
  costs: ["processor time of a request with a session"],
  rounds: 9,
  async measure({ gateway }, round) {
    const [used] = await cpuOf(gateway, () => haveSessions(gateway, `round-${round}`));
    return sampleOf(this, used / (sessionsOfRound * turnsOfSession));
  },
};

const starts: Series = {
  costs: ["time from the start to the first answer", "memory after the first answers"],
  rounds: 9,
  isSideBySide: true,
  async measure(subject) {
    const startedAt = performance.now();
    const gateway = await start(subject, "started");
    try {
      await load(gateway, ask("openclaw:plain", { token }), 1, 1, isCompletion);
      const startMs = performance.now() - startedAt;
      await load(gateway, ask("openclaw:plain", { token }), 1, firstAnswers, isCompletion);
      return sampleOf(this, startMs, memoryMb(gateway.pid) ?? NaN);
    } finally {
      await gateway.stop();
    }
  },
};

export const allSeries: readonly Series[] = [completions, streams, sessions, starts];

function sampleOf({ costs }: Series, ...values: readonly number[]): Sample {
  return Object.fromEntries(costs.map((cost, n) => [cost, values[n] ?? NaN]));
}

async function cpuOf<T>(gateway: ServerProcess, work: () => Promise<T>): Promise<[number, T]> {
  const before = (await lookInside(gateway)).cpuMs;
  const result = await work();
  return [(await lookInside(gateway)).cpuMs - before, result];
}

async function load(gateway: ServerProcess, question: Question, concurrency: number, count: number, check: Check) {
  const client = new Client(gateway.url, concurrency);
  try {
    return await client.load(question, { concurrency, seconds: 60, maxCount: count }, check);
  } finally {
    await client.close();
  }
}

/** Conversations that nobody has had before, of a few turns each. */
async function haveSessions(gateway: ServerProcess, name: string): Promise<void> {
  const client = new Client(gateway.url, atOnce.sessions);
  const keys = Array.from({ length: sessionsOfRound }, (_, n) => `agent:plain:${name}-${n}`);
  const question = ask("openclaw:plain", { token });
  const converse = async (): Promise<void> => {
    for (let key = keys.shift(); key !== undefined; key = keys.shift()) {
      const asked = { ...question, headers: { ...question.headers, "x-openclaw-session-key": key } };
      for (let turn = 0; turn < turnsOfSession; turn++) {
        const { text } = await client.send(asked);
        const wrong = isCompletion(text);
        if (wrong !== undefined) throw new Error(`A wrong reply: ${wrong}: ${text.slice(0, 500)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce.sessions }, converse));
  await client.close();
}
