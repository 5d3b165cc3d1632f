/**
 * What a run met on its way to an answer, a line each on stderr for whoever stands before the terminal: a model that
 * gave way to another, a tool server that is not there. How it ended is not said here.
 */
import type { DestinationStream } from "pino";
import type { RunEvent } from "../domain/run.ts";

interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly runId?: string;
  readonly mcpServer?: string;
  readonly path?: string;
  readonly problem?: string;
  readonly fix?: string;
}

const warn = 40;
const wipeLine = "\r\x1b[K";

/** Takes the program's log and keeps what went wrong beside the run: the run tells its own story. */
export function noteTrouble(to: NodeJS.WritableStream, isAnimated: boolean): DestinationStream {
  return {
    write: (text) => {
      const { level, msg, runId, mcpServer, path, problem, fix } = JSON.parse(text) as LogLine;
      if (level < warn || runId !== undefined) return;
      const words = [msg, mcpServer, path, problem].filter((word) => word !== undefined).join(": ");
      to.write(`${isAnimated ? wipeLine : ""}${words}${fix === undefined ? "" : ` → ${fix}`}\n`);
    },
  };
}

/** Passes the events on, and says which of them mean that another model is asked. */
export async function* noteFallbacks(events: AsyncIterable<RunEvent>, to: NodeJS.WritableStream): AsyncGenerator<RunEvent> {
  for await (const event of events) {
    if (event.type === "model_fallback") to.write(`${event.error.message} Asking ${event.to} instead.\n`);
    yield event;
  }
}
