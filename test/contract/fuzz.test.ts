/**
 * The running gateway against a second opinion on its contract: generated requests, most of them crooked in one way,
 * must be answered as the contract says, never by a 5xx, and every reply must itself keep the contract.
 *
 * `npm test` asks the same few hundred questions each time, so that a change is judged by what it changed. `npm run
 * fuzz` asks 2000 new ones. A failure prints its seed; `FUZZ_SEED=… FUZZ_RUNS=… npm run fuzz` repeats it.
 */
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { startGateway } from "../support/gateway.ts";
import { chatBodies, sharedUser } from "./fuzz-bodies.ts";
import { isObject, type Json, type JsonObject, placesIn, remove, textAt } from "./fuzz-json.ts";
import { judge, problemsOf, type Reply, saysFormIsUnmet, schemas, type Verdict } from "./fuzz-oracle.ts";
import { boundaryProbes } from "./fuzz-schema.ts";
import { agentRules, agents, bodyRules, ownToolOfMain, resultRule, userOf } from "./semantic-rules.ts";

const runs = Number(process.env["FUZZ_RUNS"] ?? 300);
const seed = Number(process.env["FUZZ_SEED"] ?? (process.env["FUZZ_RUNS"] === undefined ? 1 : Date.now() & 0x7fffffff));
const timeoutMs = 30_000 + runs * 50;

const [defaultAgent = "", ...otherAgents] = agents;
const gateway = await startGateway({
  agents: {
    defaults: { model: "builtin/offline" },
    entries: {
      [defaultAgent]: { default: true, tools: [ownToolOfMain] },
      ...Object.fromEntries(otherAgents.map((id) => [id, {}])),
    },
  },
});

function plainBody(): JsonObject {
  return { model: "openclaw", messages: [{ role: "user", content: "hi" }] };
}

interface Answer {
  readonly verdict: Verdict;
  readonly reply: Reply;
  readonly problems: readonly string[];
}

let userCount = 0;

/** Sessions remember; what one request left behind must not decide about the next. */
function withOwnSession(body: JsonObject): JsonObject {
  const user = userOf(body);
  return user === "" || user === sharedUser ? body : { ...body, user: `${textAt(body, "user")}#${++userCount}` };
}

async function ask(body: JsonObject): Promise<Answer> {
  const sent = withOwnSession(body);
  const response = await gateway.chat(sent);
  const reply = { status: response.status, type: response.headers.get("content-type") ?? "", text: await response.text() };
  const verdict = judge(sent);
  const problems = problemsOf(sent, reply);
  const isUnmet = verdict.status === 200 && saysFormIsUnmet(sent, reply);
  if (reply.status !== verdict.status && !isUnmet && !dependsOnTheSession(sent, verdict, reply)) {
    problems.unshift(`it should be ${verdict.status}${verdict.why === undefined ? "" : `, because ${verdict.why}`}`);
  }
  return { verdict, reply, problems };
}

/** In a session that others have written to, a tool's result may have found its call or lost it, and nothing may be new. */
function dependsOnTheSession(body: JsonObject, { status, why }: Verdict, reply: Reply): boolean {
  return userOf(body) === sharedUser && (status === 200 || why === resultRule.name) && [200, 400].includes(reply.status);
}

/** Takes away whatever can be missing while something is still wrong with the answer. */
async function reduce(body: JsonObject): Promise<JsonObject> {
  let smallest = body;
  for (let at = 0, tries = 0; tries < 300; tries++) {
    const candidate = JSON.parse(JSON.stringify(smallest)) as JsonObject;
    const place = placesIn(candidate)[at];
    if (!place) break;
    remove(place);
    if ((await ask(candidate)).problems.length > 0) smallest = candidate;
    else at++;
  }
  return smallest;
}

async function describeFailure(body: JsonObject): Promise<string> {
  const smallest = await reduce(body);
  const { reply, problems } = await ask(smallest);
  return [
    `POST ${shortened(smallest)}`,
    `answered ${reply.status} ${shortened(reply.text, 300)}`,
    ...problems.map((problem) => `but ${problem}`),
  ].join("\n");
}

function shortened(value: Json, most = 2000): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > most ? `${text.slice(0, most)}… (${text.length} characters)` : text;
}

test(
  "generated requests are answered as the contract says, and never with a 5xx",
  async () => {
    const counts = { requests: 0, streamed: 0, serverErrors: 0, byStatus: new Map<number, number>() };
    const details = await fc.check(
      fc.asyncProperty(chatBodies(), async (body) => {
        const { reply, problems } = await ask(body);
        counts.requests++;
        counts.byStatus.set(reply.status, (counts.byStatus.get(reply.status) ?? 0) + 1);
        if (reply.status >= 500) counts.serverErrors++;
        if (reply.type.startsWith("text/event-stream")) counts.streamed++;
        return problems.length === 0;
      }),
      // What fails is made smaller by taking parts of the body away, not by drawing other numbers.
      { seed, numRuns: runs, endOnFailure: true },
    );
    const statuses = [...counts.byStatus].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
    const disagreements = details.failed ? 1 : 0;
    const summary =
      `${counts.requests} requests, ${disagreements} disagreements, ${counts.serverErrors} 5xx ` +
      `(seed ${seed}; ${statuses.join(", ")}; ${counts.streamed} streamed)`;
    if (process.env["FUZZ_RUNS"] !== undefined) process.stdout.write(`${summary}\n`);
    const body = details.counterexample?.[0];
    if (details.failed) {
      const failure = body ? await describeFailure(body) : String(details.errorInstance);
      throw new Error(`${summary}\n${failure}\nAgain: FUZZ_SEED=${seed} FUZZ_RUNS=${runs} npm run fuzz`);
    }
    // A run in which nearly everything is refused, or nothing is, would show little.
    for (const status of [200, 400, 404]) expect(counts.byStatus.get(status) ?? 0).toBeGreaterThan(runs / 50);
    expect(counts.streamed).toBeGreaterThan(runs / 50);
  },
  timeoutMs,
);

test("every bound of the contract holds, from both sides", async () => {
  const failures: string[] = [];
  for (const { field, values } of boundaryProbes) {
    for (const value of values) {
      const body: JsonObject = { ...plainBody(), [field]: value };
      if ((await ask(body)).problems.length > 0) failures.push(await describeFailure(body));
    }
  }
  if (failures.length > 0)
    throw new Error(`${failures.length} bounds do not hold. The first of them:\n${failures.slice(0, 5).join("\n\n")}`);
});

describe("what the contract states only in prose", () => {
  const rules = [...bodyRules, ...agentRules];

  test.each(rules)("$name", async (rule) => {
    for (const breakIt of [rule.breakIt, rule.breakItToo]) {
      const body = plainBody();
      if (!breakIt) continue;
      breakIt(body);
      expect(judge(body)).toEqual({ status: 400, why: rule.name });
      for (const stream of [true, false])
        expect(await ask(body["stream"] === undefined ? { ...body, stream } : body)).toMatchObject({ problems: [] });
    }
  });

  test("every 'refused' in the contract is such a rule", () => {
    const named = rules.flatMap(({ refuses = [], statedAt = [] }) => [...refuses, ...statedAt]);
    expect([...new Set(named)].sort()).toEqual(refusals().sort());
  });
});

/** The schemas and properties that the contract calls refused. */
function refusals(): string[] {
  const isRefusal = (node: Json): boolean => isObject(node) && /\*\*refused/i.test(textAt(node, "description") ?? "");
  return Object.entries(schemas).flatMap(([name, schema]) => {
    const properties = isObject(schema["properties"]) ? Object.entries(schema["properties"]) : [];
    // The request's own description explains the word.
    const own = name !== "ChatCompletionRequest" && isRefusal(schema) ? [name] : [];
    return [...own, ...properties.flatMap(([key, value]) => (isRefusal(value) ? [`${name}.${key}`] : []))];
  });
}
