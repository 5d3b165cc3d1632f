/**
 * What a run is doing, drawn on a terminal while there is no text to read: a line that turns, and one for each tool.
 *
 * It writes to the terminal only, never to stdout, and wipes what it drew before text comes.
 */
import { styleText } from "node:util";
import type { RunEvent } from "../domain/run.ts";

export interface Terminal extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
}

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const frameMs = 80;
const wipeLine = "\r\x1b[K";

/** Passes the events on, each after what it means has been drawn. `isTextShown`: the text goes to the same terminal. */
export async function* drawProgress(events: AsyncIterable<RunEvent>, terminal: Terminal, isTextShown: boolean): AsyncGenerator<RunEvent> {
  const spinner = new Spinner(terminal);
  let isLineOpen = false;
  try {
    for await (const event of events) {
      switch (event.type) {
        case "run_queued":
          spinner.show("waiting for the session");
          break;
        case "run_start":
          spinner.show("thinking");
          break;
        case "text_delta":
        case "refusal_delta":
          spinner.hide();
          if (isTextShown && event.text !== "") isLineOpen = !event.text.endsWith("\n");
          break;
        case "tool_start":
        case "model_fallback":
          spinner.hide();
          terminal.write(`${isLineOpen ? "\n" : ""}${styleText("dim", `· ${describe(event)}`, { stream: terminal })}\n`);
          isLineOpen = false;
          spinner.show("thinking");
          break;
        case "run_end":
          spinner.hide();
          break;
        default:
          break;
      }
      yield event;
    }
  } finally {
    spinner.hide();
  }
}

function describe(event: Extract<RunEvent, { type: "tool_start" | "model_fallback" }>): string {
  return event.type === "tool_start" ? event.call.name : `${event.from} failed (${event.error.code}), asking ${event.to}`;
}

class Spinner {
  readonly #terminal: Terminal;
  #timer: NodeJS.Timeout | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(label: string): void {
    this.hide();
    let frame = 0;
    const draw = (): void => {
      const text = `${frames[frame++ % frames.length]} ${label}`;
      this.#terminal.write(wipeLine + styleText("dim", text, { stream: this.#terminal }));
    };
    draw();
    this.#timer = setInterval(draw, frameMs).unref();
  }

  hide(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#terminal.write(wipeLine);
  }
}
