/**
 * Clients of every habit, at random, on one session: what the model reads of what they send, and where it is kept. The
 * place is compared with that of a search which looks at every path and knows nothing of numbers and overlaps.
 */
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type AssistantMessage, type Message, textOf, type ToolCall, type ToolMessage } from "../../src/domain/message.ts";
import type { DialogueMessage, TranscriptNode, TranscriptTree } from "../../src/domain/transcript-tree.ts";
import { Overlap } from "../../src/service/overlap.ts";
import { type Placement, reconcile } from "../../src/service/reconcile.ts";
import { assistant, call, tool, Transcript, user } from "./transcript.ts";

const words = ["hi", "ok", "go on", ""] as const;
const habits = [
  "new",
  "resend",
  "regenerate",
  "edit",
  "trim",
  "results",
  "resultsOnly",
  "lateResult",
  "stray",
  "sendAgain",
  "import",
] as const;

interface Step {
  readonly chat: number;
  readonly habit: (typeof habits)[number];
  readonly word: (typeof words)[number];
  readonly place: number;
  /** How the client spells what it sends again. */
  readonly isRespelled: boolean;
  readonly isReversed: boolean;
  readonly run: RunShape;
}

interface RunShape {
  readonly texts: readonly string[];
  readonly ownCalls: number;
  readonly callerCalls: number;
  readonly refusal: string;
  readonly isHeld: boolean;
  readonly becomes: "answered" | "failed" | "half";
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    chat: fc.nat({ max: 2 }),
    habit: fc.constantFrom(...habits),
    word: fc.constantFrom(...words),
    place: fc.nat({ max: 7 }),
    isRespelled: fc.boolean(),
    isReversed: fc.boolean(),
    run: fc.record({
      texts: fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 3 }),
      ownCalls: fc.nat({ max: 2 }),
      callerCalls: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat({ max: 2 })),
      refusal: fc.oneof({ weight: 6, arbitrary: fc.constant("") }, fc.constant("no")),
      isHeld: fc.boolean(),
      becomes: fc.oneof({ weight: 5, arbitrary: fc.constant("answered" as const) }, fc.constantFrom("failed" as const, "half" as const)),
    }),
  }),
  { maxLength: 24 },
);

/** What a run writes: turns with the agent's calls and their results, and a last one that may hand calls over. Ids repeat from turn to turn. */
function writeRun({ texts, ownCalls, callerCalls, refusal }: RunShape): DialogueMessage[] {
  const own = Array.from({ length: ownCalls }, (_, index) => call(`own${index}`));
  const written = texts.slice(0, -1).flatMap((text) => [assistant(text, call("call0")), tool("call0", "done")]);
  const theirs = Array.from({ length: callerCalls }, (_, index) => call(`call${index}`, '{"n":1}'));
  // An agent's calls end a run only together with the caller's.
  const mixed = callerCalls > 0 ? own : [];
  const last: AssistantMessage = { ...assistant(texts.at(-1)!, ...mixed, ...theirs), ...(refusal === "" ? {} : { refusal }) };
  return [...written, last, ...mixed.map(({ id }) => tool(id, "done"))];
}

/** The one message that the caller gets of it. */
function showRun({ texts, callerCalls, refusal, isHeld }: RunShape): AssistantMessage {
  const joined = texts.filter((text) => text !== "").join("\n\n");
  const theirs = Array.from({ length: callerCalls }, (_, index) => call(`call${index}`, '{"n":1}'));
  return { ...assistant(isHeld ? texts.at(-1)! : joined, ...theirs), ...(refusal === "" ? {} : { refusal }) };
}

/** A message as its client sends it this time: an object of its own, and perhaps in another spelling. */
function spelled(message: DialogueMessage, isRespelled: boolean): DialogueMessage {
  if (!isRespelled) return { ...message };
  if (message.role === "user") return { ...message, name: "Ann", content: [{ type: "text", text: " " }, ...message.content] };
  if (message.role === "tool") return { ...message, content: [...message.content, { type: "text", text: "\n" }] };
  return { ...message, content: `${message.content} `, toolCalls: message.toolCalls.map((made) => ({ ...made, arguments: '{ "n": 1 }' })) };
}

/** What the step makes of the client's history, or nothing when it cannot do that now. */
function request(history: readonly DialogueMessage[], { habit, word, place, isReversed }: Step): DialogueMessage[] | undefined {
  const last = history.at(-1);
  const calls = last?.role === "assistant" ? last.toolCalls : [];
  const results = (some: readonly ToolCall[]): ToolMessage[] => {
    const all = some.map(({ id }) => tool(id, word));
    return isReversed ? all.reverse() : all;
  };
  const users = history.flatMap((message, index) => (message.role === "user" ? [index] : []));
  const answerable = history.flatMap((message, index) => (message.role === "assistant" ? [] : [index]));
  switch (habit) {
    case "new":
      return [user(word)];
    case "resend":
      return [...history, user(word)];
    case "regenerate":
      return answerable.length > 0 ? history.slice(0, answerable[place % answerable.length]! + 1) : undefined;
    case "edit":
      return users.length > 0 ? [...history.slice(0, users[place % users.length]), user(word)] : undefined;
    case "trim":
      return [...history.slice(place), user(word)];
    case "results":
      return calls.length > 0 ? [...history, ...results(calls.slice(place % 2))] : undefined;
    case "resultsOnly":
      return calls.length > 0 ? results(calls) : undefined;
    case "lateResult":
      return calls.length > 0 ? [...history, user(word), ...results(calls)] : undefined;
    case "stray":
      return [...history, tool(`call${place}`, word)];
    case "sendAgain":
      return history.length > 0 ? [...history] : undefined;
    case "import":
      return [user(word), assistant("hi"), user(word)];
  }
}

const isAssistant = (message: Message): message is AssistantMessage => message.role === "assistant";

/** What a caller can see of a message, as text. */
function look(message: Message): string {
  const { refusal = "", toolCalls = [] } = isAssistant(message) ? message : {};
  const calls = toolCalls.map((made) => [made.id, made.name, JSON.parse(made.arguments) as unknown]);
  return JSON.stringify([message.role, textOf(message).trim(), refusal, calls, message.role === "tool" ? message.toolCallId : ""]);
}

interface Piece {
  readonly nodes: TranscriptNode[];
  readonly looks: readonly string[];
}

/** Root → `end`, with what one run wrote in one piece. */
function pathTo({ nodes }: TranscriptTree, end: TranscriptNode | undefined): Piece[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const groups: TranscriptNode[][] = [];
  for (let node = end; node; node = byId.get(node.parentId ?? "")) {
    const below = groups[0];
    if (node.origin === "run" && below?.[0]!.origin === "run" && below[0].runId === node.runId) below.unshift(node);
    else groups.unshift([node]);
  }
  return groups.map((group) => ({ nodes: group, looks: looksOf(group) }));
}

function looksOf(group: readonly TranscriptNode[]): string[] {
  const messages = group.map(({ message }) => message);
  if (group[0]!.origin === "caller") return [look(messages[0]!)];
  const replies = messages.filter(isAssistant);
  const last = replies.at(-1)!;
  const theirs = last.toolCalls.filter(({ id }) => id.startsWith("call"));
  const texts = replies.map((reply) => reply.content).filter((text) => text !== "");
  return [texts.join("\n\n"), last.content].map((content) => look({ ...last, content, toolCalls: theirs }));
}

/** The best place by looking at every path to every message. */
function searchEverywhere(
  tree: TranscriptTree,
  sent: readonly DialogueMessage[],
): { parentId: string | undefined; pieces: readonly Piece[] } {
  const sentLooks = sent.map(look);
  const answered = tree.nodes.filter(({ isAnswered }) => isAnswered);
  const active = new Set(
    pathTo(
      tree,
      answered.find(({ id }) => id === tree.leafId),
    ).flatMap(({ nodes }) => nodes),
  );
  const isEnd = (node: TranscriptNode): boolean =>
    !answered.some((other) => other.parentId === node.id && other.runId === node.runId && other.origin === "run" && node.origin === "run");
  let best: { rank: number[]; parentId: string; pieces: Piece[] } | undefined;
  for (const [written, end] of answered.entries()) {
    if (!isEnd(end)) continue;
    const path = pathTo(tree, end);
    for (let length = Math.min(path.length, sent.length); length > 0; length--) {
      const pieces = path.slice(path.length - length);
      if (!pieces.every(({ looks }, index) => looks.includes(sentLooks[index]!))) continue;
      const rank = [length, Number(length === path.length), Number(active.has(end)), written];
      if (!best || isHigher(rank, best.rank)) best = { rank, parentId: end.id, pieces };
      break;
    }
  }
  return best ?? { parentId: undefined, pieces: [] };
}

function isHigher(one: readonly number[], other: readonly number[]): boolean {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at >= 0 && one[at]! > other[at]!;
}

const isSettled = (message: Message): boolean => textOf(message) === "The caller gave no result for this call.";

/** Results that come late stand directly after their calls. */
function inReadingOrder(messages: readonly Message[]): Message[] {
  const ordered: Message[] = [];
  for (const message of messages) {
    const at = ordered.findLastIndex((earlier) => message.role === "tool" && earlier.role !== "user");
    if (message.role === "tool") ordered.splice(at + 1, 0, message);
    else ordered.push(message);
  }
  return ordered;
}

/** As providers want it: the results of a message follow it at once, one for each call, and none stands elsewhere. */
function expectAnsweredCalls(conversation: readonly Message[]): void {
  let open: string[] = [];
  for (const message of conversation) {
    if (message.role === "tool") {
      expect(open).toContain(message.toolCallId);
      open.splice(open.indexOf(message.toolCallId), 1);
      continue;
    }
    expect(open).toEqual([]);
    if (isAssistant(message)) open = message.toolCalls.map(({ id }) => id);
  }
  expect(open).toEqual([]);
}

function checkPlacement(tree: TranscriptTree, sent: readonly DialogueMessage[], placed: Placement): void {
  const { conversation, input } = placed;
  const read = conversation.filter((message) => !isSettled(message));
  expect(new Set(read).size).toBe(read.length);
  expectAnsweredCalls(conversation);
  const leaf = tree.nodes.find(({ id }) => id === tree.leafId);
  if (!sent.some(isAssistant)) {
    const history = pathTo(tree, leaf).flatMap(({ nodes }) => nodes.map(({ message }) => message));
    expect(placed).toMatchObject({ mode: "new", parentId: tree.leafId });
    expect(input).toEqual(sent);
    expect(read).toEqual(inReadingOrder([...history, ...sent]));
    return;
  }
  const { parentId, pieces } = searchEverywhere(tree, sent);
  expect(placed).toMatchObject({ mode: "resent", parentId });
  expect(input).toEqual(sent.slice(pieces.length));
  // Exactly what was sent, but for what a run wrote, which is all there and by the objects themselves.
  const expected = inReadingOrder([
    ...pieces.flatMap(({ nodes }, index) => (nodes[0]!.origin === "run" ? nodes.map(({ message }) => message) : [sent[index]!])),
    ...input,
  ]);
  expect(read.length).toBe(expected.length);
  for (const [index, message] of read.entries()) expect(message).toBe(expected[index]);
}

/** Whether a result among the messages answers nothing; pending calls come from the active path when the request has none. */
function hasStray(tree: TranscriptTree, sent: readonly DialogueMessage[]): boolean {
  const leaf = tree.nodes.find(({ id }) => id === tree.leafId);
  const path = sent.some(isAssistant) ? [] : pathTo(tree, leaf).flatMap(({ nodes }) => nodes.map(({ message }) => message));
  let open: string[] = [];
  let isStray = false;
  for (const [index, message] of [...path, ...sent].entries()) {
    if (isAssistant(message)) open = message.toolCalls.map(({ id }) => id);
    if (message.role !== "tool") continue;
    const at = open.indexOf(message.toolCallId);
    if (at < 0 && index >= path.length) isStray = true;
    if (at >= 0) open.splice(at, 1);
  }
  return isStray;
}

/** Plays the steps and returns how requests were placed. */
function play(plan: readonly Step[]): string[] {
  const transcript = new Transcript();
  const histories: DialogueMessage[][] = [[], [], []];
  const modes: string[] = [];
  for (const step of plan) {
    const asked = request(histories[step.chat]!, step);
    if (!asked || asked.length === 0) continue;
    const sent = asked.map((message) => spelled(message, step.isRespelled));
    const placed = reconcile(transcript, sent);
    modes.push(placed.mode);
    if (placed.mode === "refused") {
      const isKnown = isAssistant(sent.at(-1)!) && searchEverywhere(transcript, sent).pieces.length === sent.length;
      expect(hasStray(transcript, sent) || isKnown).toBe(true);
      continue;
    }
    expect(hasStray(transcript, sent)).toBe(false);
    checkPlacement(transcript, sent, placed);
    const written = writeRun(step.run);
    transcript.end(placed, step.run.becomes === "failed" ? [] : written, step.run.becomes === "answered");
    const history = step.habit === "new" || step.habit === "resultsOnly" ? [...histories[step.chat]!, ...asked] : asked;
    histories[step.chat] = step.run.becomes === "answered" ? [...history, showRun(step.run)] : history;
  }
  return modes;
}

describe("whatever its clients do", () => {
  test("nothing is read twice, nothing that was sent is missing, nothing from elsewhere is read, and the best place is found", () => {
    const modes = new Map<string, number>();
    fc.assert(
      fc.property(steps, (plan) => {
        for (const mode of play(plan)) modes.set(mode, (modes.get(mode) ?? 0) + 1);
      }),
      { numRuns: 400 },
    );
    // The habits above really lead to every kind of answer.
    for (const mode of ["new", "resent", "refused"]) expect(modes.get(mode)).toBeGreaterThan(50);
  });

  test("a client that resends everything adds one turn each time, whatever is said", () => {
    const shape = fc.record({
      texts: fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 3 }),
      ownCalls: fc.constant(0),
      callerCalls: fc.constant(0),
      refusal: fc.constant(""),
      isHeld: fc.boolean(),
      becomes: fc.constant("answered" as const),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...words), shape), { minLength: 1, maxLength: 8 }), (turns) => {
        const transcript = new Transcript();
        const history: DialogueMessage[] = [];
        for (const [word, run] of turns) {
          history.push(user(word));
          const leafId = transcript.leafId;
          expect(transcript.ask([...history], ...writeRun(run))).toMatchObject({ parentId: leafId, input: [user(word)] });
          history.push(showRun(run));
        }
        expect(pathTo(transcript, transcript.nodes.at(-1))).toHaveLength(history.length);
      }),
      { numRuns: 100 },
    );
  });
});

test("the overlap of a sequence with a path is the one that comparing all beginnings finds", () => {
  const numbers = fc.array(fc.nat({ max: 2 }), { maxLength: 12 });
  fc.assert(
    fc.property(numbers, fc.array(fc.nat({ max: 3 }), { maxLength: 40 }), (sequence, path) => {
      const overlap = new Overlap(sequence);
      let length = 0;
      path.forEach((next, index) => {
        length = overlap.step(length, next);
        const walked = path.slice(0, index + 1);
        let longest = Math.min(sequence.length, walked.length);
        while (longest > 0 && sequence.slice(0, longest).some((value, at) => value !== walked[walked.length - longest + at])) longest--;
        expect(length).toBe(longest);
      });
    }),
    { numRuns: 300 },
  );
});
