/**
 * The load generator: keeps `concurrency` requests under way over as many kept-alive connections, for a time, and
 * checks every reply. It uses undici's lowest interface, because what it costs is taken from what the servers can show.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Pool, type Dispatcher } from "undici";
import type { Question } from "./requests.ts";

export interface Reply {
  readonly text: string;
  /** Milliseconds from the request to the end of the reply, and to the first bytes that `isFirst` names. */
  readonly endMs: number;
  readonly firstMs: number;
}

export interface Load {
  readonly count: number;
  readonly seconds: number;
  /** Milliseconds per request, ascending. */
  readonly latencies: readonly number[];
  /** Milliseconds to the first token, ascending. */
  readonly firsts: readonly number[];
}

/** Says what is wrong with a reply; undefined when it is right. */
export type Check = (text: string) => string | undefined;

/** What is sent next: always the same, several one after the other that count as one, or each time another. */
export type Questions = Question | readonly Question[] | (() => Question);

export interface LoadLimits {
  readonly concurrency: number;
  readonly seconds: number;
  readonly maxCount?: number;
  /** Bytes with which the reply's first token is there. */
  readonly firstMark?: string;
  /** Time over which the workers begin, one after the other, so that their streams are not all of one age. */
  readonly spreadMs?: number;
}

/** Whoever can ask one question: over HTTP here, over a WebSocket in `websocket-client.ts`. */
export interface Asker {
  /** Rejects on anything but an answer. */
  send(question: Question, firstMark?: string): Promise<Reply>;
  close(): Promise<void>;
}

/** Ends at `seconds` or `maxCount` requests, whichever comes first; rejects at the first wrong reply, which is the last one's of several. */
export async function keepAsking(asker: Asker, asked: Questions, limits: LoadLimits, check: Check): Promise<Load> {
  const { concurrency, seconds, maxCount = 200_000, firstMark, spreadMs = 0 } = limits;
  const questions = [asked].flat();
  const latencies: number[] = [];
  const firsts: number[] = [];
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;
  let begun = 0;
  const worker = async (_: unknown, n: number): Promise<void> => {
    if (spreadMs > 0) await sleep((spreadMs * n) / concurrency);
    while (performance.now() < endsAt && begun++ < maxCount) {
      let last: Reply | undefined;
      let endMs = 0;
      for (const one of questions) {
        last = await asker.send(typeof one === "function" ? one() : one, firstMark);
        endMs += last.endMs;
      }
      const text = last?.text ?? "";
      const wrong = check(text) ?? (last?.firstMs === 0 ? "the first token is missing" : undefined);
      if (wrong !== undefined) throw new Error(`A wrong reply: ${wrong}: ${text.slice(0, 500)}`);
      latencies.push(endMs);
      firsts.push(last?.firstMs ?? NaN);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const elapsed = (performance.now() - startedAt) / 1000;
  const ascending = (numbers: number[]): number[] => numbers.sort((a, b) => a - b);
  return { count: latencies.length, seconds: elapsed, latencies: ascending(latencies), firsts: ascending(firsts) };
}

export class Client implements Asker {
  readonly #pool: Pool;

  constructor(url: string, connections: number) {
    this.#pool = new Pool(new URL(url).origin, { connections, pipelining: 1, headersTimeout: 60_000, bodyTimeout: 60_000 });
  }

  /** Rejects on any status but 200. */
  send({ path, headers, body }: Question, firstMark?: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const startedAt = performance.now();
      const pieces: Buffer[] = [];
      let status = 0;
      let firstMs = 0;
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart: () => undefined,
        onResponseStart: (_, statusCode) => void (status = statusCode),
        onResponseData: (_, piece) => {
          pieces.push(piece);
          if (firstMs === 0 && (firstMark === undefined || piece.includes(firstMark))) firstMs = performance.now() - startedAt;
        },
        onResponseEnd: () => {
          const text = (pieces.length === 1 ? pieces[0] : Buffer.concat(pieces))?.toString() ?? "";
          if (status === 200) resolve({ text, endMs: performance.now() - startedAt, firstMs });
          else reject(new Error(`${path} answered ${status}: ${text.slice(0, 500)}`));
        },
        onResponseError: (_, error) => reject(error),
      };
      this.#pool.dispatch({ method: "POST", path, headers, body }, handler);
    });
  }

  load(question: Questions, limits: LoadLimits, check: Check): Promise<Load> {
    return keepAsking(this, question, limits, check);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
