/**
 * The load generator: keeps `concurrency` requests under way over as many kept-alive connections, for a time, and
 * checks every reply. It uses undici's lowest interface, because what it costs is taken from what the servers can show.
 */
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
}

/** Says what is wrong with a reply; undefined when it is right. */
export type Check = (text: string) => string | undefined;

export class Client {
  readonly #pool: Pool;

  constructor(url: string, connections: number) {
    this.#pool = new Pool(new URL(url).origin, { connections, pipelining: 1, headersTimeout: 20_000, bodyTimeout: 20_000 });
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

  /**
   * Ends at `seconds` or `maxCount` requests, whichever comes first; rejects at the first wrong reply. Several questions
   * are asked one after the other and count as one request, whose reply is the last one's.
   */
  async load(
    question: Question | readonly Question[],
    { concurrency, seconds, maxCount = 200_000 }: { concurrency: number; seconds: number; maxCount?: number },
    check: Check,
  ): Promise<Load> {
    const questions = [question].flat();
    const latencies: number[] = [];
    const startedAt = performance.now();
    const endsAt = startedAt + seconds * 1000;
    let begun = 0;
    const worker = async (): Promise<void> => {
      while (performance.now() < endsAt && begun++ < maxCount) {
        let last: Reply | undefined;
        let endMs = 0;
        for (const one of questions) {
          last = await this.send(one);
          endMs += last.endMs;
        }
        const text = last?.text ?? "";
        const wrong = check(text);
        if (wrong !== undefined) throw new Error(`A wrong reply: ${wrong}: ${text.slice(0, 500)}`);
        latencies.push(endMs);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    const elapsed = (performance.now() - startedAt) / 1000;
    return { count: latencies.length, seconds: elapsed, latencies: latencies.sort((a, b) => a - b) };
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
