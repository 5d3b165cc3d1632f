/**
 * The text of PDFs, taken out by a process of its own: a PDF can be made so that reading it never ends or eats all memory.
 */
import type { PdfTask, PdfText } from "./pdf-text-worker.ts";
import { type WorkerLimits, WorkerProcess, WorkerStopped } from "./worker-process.ts";

/** `costly`: it went over its time or memory. `long`: its text has more characters than asked for. */
export type PdfOutcome = PdfText | { readonly problem: "costly" };

/** Five waiting files of the largest size are 25 MB, and their requests with them. */
const defaultLimits: WorkerLimits = { timeoutMs: 10_000, maxMemoryMb: 384, maxWaiting: 16, maxWaitMs: 30_000 };

export class PdfReader {
  readonly #process: WorkerProcess<PdfTask, PdfText>;

  constructor(limits: WorkerLimits = defaultLimits) {
    this.#process = new WorkerProcess("pdf-text-worker", limits);
  }

  /** Rejects with the signal's reason, or when no process can be had. */
  async read(bytes: Uint8Array, maxCharacters: number, signal: AbortSignal): Promise<PdfOutcome> {
    try {
      return await this.#process.run({ bytes, maxCharacters }, signal);
    } catch (thrown) {
      if (thrown instanceof WorkerStopped) return { problem: "costly" };
      throw thrown;
    }
  }

  /** Whoever still waits is refused. */
  close(): Promise<void> {
    return this.#process.close();
  }
}
