/**
 * The clients: each sends one run after the other, and what the reply says is noted. A request that was cut or given up is
 * sent again if it has a key; the others are not, because nobody knows whether they were carried out.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Reply, sendRun } from "./client.ts";
import type { Gate } from "./gate.ts";
import type { Gateway } from "./gateway.ts";
import type { Promises } from "./promises.ts";
import type { RunPlan, SentRun, SentRuns } from "./sent-runs.ts";

export interface World {
  readonly gateway: Gateway;
  readonly runs: SentRuns;
  readonly promises: Promises;
  readonly counts: Counts;
}

export interface Counts {
  kills: number;
  startsKilled: number;
  cut: number;
  left: number;
  lost: number;
  sentAgain: number;
  replays: number;
  followed: number;
  probes: number;
  longestProbeMs: number;
}

/** As `GET /v1/runs/{id}` shows it. */
export interface RunObject {
  readonly id: string;
  readonly status: "running" | "completed" | "failed" | "aborted" | "interrupted";
  readonly session_key: string;
  readonly error: { readonly code: string } | null;
  readonly completion: { readonly choices: readonly { readonly message: { readonly content: string | null } }[] } | null;
}

const pollMs = 20;
/** Of a request with a key. */
const maxAttempts = 50;

export async function haveRun(world: World, gate: Gate, session: string, name: string, plan: RunPlan): Promise<void> {
  const { counts, promises, runs, gateway } = world;
  let run: SentRun | undefined;
  let isToLeave = plan.leavesAfterMs !== undefined;
  let lost: Reply | undefined;
  const send = async (): Promise<void> => {
    if (run) counts.sentAgain++;
    else run = runs.send(session, name, plan);
    const { question } = run;
    const { kills } = counts;
    const reply = await sendRun(gateway, run, { leaving: isToLeave ? AbortSignal.timeout(plan.leavesAfterMs ?? 0) : undefined });
    isToLeave = false;
    if (reply.type === "answered" && plan.losesReply && !lost) {
      lost = reply;
      counts.lost++;
      run.state = "cut";
      return;
    }
    note(world, run, reply, counts.kills > kills);
    if (reply.type === "accepted" && reply.id !== undefined) await untilEnded(world, run, reply.id);
    const { id } = lost ?? {};
    const isSame = reply.type === "cut" || (reply.isReplay && reply.id === id);
    if (lost)
      promises.check("replayed", isSame, () => `'${question}' was run ${id}, and sent again it is answered ${JSON.stringify(reply)}`);
  };
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    await gate.pass(send);
    if (plan.key === undefined || !run || !isUnknown(run)) return;
  }
}

function isUnknown({ state }: SentRun): boolean {
  return state === "cut" || state === "left";
}

/** `wasKilled`: the gateway, since the request was sent. */
export function note({ promises, runs, counts }: World, run: SentRun, reply: Reply, wasKilled: boolean): void {
  const { type } = reply;
  if (reply.isReplay) counts.replays++;
  promises.check("cut", type !== "unfinished", () => `the reply to '${run.question}' ended without an error, and is not whole`);
  const isInterrupted = type === "failed" && reply.code === "run_interrupted" && reply.isReplay;
  const isServed = type !== "failed" && (type !== "cut" || wasKilled);
  promises.check("served", isServed || isInterrupted, () => `'${run.question}' was answered: ${JSON.stringify(reply)}`);
  switch (type) {
    case "answered":
      promises.check("served", reply.text === run.answer, () => `'${run.question}' was answered '${reply.text}'`);
      runs.acknowledge(run, reply.id);
      break;
    case "accepted":
      run.state = "accepted";
      run.id = reply.id;
      break;
    case "failed":
      run.state = "failed";
      break;
    case "left":
      counts.left++;
      run.state = "left";
      break;
    default:
      counts.cut++;
      // In the background it may have gone on; what became of it is asked after the restart.
      run.state = run.isBackground && reply.id !== undefined ? "accepted" : "cut";
      run.id = reply.id;
  }
}

/** Asks how it stands until it has ended or the gateway is gone. */
async function untilEnded({ gateway, promises, runs }: World, run: SentRun, id: string): Promise<void> {
  for (;;) {
    const reply = await gateway.get<RunObject>(`/v1/runs/${id}`).catch(() => undefined);
    if (!reply) return;
    const { status, body } = reply;
    promises.check("served", status === 200, () => `asked for run ${id}, it answers ${status} ${JSON.stringify(body)}`);
    if (status !== 200) return;
    if (body.status === "completed") {
      const text = body.completion?.choices[0]?.message.content;
      promises.check("served", text === run.answer, () => `the completion of '${run.question}' is '${text}'`);
      return runs.acknowledge(run, id);
    }
    if (body.status !== "running") {
      promises.check("served", body.status === "interrupted", () => `'${run.question}' ended: ${JSON.stringify(body)}`);
      run.state = "failed";
      return;
    }
    await sleep(pollMs);
  }
}
