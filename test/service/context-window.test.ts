/** What of a conversation a model reads: the rows of "What fits into the model" in docs/sessions.md, by what the model is asked. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { GatewayError } from "../../src/domain/errors.ts";
import { type ImagePart, type Message, textOf } from "../../src/domain/message.ts";
import type { Model, ModelEvent, ModelRequest, ModelSettings, ToolDefinition } from "../../src/domain/model.ts";
import { fitToWindow } from "../../src/service/context-window.ts";
import { atLeast, atMost, tokensOfMessage } from "../../src/service/token-estimate.ts";
import { assistant, call, tool, user } from "./transcript.ts";

const system = (text: string): Message => ({ role: "system", content: [{ type: "text", text }] });
const image: ImagePart = { type: "image", mediaType: "image/png", data: "AAAA" };
const tooLong = new GatewayError("context_length_exceeded", "The provider says that this is too long.");

/** A text of so many tokens, the 8 around its message included. It begins with `name`. */
const sized = (name: string, tokens: number): string => name.padEnd(Math.round((tokens - 8) / 0.3), ".");
/** A turn of 100 tokens. */
const turn = (name: string): [Message, Message] => [user(sized(`${name}?`, 50)), assistant(sized(`${name}.`, 50))];
const turns = (count: number): Message[] => Array.from({ length: count }, (_, index) => turn(`turn ${index + 1}`)).flat();
const input = user(sized("input", 50));

interface Asked {
  readonly window?: number;
  /** 1 unless told. */
  readonly maxTokens?: number | undefined;
  readonly instructions?: readonly Message[];
  readonly history?: readonly Message[];
  readonly input?: readonly Message[];
  readonly tools?: readonly ToolDefinition[];
  readonly settings?: ModelSettings;
  /** What the model throws when it is asked, one after the other; then it answers. */
  readonly failures?: readonly (GatewayError | undefined)[];
}

/** A run on one model, which may be asked several times. */
function begin(asked: Asked) {
  const { window, instructions = [], history = [], input: said = [input], tools = [], settings = {}, failures = [] } = asked;
  const maxTokens = "maxTokens" in asked ? asked.maxTokens : 1;
  const read: (readonly Message[])[] = [];
  const leftOut: [ref: string, messages: number][] = [];
  const open = [...failures];
  const model: Model = {
    ref: "a/model",
    takesImages: true,
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(window === undefined ? {} : { contextWindow: window }),
    // eslint-disable-next-line @typescript-eslint/require-await -- a model's replies are asynchronous
    async *stream({ messages }: ModelRequest): AsyncGenerator<ModelEvent> {
      read.push(messages);
      const failure = open.shift();
      if (failure) throw failure;
      yield { type: "text_delta", text: "Well." };
      yield { type: "finish", reason: "stop" };
    },
  };
  const messages = [...instructions, ...history, ...said];
  const fitted = fitToWindow({ models: [model], messages }, history.length, (ref, count) => leftOut.push([ref, count]));
  const ask = async (ownTurns: readonly Message[] = []): Promise<readonly Message[]> => {
    const request = { messages: [...fitted.messages, ...ownTurns], tools, settings };
    for await (const event of fitted.models[0]!.stream(request, new AbortController().signal)) void event;
    return read.at(-1)!;
  };
  return { ask, read, leftOut };
}

const ask = (asked: Asked): Promise<readonly Message[]> => begin(asked).ask();
const about = (tokens: number): unknown => expect.closeTo(tokens, 6);
const namesOf = (messages: readonly Message[]): string[] => messages.map((message) => textOf(message).replace(/\.*$/, ""));
const sizeOf = (messages: readonly Message[]): number => messages.reduce((sum, one) => sum + tokensOfMessage(one, "a/model", atMost), 0);

async function refusalOf(asking: Promise<unknown>): Promise<GatewayError> {
  const thrown = await asking.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (thrown instanceof GatewayError) return thrown;
  throw new Error("It was not refused.", { cause: thrown });
}

describe("what fits", () => {
  test("a conversation that fits is read as it is", async () => {
    const history = turns(9);
    expect(await ask({ window: 1000, history })).toEqual([...history, input]);
  });

  test("where no window is configured, everything is read", async () => {
    const history = turns(500);
    expect(await ask({ history })).toEqual([...history, input]);
  });

  test("the oldest turns are not read, as whole turns, until the rest fits", async () => {
    const history = turns(20);
    const { ask: next, leftOut } = begin({ window: 1000, instructions: [system("Be brief.")], history });
    // With its instructions it is 1 062 tokens over the window, of which an eighth is 125.
    expect(await next()).toEqual([system("Be brief."), ...history.slice(24), input]);
    expect(leftOut).toEqual([["a/model", 24]]);
  });

  test("an eighth of the window is left out at a time, so that the next requests begin with the same message", async () => {
    const first: string[] = [];
    for (let count = 40; count < 80; count++) first.push(namesOf(await ask({ window: 4000, history: turns(count) }))[0]!);
    expect(new Set(first).size).toBeLessThanOrEqual(40 / 5 + 1);
    expect(first.slice(0, 5)).toEqual(["turn 6?", "turn 6?", "turn 6?", "turn 6?", "turn 6?"]);
  });

  test("a turn goes with the agent's calls in it and their results", async () => {
    const long = [user("long?"), assistant("", call("own")), tool("own", sized("", 600)), assistant("long.")];
    expect(await ask({ window: 600, history: [...long, ...turn("short")] })).toEqual([...turn("short"), input]);
    const kept = [...turn("old"), user("long?"), assistant("", call("own")), tool("own", sized("", 300)), assistant("long.")];
    expect(await ask({ window: 450, history: kept })).toEqual([...kept.slice(2), input]);
  });

  test("messages that were sent in one request go together", async () => {
    const history = [user(sized("one", 300)), user("and one more"), assistant("answer."), ...turn("short")];
    expect(await ask({ window: 400, history })).toEqual([...turn("short"), input]);
  });

  test("the turn that the input goes on with is read from its beginning", async () => {
    const open = [user(sized("weather?", 200)), assistant("", call("theirs"))];
    const result = tool("theirs", "21 °C");
    const { ask: next } = begin({ window: 300, history: [...turns(3), ...open], input: [result] });
    expect(await next()).toEqual([...open, result]);
  });

  test("the run's own turns stay, and what was left out for them is not read again in this run", async () => {
    const { ask: next, leftOut } = begin({ window: 1000, history: turns(8) });
    expect(namesOf(await next())).toEqual([...namesOf(turns(8)), "input"]);
    const own = [assistant("", call("own")), tool("own", sized("result", 300))];
    expect(await next(own)).toEqual([...turns(8).slice(6), input, ...own]);
    expect(await next(own.slice(0, 1))).toEqual([...turns(8).slice(6), input, own[0]]);
    expect(leftOut).toEqual([["a/model", 6]]);
  });

  test("whatever the turns are, no more of them are left out than must be, and none is cut", async () => {
    const someTurn = fc
      .record({ asked: fc.nat({ max: 60 }), calls: fc.nat({ max: 2 }), answered: fc.nat({ max: 60 }), isSaidTwice: fc.boolean() })
      .map(({ asked, calls, answered, isSaidTwice }): Message[] => [
        ...Array.from({ length: isSaidTwice ? 2 : 1 }, () => user("q".repeat(asked))),
        ...Array.from({ length: calls }, (_, index) => [assistant("", call(`own${index}`)), tool(`own${index}`, "r".repeat(asked))]).flat(),
        assistant("a".repeat(answered)),
      ]);
    const conversation = fc.record({ some: fc.array(someTurn, { maxLength: 30 }), window: fc.integer({ min: 100, max: 1500 }) });
    await fc.assert(
      fc.asyncProperty(conversation, async ({ some, window }) => {
        const instructions = [system("Be brief.")];
        const read = await ask({ window, instructions, history: some.flat(), input: [user("next")] });
        const starts = some.map((_, index) => [...instructions, ...some.slice(index).flat(), user("next")]);
        const begin = [...starts, [...instructions, user("next")]].findIndex((messages) => messages.length === read.length);
        expect(read).toEqual(starts[begin] ?? [...instructions, user("next")]);
        const limit = window - 1;
        if (begin < some.length) expect(sizeOf(read)).toBeLessThanOrEqual(limit);
        if (begin > 0) expect(sizeOf(starts[begin - 1]!)).toBeGreaterThan(limit - window / 8);
      }),
    );
  });
});

describe("what may not be left out", () => {
  test("input that is clearly too long is refused before the model is asked", async () => {
    const { ask: next, read } = begin({ window: 1000, history: turns(3), input: [user("x".repeat(6100))] });
    expect(await refusalOf(next())).toMatchObject({
      code: "context_length_exceeded",
      param: "messages",
      message:
        "The input has at least 1016 tokens, and the model 'a/model' reads no more than 1000 (its contextWindow in models.providers). Shorten it.",
    });
    expect(read).toEqual([]);
  });

  test("what may be too long is left to the provider to judge, without any turn of the transcript", async () => {
    const long = user("x".repeat(5900));
    const { ask: next, read } = begin({ window: 1000, history: turns(3), input: [long], failures: [tooLong] });
    expect(await refusalOf(next())).toBe(tooLong);
    expect(read).toEqual([[long]]);
  });

  test("a request that brings its history along loses nothing: it is refused when it is clearly too long", async () => {
    const resent = [...turns(4), input];
    expect(await ask({ window: 400, input: resent })).toEqual(resent);
    expect((await refusalOf(ask({ window: 400, input: [...turns(9), input] }))).code).toBe("context_length_exceeded");
  });

  test("a run that outgrows the window in its own turns fails, clearly or by its provider's word", async () => {
    const grown = (text: string): Message[] => [assistant("", call("own")), tool("own", text)];
    const { ask: next, read } = begin({ window: 1000, history: turns(3), failures: [undefined, tooLong] });
    await next();
    expect(await refusalOf(next(grown("x".repeat(4000))))).toBe(tooLong);
    expect(read.at(-1)).toEqual([input, ...grown("x".repeat(4000))]);
    expect(await refusalOf(next(grown("x".repeat(6000))))).toMatchObject({ code: "context_length_exceeded", param: "messages" });
    expect(read).toHaveLength(2);
  });
});

describe("what counts", () => {
  const short = Array.from({ length: 50 }, (_, index) => [user(sized(`${index}?`, 20)), assistant(sized(`${index}.`, 20))]).flat();

  /** How many of 50 turns, 2 000 tokens in all, are read. With the input they are 1 051 tokens over the window, so that nine eighths of it go. */
  async function turnsRead(asked: Asked): Promise<number> {
    const read = await ask({ window: 1000, history: short, ...asked });
    return read.filter(({ role }) => role === "assistant").length;
  }
  // With 125 tokens more, another eighth goes.
  const [with0, with125, with250, with500] = [21, 18, 15, 9];

  test("instructions, the agent's and the caller's", async () => {
    const one = system(sized("", 125));
    expect(await turnsRead({})).toBe(with0);
    expect(await turnsRead({ instructions: [one] })).toBe(with125);
    expect(await turnsRead({ instructions: [one, one] })).toBe(with250);
  });

  test("the definitions of tools, the caller's and the agent's", async () => {
    const big = { name: "big", description: "x".repeat(380) };
    expect(await turnsRead({ tools: [big] })).toBe(with125);
    expect(await turnsRead({ tools: [big, { ...big, name: "second" }] })).toBe(with250);
  });

  test("the caller's limit of the reply, the smaller one of two", async () => {
    expect(await turnsRead({ settings: { maxTokens: 126 } })).toBe(with125);
    expect(await turnsRead({ settings: { maxCompletionTokens: 251, maxTokens: 999 } })).toBe(with250);
  });

  test("the model's own limit of the reply, where the caller names none", async () => {
    expect(await turnsRead({ maxTokens: 251 })).toBe(with250);
    expect(await turnsRead({ maxTokens: 251, settings: { maxTokens: 1 } })).toBe(with0);
  });

  test("a quarter of the window, or 4096 tokens, where nobody says how long the reply may get", async () => {
    expect(await turnsRead({ maxTokens: undefined })).toBe(with250);
    const many = Array.from({ length: 20 }, () => short).flat();
    expect(await turnsRead({ maxTokens: undefined, window: 40_000, history: many })).toBe(1000 - 5000 / 40);
  });

  test("half of the window, where the reply may get longer", async () => {
    expect(await turnsRead({ maxTokens: 64_000 })).toBe(with500);
    expect(await turnsRead({ settings: { maxTokens: 1_000_000 } })).toBe(with500);
  });

  test("a reply as its own provider wants it back", async () => {
    const replay = (model: string): Message[] => {
      const content = [{ type: "reasoning", text: "x".repeat(375) }];
      return [input, { ...assistant(""), replay: { model, content } }, tool("own", ""), input];
    };
    const bare = await turnsRead({ input: replay("another/model") });
    expect(await turnsRead({ input: replay("a/model") })).toBe(bare - 3);
  });
});

describe("how tokens are estimated", () => {
  const framed = 8;
  const estimate = (...parts: readonly (string | ImagePart)[]): number => tokensOfMessage(user(...parts), "a/model", atMost) - framed;

  test("0.3 tokens for a Latin letter, 0.65 for a Cyrillic one, 1 for a Korean, Chinese or Japanese one", () => {
    expect(["a", "я", "한", "中", "の"].map((letter) => estimate(letter.repeat(100)))).toEqual([30, 65, 100, 100, 100].map(about));
    expect(estimate("😀".repeat(100))).toEqual(about(130));
    expect(estimate("one", "two")).toEqual(about(1.8));
  });

  test("1600 for an image", () => {
    expect(estimate("What is this?", image, image)).toEqual(about(3200 + 13 * 0.3));
  });

  test("8 around each message and each call", () => {
    const calls = assistant("Look.", call("an-id-that-no-template-shows", '{"a":1}', "look_up"), call("b", "{}", "wait"));
    expect(tokensOfMessage(calls, "a/model", atMost)).toEqual(about(3 * 8 + 0.3 * (5 + 7 + 7 + 4 + 2)));
    expect(tokensOfMessage({ ...assistant(""), refusal: "No." }, "a/model", atMost)).toEqual(about(8 + 0.9));
  });

  // Counted with the vocabularies that OpenAI's models have had since 2024, and before that.
  const counted: readonly [text: string, today: number, before: number][] = [
    ["The next train to the coast leaves at nine, but only if the snow on the mountain road has been cleared by then.", 25, 25],
    ["Der nächste Zug an die Küste fährt um neun Uhr, aber nur, wenn der Schnee auf der Bergstraße bis dahin geräumt ist.", 29, 37],
    ["Следующий поезд к побережью отправится в девять часов, но только если снег на горной дороге к тому времени уберут.", 29, 49],
    ["해안으로 가는 다음 열차는 아홉 시에 출발하지만, 그때까지 산길의 눈이 치워져야만 합니다.", 33, 51],
    ["下一班开往海边的火车九点出发，但前提是山路上的积雪到那时已经清理干净。", 31, 44],
    ["海岸行きの次の列車は九時に出発しますが、それまでに山道の雪が片付いている場合に限ります。", 34, 46],
    ["القطار التالي إلى الساحل يغادر في التاسعة، ولكن فقط إذا أزيل الثلج عن طريق الجبل قبل ذلك.", 28, 60],
    ['for (const train of trains.filter(({ to }) => to === "coast")) {\n  if (train.leavesAt >= nine) return train.platform;\n}\n', 33, 33],
  ];

  test("prose and code are estimated a little high, and counted sparingly they are fewer than any model makes of them", () => {
    const wrong = counted.filter(([text, today, before]) => {
      const most = estimate(text);
      const least = tokensOfMessage(user(text), "a/model", atLeast);
      return most < today || most < before * 0.75 || least > today || least < today * 0.35;
    });
    expect(wrong).toEqual([]);
  });
});

describe("when the provider finds it too long", () => {
  test("it is asked again with about half, a quarter and an eighth of it, then without the transcript, and then it is right", async () => {
    const failures = Array.from({ length: 5 }, () => tooLong);
    const history = turns(32);
    const { ask: next, read } = begin({ history, failures });
    expect(await refusalOf(next())).toBe(tooLong);
    expect(read.map((messages) => messages.length)).toEqual([65, 31, 15, 7, 1]);
    for (const messages of read) expect(messages).toEqual([...history, input].slice(-messages.length));
  });

  test("it answers what it finds short enough, and is asked no more than that in the run's later turns", async () => {
    const history = turns(32);
    const { ask: next, read, leftOut } = begin({ window: 100_000, history, failures: [tooLong, tooLong] });
    const own = [assistant("", call("own")), tool("own", "42")];
    expect(await next()).toEqual([...history.slice(64 - 14), input]);
    expect(read).toHaveLength(3);
    expect(namesOf(await next(own))).toEqual(namesOf([...history.slice(64 - 12), input, ...own]));
    expect(read).toHaveLength(4);
    expect(leftOut.map(([, messages]) => messages)).toEqual([34, 50, 52]);
  });

  test("nothing is asked again where no turn may be left out", async () => {
    const { ask: next, read } = begin({ history: [user("one")], input: [assistant("1."), input], failures: [tooLong] });
    expect(await refusalOf(next())).toBe(tooLong);
    expect(read).toHaveLength(1);
    const resent = begin({ window: 100_000, input: [...turns(8), input], failures: [tooLong] });
    expect(await refusalOf(resent.ask())).toBe(tooLong);
    expect(resent.read).toHaveLength(1);
  });

  test("any other failure stands", async () => {
    const failure = new GatewayError("upstream_rejected", "The provider says no.");
    const { ask: next, read } = begin({ history: turns(8), failures: [failure] });
    expect(await refusalOf(next())).toBe(failure);
    expect(read).toHaveLength(1);
  });
});

test("docs/sessions.md has a test for each row about what fits, and a row for each test", () => {
  const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");
  const section =
    read("../../docs/sessions.md")
      .split(/^## /m)
      .find((text) => text.startsWith("What fits into the model\n")) ?? "";
  const rows = [...section.matchAll(/^\|.*\| ([^|]+) \|$/gm)]
    .map(([, cell]) => cell!)
    .filter((cell) => !/^-+$|^test$/.test(cell))
    .flatMap((cell) => cell.split("; "));
  const files = ["context-window.test.ts", "../faces/context-window.test.ts"];
  const tests = files.flatMap((file) => [...read(file).matchAll(/^ *test\("([^"]+)"/gm)].map(([, name]) => name!));
  expect(rows.filter((name) => !tests.includes(name))).toEqual([]);
  expect(tests.filter((name) => !rows.includes(name) && !name.startsWith("docs/"))).toEqual([]);
});
