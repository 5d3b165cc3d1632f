/**
 * The wire to an MCP server that is a process of ours: a message a line on its standard input and output.
 *
 * The process is the head of a group of its own, so that what it starts ends with it. It gets no variable of ours but
 * PATH, HOME and the like. A server that does not read what it is sent, or sends a line without end, is given up.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { McpServerConfig } from "../config/config.ts";
import type { McpMessage, McpSdk, Transport } from "./mcp-sdk.ts";

export type StdioConfig = Extract<McpServerConfig, { readonly transport: "stdio" }>;

export interface ProcessEnd {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What may wait for a server to be read. One message may be larger. */
const maxUnreadBytes = 4 * 1024 * 1024;
/** Answers to what a server asked itself. More of them waiting, and it asks without reading. */
const maxUnreadAnswers = 1000;
/** How long a process may take to end by itself, and then after SIGTERM. */
const patienceMs = 2_000;
const lookIntervalMs = 20;

export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: NonNullable<Transport["onmessage"]>;
  /** Undefined while it runs, or when it never did. */
  end: ProcessEnd | undefined;
  /** Why it was given up, as the end of a sentence about it. */
  fault: string | undefined;
  #unreadAnswers = 0;
  readonly #config: StdioConfig;
  readonly #sdk: McpSdk;
  readonly #onStderr: (stderr: Readable) => void;
  #child: ChildProcess | undefined;
  #isOpen = false;
  #hasClosed = false;
  /** The process has ended, and nobody holds its output. */
  #isOver = false;
  /** Its number may be another's now. */
  #isGone = false;
  #closing: Promise<void> | undefined;

  constructor(config: StdioConfig, sdk: McpSdk, onStderr: (stderr: Readable) => void) {
    this.#config = config;
    this.#sdk = sdk;
    this.#onStderr = onStderr;
  }

  start(): Promise<void> {
    const { command, args, env, cwd } = this.#config;
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, {
        env: { ...this.#sdk.getDefaultEnvironment(), ...env },
        ...(cwd === undefined ? {} : { cwd }),
        stdio: ["pipe", "pipe", "pipe"],
        // There are no such groups there, but windows would open.
        detached: process.platform !== "win32",
        windowsHide: true,
      });
      this.#child = child;
      child.once("spawn", () => {
        this.#isOpen = true;
        resolve();
      });
      child.on("error", (error) => {
        reject(error);
        this.onerror?.(error);
      });
      child.once("exit", (exitCode, signal) => {
        this.end = { exitCode, signal };
        // What it has started serves nobody any more, and may hold its output.
        void this.close();
      });
      child.once("close", () => {
        this.#isOver = true;
        this.#reportClosed();
      });
      child.stdin.on("error", (error) => this.onerror?.(error));
      child.stdout.on("error", (error) => this.onerror?.(error));
      this.#read(child.stdout);
      this.#onStderr(child.stderr);
    });
  }

  /** Resolves when the message is on its way; the server need not have read it. */
  send(message: McpMessage): Promise<void> {
    const stdin = this.#child?.stdin;
    if (!this.#isOpen || !stdin?.writable) return Promise.reject(new Error("Not connected"));
    if (stdin.writableLength > maxUnreadBytes || this.#unreadAnswers > maxUnreadAnswers) {
      this.#giveUp("does not read what it is sent");
      return Promise.reject(new Error("Not connected"));
    }
    const isAnswer = "result" in message || "error" in message;
    if (isAnswer) this.#unreadAnswers++;
    stdin.write(this.#sdk.serializeMessage(message), () => {
      if (isAnswer) this.#unreadAnswers--;
    });
    return Promise.resolve();
  }

  /** Its input is closed, then it gets SIGTERM, then SIGKILL. Never rejects. */
  close(): Promise<void> {
    this.#isOpen = false;
    return (this.#closing ??= this.#end());
  }

  /** Without waiting: for the end of our own process. */
  kill(): void {
    this.#signal("SIGKILL");
  }

  #read(stdout: Readable): void {
    const { ReadBuffer } = this.#sdk;
    const buffer = new ReadBuffer();
    stdout.on("data", (piece: Buffer) => {
      try {
        buffer.append(piece);
      } catch (thrown) {
        this.#giveUp("wrote a message without end to its standard output", thrown as Error);
        return;
      }
      while (!this.#hasClosed) {
        try {
          const message = buffer.readMessage();
          if (message === null) return;
          this.onmessage?.(message);
        } catch (thrown) {
          this.onerror?.(thrown as Error);
        }
      }
    });
  }

  #giveUp(fault: string, error = new Error(`The process ${fault}.`)): void {
    if (this.#hasClosed) return;
    this.fault = fault;
    this.#child?.stdout?.destroy();
    this.onerror?.(error);
    void this.close();
    this.#reportClosed();
  }

  #reportClosed(): void {
    this.#isOpen = false;
    if (this.#hasClosed) return;
    this.#hasClosed = true;
    this.onclose?.();
  }

  async #end(): Promise<void> {
    if (this.#child?.pid !== undefined) await this.#endGroup(this.#child);
    this.#isGone = true;
    this.#reportClosed();
  }

  async #endGroup(child: ChildProcess): Promise<void> {
    child.stdin?.end();
    // A process that has ended had its time; what is left of its group has not.
    if (this.end === undefined) await this.#within(patienceMs, () => this.end !== undefined);
    if (this.#signal("SIGTERM")) await this.#within(patienceMs, () => !this.#signal(0));
    this.#signal("SIGKILL");
    await this.#within(patienceMs, () => this.#isOver);
    // Someone who left the group may hold it: nobody is left to be read.
    child.stdout?.destroy();
    child.stderr?.destroy();
  }

  async #within(ms: number, isDone: () => boolean): Promise<void> {
    for (const until = performance.now() + ms; !isDone() && performance.now() < until;) await sleep(lookIntervalMs);
  }

  /** Whether there was anybody to get it. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    const pid = this.#child?.pid;
    if (pid === undefined || this.#isGone) return false;
    try {
      return process.kill(process.platform === "win32" ? pid : -pid, signal);
    } catch {
      return false;
    }
  }
}
