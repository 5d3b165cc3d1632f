/** Who is told when of what runs do, and in how many writes; by a clock that stands still. */
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { mainPrincipal, type Principal } from "../../src/domain/principal.ts";
import type { RunEvent } from "../../src/domain/run.ts";
import type { RunIdentity } from "../../src/domain/run-record.ts";
import { type Listener, RunAudience } from "../../src/rpc/audience.ts";
import { Broadcast } from "../../src/rpc/broadcast.ts";
import { encodeEvent, type EncodedEvent } from "../../src/rpc/frames.ts";
import { RunFeed } from "../../src/service/run-feed.ts";

const [gatherMs, batchMs, batchBytes] = [50, 100, 64 * 1024];
let feed: RunFeed;
let audience: RunAudience;
let broadcast: Broadcast;

beforeEach(() => {
  jest.useFakeTimers();
  feed = new RunFeed();
  audience = new RunAudience({ batchMs, batchBytes });
  broadcast = new Broadcast(feed, audience, gatherMs);
  broadcast.start();
});

afterEach(() => {
  broadcast.stop();
  jest.useRealTimers();
});

interface Heard {
  readonly event: string;
  readonly seq: number;
  readonly payload: { readonly runId: string; readonly data?: { readonly phase?: string } };
}

/** What is known of a connection, and every write to it. */
class Ear implements Listener {
  readonly principal: Principal;
  readonly hearsOf: "all" | "named";
  readonly writes: Buffer[] = [];
  readonly #own: Heard[] = [];

  constructor(hearsOf: "all" | "named" = "all", name = mainPrincipal.name) {
    this.hearsOf = hearsOf;
    this.principal = name === mainPrincipal.name ? mainPrincipal : { ...mainPrincipal, name, isMain: false };
    audience.join(this);
  }

  tell(events: readonly EncodedEvent[]): void {
    for (const event of events) this.#own.push(JSON.parse(encodeEvent(event, this.#own.length + 1)) as Heard);
  }

  tellFramed(frames: Buffer): void {
    this.writes.push(frames);
  }

  get heard(): Heard[] {
    return [...this.writes.flatMap(textsOf).map((text) => JSON.parse(text) as Heard), ...this.#own];
  }

  get runs(): string[] {
    return [...new Set(this.heard.map(({ payload }) => payload.runId))];
  }

  ends(): string[] {
    return this.heard.filter(({ payload }) => payload.data?.phase === "end").map(({ payload }) => payload.runId);
  }
}

/** The texts of whole, unmasked frames. */
function textsOf(frames: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at < frames.length;) {
    const short = frames[at + 1]!;
    const [length, begin] =
      short < 126
        ? [short, at + 2]
        : short === 126
          ? [frames.readUInt16BE(at + 2), at + 4]
          : [Number(frames.readBigUInt64BE(at + 2)), at + 10];
    expect(frames[at]).toBe(0x81);
    texts.push(frames.toString("utf8", begin, begin + length));
    at = begin + length;
  }
  return texts;
}

function runOf(id: string, { owner = mainPrincipal.name, session = id } = {}): { tell(...events: RunEvent[]): void; end(): void } {
  const identity: RunIdentity = {
    id,
    agentId: "main",
    sessionKey: `agent:main:${session}`,
    owner,
    modelName: "openclaw",
    model: "stub/model",
    isBackground: false,
    createdAt: 1,
  };
  let seq = 0;
  const tell = (...events: RunEvent[]): void => events.forEach((event) => feed.tell(identity, { seq: ++seq, event }));
  const end = (): void => tell({ type: "run_end", status: "completed", finishReason: "stop", model: "stub/model", turns: 1 });
  return { tell, end };
}

const began = (turn = 1): RunEvent => ({ type: "turn_start", turn, model: "stub/model" });
const said = (text: string): RunEvent => ({ type: "text_delta", text });

describe("whoever hears of all runs", () => {
  test("is told at once after a quiet time, and from then on once in a while, however many runs there are", () => {
    const ears = [new Ear(), new Ear()];
    runOf("first").end();
    jest.advanceTimersByTime(2);
    expect(ears.map(({ writes }) => writes.length)).toEqual([1, 1]);
    for (let n = 0; n < 50; n++) runOf(`run-${n}`).end();
    jest.advanceTimersByTime(batchMs - 10);
    expect(ears.map(({ writes }) => writes.length)).toEqual([1, 1]);
    jest.advanceTimersByTime(10);
    expect(ears.map(({ writes }) => writes.length)).toEqual([2, 2]);
    expect(ears[0]!.ends()).toEqual(["first", ...Array.from({ length: 50 }, (_, n) => `run-${n}`)]);
  });

  test("hears the same bytes as the others", () => {
    const ears = [new Ear(), new Ear()];
    runOf("a").end();
    jest.advanceTimersByTime(batchMs);
    expect(ears[0]!.writes).toHaveLength(1);
    expect(ears[1]!.writes[0]).toBe(ears[0]!.writes[0]);
  });

  test("hears texts of every length", () => {
    const ear = new Ear();
    const run = runOf("long");
    const texts = ["", "ä".repeat(300), "b".repeat(70_000)];
    for (const text of texts) run.tell(began(), said(text));
    run.end();
    jest.advanceTimersByTime(batchMs);
    const told = ear.heard.flatMap(({ event, payload }) => (event === "chat" && "deltaText" in payload ? [payload.deltaText] : []));
    expect(told.join("")).toBe(texts.join(""));
  });

  test("does not wait for a batch that has grown large", () => {
    const ear = new Ear();
    runOf("first").end();
    jest.advanceTimersByTime(2);
    const run = runOf("large");
    run.tell(said("x".repeat(batchBytes)));
    run.end();
    expect(ear.ends()).toEqual(["first", "large"]);
  });

  test("hears at once of the runs and sessions that it has named, and before them of the others, in one order without a gap", () => {
    const [ear, other] = [new Ear(), new Ear()];
    runOf("quiet").end();
    jest.advanceTimersByTime(2);
    audience.name(ear, { runId: "mine", sessionKey: "agent:main:mine" });
    audience.name(ear, { sessionKey: "agent:main:shared" });
    runOf("before").end();
    runOf("mine").end();
    expect(ear.ends()).toEqual(["quiet", "before", "mine"]);
    runOf("in-it", { session: "shared" }).end();
    expect(ear.ends().at(-1)).toBe("in-it");
    runOf("after").end();
    expect(other.ends()).toEqual(["quiet"]);
    jest.advanceTimersByTime(batchMs);
    for (const { heard } of [ear, other]) expect(heard.map(({ seq }) => seq)).toEqual(heard.map((_, at) => at + 1));
    expect(ear.ends()).toEqual(["quiet", "before", "mine", "in-it", "after"]);
    expect(ear.heard).toEqual(other.heard);
  });

  test("has heard of everything before a request is answered", () => {
    const [ear, other] = [new Ear(), new Ear()];
    runOf("quiet").end();
    jest.advanceTimersByTime(2);
    runOf("late").end();
    audience.catchUp(ear);
    audience.catchUp(ear);
    expect(ear.ends()).toEqual(["quiet", "late"]);
    expect(ear.writes).toHaveLength(2);
    expect(other.ends()).toEqual(["quiet"]);
    jest.advanceTimersByTime(batchMs);
    expect(ear.writes).toHaveLength(2);
    expect(other.heard).toEqual(ear.heard);
  });

  test("may leave, and another one come, in the middle of a batch: nobody misses anything, or hears what was before", () => {
    const [leaving, staying] = [new Ear(), new Ear()];
    runOf("quiet").end();
    jest.advanceTimersByTime(2);
    runOf("one").end();
    audience.leave(leaving);
    const late = new Ear();
    runOf("two").end();
    jest.advanceTimersByTime(batchMs);
    expect(leaving.ends()).toEqual(["quiet"]);
    expect(staying.ends()).toEqual(["quiet", "one", "two"]);
    expect(late.ends()).toEqual(["two"]);
    audience.leave(staying);
    audience.leave(late);
    expect(audience.isEmpty).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  test("hears of those of its own only, unless it has the gateway's secret", () => {
    const [main, phone, desk] = [new Ear(), new Ear("all", "phone"), new Ear("all", "desk")];
    runOf("of-main").end();
    runOf("of-phone", { owner: "phone" }).end();
    jest.advanceTimersByTime(batchMs);
    expect([main.runs, phone.runs, desk.runs]).toEqual([["of-main", "of-phone"], ["of-phone"], []]);
  });

  test("is told at once what is said to all, after all that came before it", () => {
    const [ear, scoped] = [new Ear(), new Ear("named")];
    runOf("quiet").end();
    jest.advanceTimersByTime(2);
    runOf("late").end();
    audience.announce({ event: "tick", payload: '{"ts":1}' }, [ear, scoped]);
    expect(ear.ends()).toEqual(["quiet", "late"]);
    expect([ear, scoped].map(({ heard }) => heard.at(-1)?.event)).toEqual(["tick", "tick"]);
  });
});

describe("whoever hears of what it has named", () => {
  test("hears of that, at once, and of nothing else", () => {
    const ear = new Ear("named");
    audience.name(ear, { sessionKey: "agent:main:mine" });
    runOf("other").end();
    runOf("mine").end();
    expect(ear.runs).toEqual(["mine"]);
  });

  test.each([1, 200])("hears of a run from its beginning, where nobody else has heard of it before (%s pieces)", (pieces) => {
    const ear = new Ear("named");
    const run = runOf("mine");
    const startedAt = Date.now();
    run.tell(began(), ...Array.from({ length: pieces }, () => said("Hello ")));
    jest.advanceTimersByTime(gatherMs);
    audience.name(ear, { runId: "mine", sessionKey: "agent:main:mine" });
    run.tell(said("there."));
    run.end();
    const text = ear.heard.flatMap(({ payload }) => ("deltaText" in payload ? [payload.deltaText] : []));
    const whole = `${"Hello ".repeat(pieces)}there.`;
    expect(text.join("")).toBe(whole);
    expect(ear.heard[0]?.payload).toMatchObject({ ts: startedAt, data: { phase: "turn" } });
    expect(ear.heard.at(-1)?.payload).toMatchObject({ state: "final", message: { content: [{ type: "text", text: whole }] } });
  });

  test("hears of nothing that is another's, also under the same name", () => {
    const ear = new Ear("named", "phone");
    audience.name(ear, { sessionKey: "agent:main:shared" });
    runOf("foreign", { owner: "desk", session: "shared" }).end();
    runOf("own", { owner: "phone", session: "shared" }).end();
    expect(ear.runs).toEqual(["own"]);
  });
});
