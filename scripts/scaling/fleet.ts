/**
 * Several gateways on one database, and a client that asks any of them: each request goes over a kept-alive connection to one that is
 * chosen at random, as by a load balancer that knows nothing. The gateways are the built ones, each a process of its own.
 */
import { dirname, join } from "node:path";
import { type Asker, Client, type Reply } from "../bench/load.ts";
import { ask, type Question } from "../bench/requests.ts";
import { databaseName, startGateway, token, writeConfig } from "../bench/subjects.ts";
import type { ServerProcess } from "../server-process.ts";

const maxConcurrent = 512;
const sessionsAtOnce = 64;
const turnsPerSession = 5;

export interface Fleet {
  readonly gateways: readonly ServerProcess[];
  readonly location: string;
  stop(): Promise<void>;
}

/** `database`: a URL; unless told, a file for the one gateway. `workers`: processes that each gateway has. */
export async function startFleet(
  upstreamUrl: string,
  count: number,
  { database, listenUrl, workers }: { database?: string; listenUrl?: string; workers?: number } = {},
): Promise<Fleet> {
  const session = {
    ...(database === undefined ? {} : { database }),
    ...(listenUrl === undefined ? {} : { databaseListenUrl: listenUrl }),
  };
  const config = writeConfig(upstreamUrl, { maxConcurrent, session });
  const flags = workers === undefined ? [] : ["--workers", `${workers}`];
  const gateways: ServerProcess[] = [];
  const stop = async (): Promise<void> => void (await Promise.all(gateways.map((gateway) => gateway.stop())));
  try {
    for (let n = 0; n < count; n++) gateways.push(await startGateway(config, [], flags));
  } catch (error) {
    await stop();
    throw error;
  }
  return { gateways, location: database ?? join(dirname(config), databaseName), stop };
}

export class SpreadClient implements Asker {
  readonly #clients: readonly Client[];

  constructor(gateways: readonly ServerProcess[], connections: number) {
    this.#clients = gateways.map(({ url }) => new Client(url, connections));
  }

  send(question: Question, firstMark?: string): Promise<Reply> {
    return this.#clients[Math.floor(Math.random() * this.#clients.length)]!.send(question, firstMark);
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}

export const stateless = (): Question => ask("openclaw:plain", { token });

/** Goes round many sessions, and on to new ones after some turns, so that the model is not sent more and more. */
export function manySessions(label: string): () => Question {
  return inSessions((asked) => `${label}-${Math.floor(asked / (sessionsAtOnce * turnsPerSession))}-${asked % sessionsAtOnce}`);
}

/** All in the same one, until it has `turns`. */
export function oneSession(label: string, turns: number): () => Question {
  return inSessions((asked) => `${label}-${Math.floor(asked / turns)}`);
}

/** Each question has a text of its own: what is missing or there twice shows. */
function inSessions(keyOf: (asked: number) => string): () => Question {
  const { path, headers, body } = stateless();
  let asked = 0;
  return () => {
    const key = keyOf(asked);
    const text = `${key} ${asked++}`;
    return { path, headers: { ...headers, "x-openclaw-session-key": key }, body: body.replace('"hi"', JSON.stringify(text)) };
  };
}
