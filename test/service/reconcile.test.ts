/** Where a request finds its place in a session's transcript: the rows of docs/sessions.md, one test or more for each. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import type { ImagePart } from "../../src/domain/message.ts";
import type { DialogueMessage } from "../../src/domain/transcript-tree.ts";
import { Overlap } from "../../src/service/overlap.ts";
import { reconcile } from "../../src/service/reconcile.ts";
import { assistant, call, noResult, tool, Transcript, user } from "./transcript.ts";

const image = (data: string): ImagePart => ({ type: "image", mediaType: "image/png", data });

describe("only what is new", () => {
  test("a request without an assistant message continues the active leaf", () => {
    const transcript = new Transcript();
    expect(transcript.ask([user("lights on")], assistant("On."))).toMatchObject({ mode: "new", parentId: undefined });
    expect(transcript.place([user("and off")])).toEqual({
      mode: "new",
      parentId: transcript.idOf("On."),
      input: [user("and off")],
      conversation: [user("lights on"), assistant("On."), user("and off")],
    });
  });

  test("the model reads the agent's own tool turns again", () => {
    const transcript = new Transcript();
    const reply = [assistant("Let me see.", call("own")), tool("own", "21"), assistant("It is 21.")];
    transcript.ask([user("temperature?")], ...reply);
    expect(transcript.place([user("thanks")]).conversation).toEqual([user("temperature?"), ...reply, user("thanks")]);
  });

  test("several new messages stay in their order", () => {
    const transcript = new Transcript();
    transcript.ask([user("one")], assistant("1"));
    const sent = [user("two"), user("three")];
    expect(transcript.place(sent)).toMatchObject({ input: sent, conversation: [user("one"), assistant("1"), ...sent] });
  });

  test("the first message of a second chat under the same key continues the leaf", () => {
    const transcript = new Transcript();
    transcript.ask([user("chat A")], assistant("A"));
    transcript.ask([user("chat A"), assistant("A"), user("more of A")], assistant("more"));
    expect(transcript.place([user("chat B")])).toMatchObject({ mode: "new", parentId: transcript.idOf('"more"') });
  });

  test("the first message sent once more continues the leaf like any other", () => {
    const transcript = new Transcript();
    transcript.ask([user("hi")], assistant("hello"));
    expect(transcript.place([user("hi")]).conversation).toEqual([user("hi"), assistant("hello"), user("hi")]);
  });

  test("unanswered messages are never read", () => {
    const transcript = new Transcript();
    transcript.fail([user("broken")], assistant("half an ans"));
    expect(transcript.place([user("first")])).toMatchObject({ parentId: undefined, conversation: [user("first")] });
    transcript.ask([user("first")], assistant("1"));
    transcript.fail([user("broken again")]);
    expect(transcript.place([user("second")])).toMatchObject({
      parentId: transcript.idOf('"1"'),
      conversation: [user("first"), assistant("1"), user("second")],
    });
  });

  test("a leaf that is no answered message is an error of the store", () => {
    const transcript = new Transcript();
    transcript.fail([user("hi")]);
    expect(() => reconcile({ nodes: transcript.nodes, leafId: "n1" }, [user("again")])).toThrow("active leaf");
    expect(() => reconcile({ nodes: transcript.nodes, leafId: "n9" }, [user("again")])).toThrow("active leaf");
  });
});

describe("results without their assistant message", () => {
  const pending = (): Transcript => {
    const transcript = new Transcript();
    transcript.ask([user("weather?")], assistant("", call("a"), call("b")));
    return transcript;
  };

  test("a result continues the leaf when its call is pending there", () => {
    const sent = [tool("a", "sun"), tool("b", "rain")];
    expect(pending().place(sent)).toEqual({
      mode: "new",
      parentId: "n2",
      input: sent,
      conversation: [user("weather?"), assistant("", call("a"), call("b")), ...sent],
    });
  });

  test("results of parallel calls may come in another order than the calls", () => {
    const sent = [tool("b", "rain"), tool("a", "sun")];
    expect(pending().place(sent).conversation.slice(2)).toEqual(sent);
  });

  test("a result that nobody waits for is refused, and no more than 64 characters of its id are shown", () => {
    const id = "x".repeat(100);
    expect(pending().refusal([tool("a", "sun"), tool(id, "?")])).toEqual({
      mode: "refused",
      code: "invalid_value",
      index: 1,
      field: "toolCallId",
      message: `No tool call with the id '${"x".repeat(64)}' is waiting for a result here.`,
    });
    expect(new Transcript().refusal([tool("a", "sun")])).toMatchObject({ index: 0 });
  });

  test("a call takes one result only", () => {
    expect(pending().refusal([tool("a", "sun"), tool("a", "sun")])).toMatchObject({ index: 1 });
    const transcript = pending();
    transcript.ask([tool("a", "sun"), tool("b", "rain")], assistant("Mixed."));
    expect(transcript.refusal([tool("a", "sun")])).toMatchObject({ index: 0 });
  });

  test("an id that was given twice takes two results", () => {
    const transcript = new Transcript();
    transcript.ask([user("both")], assistant("", call("same"), call("same")));
    expect(transcript.place([tool("same", "1"), tool("same", "2")]).conversation).toHaveLength(4);
    expect(transcript.refusal([tool("same", "1"), tool("same", "2"), tool("same", "3")])).toMatchObject({ index: 2 });
  });

  test("an agent's own call takes no result of the caller's", () => {
    const transcript = new Transcript();
    transcript.ask([user("both")], assistant("", call("own"), call("theirs")), tool("own", "done"));
    expect(transcript.refusal([tool("own", "forged")])).toMatchObject({ index: 0 });
  });

  test("a mixed turn goes on with the caller's result behind the agent's own", () => {
    const transcript = new Transcript();
    const mixed = [assistant("", call("own"), call("theirs")), tool("own", "done")];
    transcript.ask([user("both")], ...mixed);
    expect(transcript.place([tool("theirs", "ok")]).conversation).toEqual([user("both"), ...mixed, tool("theirs", "ok")]);
  });

  test("a call that the caller walks away from gets a result that says so", () => {
    const sent = [tool("b", "rain"), user("never mind")];
    expect(pending().place(sent).conversation.slice(2)).toEqual([tool("b", "rain"), noResult("a"), user("never mind")]);
    const transcript = pending();
    transcript.ask([user("never mind")], assistant("Fine."));
    expect(transcript.place([user("bye")]).conversation).toEqual([
      user("weather?"),
      assistant("", call("a"), call("b")),
      noResult("a"),
      noResult("b"),
      user("never mind"),
      assistant("Fine."),
      user("bye"),
    ]);
  });

  test("a result that comes after a user message is read directly after its call", () => {
    const sent = [user("quick!"), tool("b", "rain"), tool("a", "sun")];
    expect(pending().place(sent)).toMatchObject({
      input: sent,
      conversation: [user("weather?"), assistant("", call("a"), call("b")), tool("b", "rain"), tool("a", "sun"), user("quick!")],
    });
  });
});

describe("history that is resent", () => {
  test("a client that resends everything adds one turn each time", () => {
    const transcript = new Transcript();
    const history: DialogueMessage[] = [];
    for (const round of ["one", "two", "three"]) {
      history.push(user(round));
      const placed = transcript.ask([...history], assistant(`${round}!`));
      expect(placed).toMatchObject({ input: [user(round)], conversation: history });
      history.push(assistant(`${round}!`));
    }
    expect(transcript.nodes).toHaveLength(6);
    expect(transcript.nodes.map(({ parentId }) => parentId)).toEqual([undefined, "n1", "n2", "n3", "n4", "n5"]);
  });

  const twoTurns = (): Transcript => {
    const transcript = new Transcript();
    transcript.ask([user("one")], assistant("1"));
    transcript.ask([user("two")], assistant("2"));
    return transcript;
  };
  const both = [user("one"), assistant("1"), user("two"), assistant("2")];

  test("an answer asked for again branches at its question", () => {
    const transcript = twoTurns();
    const again = both.slice(0, 3);
    expect(transcript.place(again)).toEqual({ mode: "resent", parentId: transcript.idOf("two"), input: [], conversation: again });
    transcript.ask(again, assistant("2, otherwise"));
    expect(transcript.place([...again, assistant("2, otherwise"), user("three")])).toMatchObject({
      parentId: transcript.idOf("otherwise"),
      input: [user("three")],
    });
  });

  test("an earlier answer asked for again branches there too", () => {
    const transcript = twoTurns();
    transcript.ask([...both, user("three")], assistant("3"));
    expect(transcript.place(both.slice(0, 3))).toMatchObject({ parentId: transcript.idOf("two"), input: [] });
  });

  test("an answer to results asked for again branches at the last result", () => {
    const transcript = new Transcript();
    transcript.ask([user("weather?")], assistant("", call("a")));
    transcript.ask([tool("a", "sun")], assistant("Sunny."));
    const again = [user("weather?"), assistant("", call("a")), tool("a", "sun")];
    expect(transcript.place(again)).toMatchObject({ parentId: transcript.idOf('"sun"'), input: [], conversation: again });
  });

  test("an edited message branches at the last message that stayed", () => {
    const transcript = twoTurns();
    const edited = [user("one"), assistant("1"), user("two, but better")];
    expect(transcript.place(edited)).toEqual({
      mode: "resent",
      parentId: transcript.idOf('"1"'),
      input: [user("two, but better")],
      conversation: edited,
    });
  });

  test("history of which nothing is known begins a branch at the root", () => {
    const sent = [user("one, but better"), assistant("1"), user("two")];
    const elsewhere = { mode: "resent", parentId: undefined, input: sent, conversation: sent };
    expect(twoTurns().place(sent)).toEqual(elsewhere);
    expect(new Transcript().place(sent)).toEqual(elsewhere);
  });

  test("what was brought as history is found again like anything else", () => {
    const transcript = new Transcript();
    const brought = [user("from elsewhere"), assistant("yes"), user("go on")];
    transcript.ask(brought, assistant("on"));
    expect(transcript.place([...brought, assistant("on"), user("and on")])).toMatchObject({
      parentId: transcript.idOf('"on"'),
      input: [user("and on")],
    });
  });

  test("a client that cut its oldest message is found in the middle of the path", () => {
    const transcript = twoTurns();
    const sent = [...both.slice(1), user("three")];
    expect(transcript.place(sent)).toEqual({
      mode: "resent",
      parentId: transcript.idOf('"2"'),
      input: [user("three")],
      conversation: sent,
    });
  });

  test("a client that cut several messages is found too, each time anew", () => {
    const transcript = twoTurns();
    transcript.ask([...both, user("three")], assistant("3"));
    const sent = [user("two"), assistant("2"), user("three"), assistant("3"), user("four")];
    expect(transcript.ask(sent, assistant("4"))).toMatchObject({ input: [user("four")], conversation: sent });
    const next = [...sent.slice(2), assistant("4"), user("five")];
    expect(transcript.place(next)).toMatchObject({ parentId: transcript.idOf('"4"'), conversation: next });
  });

  test("two chats under one key do not leak into one another once they resend", () => {
    const transcript = new Transcript();
    transcript.ask([user("A1")], assistant("a1"));
    transcript.ask([user("B1")], assistant("b1"));
    const a = [user("A1"), assistant("a1"), user("A2")];
    const b = [user("B1"), assistant("b1"), user("B2")];
    expect(transcript.ask(a, assistant("a2"))).toMatchObject({ parentId: transcript.idOf("a1"), conversation: a });
    expect(transcript.ask(b, assistant("b2"))).toMatchObject({ parentId: transcript.idOf("b1"), conversation: b });
    const more = [...a, assistant("a2"), user("A3")];
    expect(transcript.place(more)).toMatchObject({ parentId: transcript.idOf("a2"), input: [user("A3")], conversation: more });
  });

  test("a user who goes back to a superseded branch continues it", () => {
    const transcript = twoTurns();
    transcript.ask([user("one"), assistant("1"), user("two, otherwise")], assistant("2, otherwise"));
    expect(transcript.leafId).toBe(transcript.idOf("2, otherwise"));
    const sent = [...both, user("three")];
    expect(transcript.place(sent)).toMatchObject({ parentId: transcript.idOf('"2"'), input: [user("three")], conversation: sent });
  });

  test("unanswered messages are not matched", () => {
    const transcript = twoTurns();
    const sent = [...both, user("three")];
    transcript.fail(sent, assistant("half"));
    expect(transcript.ask(sent, assistant("3"))).toMatchObject({ parentId: transcript.idOf('"2"'), input: [user("three")] });
    expect(transcript.place([...sent, assistant("half"), user("four")])).toMatchObject({
      input: [assistant("half"), user("four")],
    });
  });
});

describe("of several places", () => {
  test("the one with more of the caller's messages wins, even in the middle of a path", () => {
    const transcript = new Transcript();
    transcript.ask([user("hi")], assistant("hello"));
    transcript.ask([user("go on")], assistant("on"));
    transcript.ask([user("hi")], assistant("you said that"));
    const sent = [user("hi"), assistant("you said that"), user("so?")];
    expect(transcript.place(sent)).toMatchObject({ parentId: transcript.idOf("you said that"), input: [user("so?")] });
  });

  test("one that begins where a conversation began goes before one in the middle", () => {
    const transcript = new Transcript();
    transcript.ask([user("hi")], assistant("hello"));
    transcript.ask([user("hi")], assistant("hello"));
    const placed = transcript.place([user("hi"), assistant("hello"), user("new")]);
    expect(placed.parentId).toBe("n2");
  });

  test("the active path goes before other branches", () => {
    const transcript = new Transcript();
    const ask = [user("one"), assistant("1"), user("roll a dice")];
    transcript.ask([user("one")], assistant("1"));
    transcript.ask(ask, assistant("4"));
    const first = transcript.leafId;
    transcript.ask(ask, assistant("4"));
    expect(transcript.leafId).not.toBe(first);
    const sent = [...ask, assistant("4"), user("again")];
    expect(transcript.place(sent).parentId).toBe(transcript.leafId);
    expect(reconcile({ nodes: transcript.nodes, leafId: first }, sent)).toMatchObject({ parentId: first });
  });

  test("the newest goes before older ones", () => {
    const transcript = new Transcript();
    const ask = [user("one"), assistant("1"), user("roll a dice")];
    transcript.ask([user("one")], assistant("1"));
    transcript.ask(ask, assistant("4"));
    transcript.ask(ask, assistant("4"));
    const newest = transcript.leafId;
    transcript.ask([user("other"), assistant("x"), user("topic")], assistant("y"));
    expect(transcript.place([...ask, assistant("4"), user("again")]).parentId).toBe(newest);
  });
});

describe("what a run wrote", () => {
  const reply = [assistant("Let me see.", call("own")), tool("own", "21"), assistant("It is 21.")];

  test("the texts of its turns are the one message that the caller saw, and all its nodes are read again", () => {
    const transcript = new Transcript();
    transcript.ask([user("temperature?")], ...reply);
    const placed = transcript.place([user("temperature?"), assistant("Let me see.\n\nIt is 21."), user("thanks")]);
    expect(placed).toEqual({
      mode: "resent",
      parentId: transcript.idOf("It is 21."),
      input: [user("thanks")],
      conversation: [user("temperature?"), ...reply, user("thanks")],
    });
  });

  test("the last text alone is the message that the caller of a JSON format saw", () => {
    const transcript = new Transcript();
    const json = [assistant("Let me see.", call("own")), tool("own", "21"), assistant('{"celsius":21}')];
    transcript.ask([user("temperature?")], ...json);
    const placed = transcript.place([user("temperature?"), assistant('{"celsius":21}'), user("thanks")]);
    expect(placed.conversation).toEqual([user("temperature?"), ...json, user("thanks")]);
  });

  test("a run may look like either, also where the request has both", () => {
    const transcript = new Transcript();
    for (const _ of [1, 2]) transcript.ask([user("temperature?")], ...reply);
    const sent = [user("temperature?"), assistant("It is 21."), user("temperature?"), assistant("Let me see.\n\nIt is 21.")];
    expect(transcript.place([...sent, user("thanks")])).toMatchObject({ parentId: transcript.leafId, input: [user("thanks")] });
    const swapped = [...sent.slice(2), ...sent.slice(0, 2), user("thanks")];
    expect(transcript.place(swapped)).toMatchObject({ parentId: transcript.leafId, input: [user("thanks")] });
    // The request begins with the second of three: until the third one, what looks best is that it begins with the first.
    transcript.ask([user("temperature?")], ...reply);
    transcript.ask([user("thanks")], assistant("You are welcome."));
    expect(transcript.place([...sent, user("thanks"), assistant("You are welcome."), user("bye")])).toMatchObject({
      parentId: transcript.leafId,
      input: [user("bye")],
    });
  });

  test("hidden turns of another branch are not read", () => {
    const transcript = new Transcript();
    transcript.ask([user("temperature?")], ...reply);
    const sent = [user("temperature?"), assistant("Warm."), user("thanks")];
    expect(transcript.place(sent)).toMatchObject({ parentId: "n1", conversation: sent });
  });

  test("a mixed turn shows the caller's calls only, and its results follow the agent's own", () => {
    const transcript = new Transcript();
    const mixed = [assistant("Both.", call("own"), call("theirs", '{"city":"Seoul"}')), tool("own", "done")];
    transcript.ask([user("both")], ...mixed);
    const sent = [user("both"), assistant("Both.", call("theirs", '{"city":"Seoul"}')), tool("theirs", "ok")];
    expect(transcript.ask(sent, assistant("Done."))).toEqual({
      mode: "resent",
      parentId: transcript.idOf("done"),
      input: [tool("theirs", "ok")],
      conversation: [user("both"), ...mixed, tool("theirs", "ok")],
    });
    const next = transcript.place([...sent, assistant("Done."), user("thanks")]);
    expect(next.conversation).toEqual([user("both"), ...mixed, tool("theirs", "ok"), assistant("Done."), user("thanks")]);
  });

  test("a call with the id of one that the agent answered in an earlier turn is the caller's all the same", () => {
    const transcript = new Transcript();
    const written = [assistant("", call("call_0")), tool("call_0", "hidden"), assistant("", call("call_0", '{"city":"Seoul"}'))];
    transcript.ask([user("weather?")], ...written);
    const sent = [user("weather?"), assistant("", call("call_0", '{"city":"Seoul"}')), tool("call_0", "sun")];
    expect(transcript.place(sent).conversation).toEqual([user("weather?"), ...written, tool("call_0", "sun")]);
  });

  test("what two runs wrote is two messages, also with nothing between them", () => {
    const transcript = new Transcript();
    transcript.ask([user("count")], assistant("1"));
    transcript.end({ mode: "resent", parentId: transcript.leafId, input: [], conversation: [] }, [assistant("2")], true);
    expect(transcript.place([user("count"), assistant("1"), assistant("2"), user("on")]).input).toEqual([user("on")]);
    expect(transcript.place([user("count"), assistant("1\n\n2"), user("on")]).input).toHaveLength(2);
  });

  test("hidden turns stand between a call of the caller's and the answer to its result", () => {
    const transcript = new Transcript();
    transcript.ask([user("plan")], assistant("", call("theirs")));
    const after = [assistant("", call("theirs")), tool("theirs", "hidden"), assistant("Planned.")];
    transcript.ask([tool("theirs", "ok")], ...after);
    const sent = [user("plan"), assistant("", call("theirs")), tool("theirs", "ok"), assistant("Planned."), user("go")];
    expect(transcript.place(sent).conversation).toEqual([...sent.slice(0, 3), ...after, user("go")]);
  });

  test("a run that said nothing is an empty message, and is one", () => {
    const transcript = new Transcript();
    transcript.ask([user("hush")], assistant(""));
    expect(transcript.place([user("hush"), assistant(""), user("well?")])).toMatchObject({ parentId: "n2", input: [user("well?")] });
    expect(transcript.place([user("hush"), user("x"), assistant("y"), user("z")])).toMatchObject({ parentId: "n1" });
  });

  test("what a provider wants replayed is read again", () => {
    const transcript = new Transcript();
    const signed = { ...assistant("Yes."), replay: { model: "p/m", content: { signature: "s" } } };
    transcript.ask([user("sure?")], signed);
    expect(transcript.place([user("sure?"), assistant("Yes."), user("ok")]).conversation).toEqual([user("sure?"), signed, user("ok")]);
  });
});

describe("results among resent messages", () => {
  test("each must answer an open call of the nearest assistant message before it in the request", () => {
    const transcript = new Transcript();
    transcript.ask([user("one")], assistant("1"));
    transcript.ask([user("weather?")], assistant("", call("a")));
    // Pending at the leaf, but not where it stands.
    expect(transcript.refusal([user("one"), assistant("1"), user("weather?"), tool("a", "sun")])).toMatchObject({
      index: 3,
      field: "toolCallId",
    });
    expect(transcript.refusal([user("weather?"), assistant("", call("a")), tool("a", "sun"), tool("a", "sun")])).toMatchObject({
      index: 3,
    });
    expect(transcript.refusal([user("weather?"), assistant("", call("a")), tool("b", "sun"), user("?")])).toMatchObject({ index: 2 });
  });

  test("history that was cut between a call and its result is refused", () => {
    const transcript = new Transcript();
    transcript.ask([user("weather?")], assistant("", call("a")));
    transcript.ask([tool("a", "sun")], assistant("Sunny."));
    expect(transcript.refusal([tool("a", "sun"), assistant("Sunny."), user("thanks")])).toMatchObject({ index: 0 });
  });

  test("a call that the caller walked away from gets a result that says so, known or not", () => {
    const transcript = new Transcript();
    transcript.ask([user("weather?")], assistant("", call("a"), call("b")));
    const sent = [user("weather?"), assistant("", call("a"), call("b")), tool("b", "rain"), user("never mind")];
    const read = [...sent.slice(0, 3), noResult("a"), user("never mind")];
    expect(transcript.place(sent)).toMatchObject({ parentId: "n2", input: sent.slice(2), conversation: read });
    expect(new Transcript().place(sent)).toMatchObject({ parentId: undefined, input: sent, conversation: read });
  });

  test("results in another order than they were kept in branch at their call", () => {
    const transcript = new Transcript();
    const question = [user("weather?"), assistant("", call("a"), call("b"))];
    transcript.ask([user("weather?")], question[1]!);
    transcript.ask([tool("a", "sun"), tool("b", "rain")], assistant("Mixed."));
    const sent = [...question, tool("b", "rain"), tool("a", "sun"), assistant("Mixed."), user("ok")];
    expect(transcript.place(sent)).toMatchObject({ parentId: "n2", input: sent.slice(2), conversation: sent });
  });
});

describe("nothing to answer", () => {
  test("a request that ends with an answer that is known is refused", () => {
    const transcript = new Transcript();
    transcript.ask([user("one")], assistant("1"));
    expect(transcript.refusal([user("one"), assistant("1")])).toEqual({
      mode: "refused",
      code: "invalid_value",
      index: 1,
      message: "There is nothing new to answer: the last message must be a 'user' or 'tool' message.",
    });
  });

  test("a request that ends with an answer of the caller's own asks for it to be continued", () => {
    const transcript = new Transcript();
    transcript.ask([user("one")], assistant("1"));
    const sent = [user("one"), assistant("The answer begins with")];
    expect(transcript.place(sent)).toMatchObject({ parentId: "n1", input: sent.slice(1), conversation: sent });
  });

  test("a request of instructions alone is refused", () => {
    expect(new Transcript().refusal([])).toMatchObject({ index: undefined, message: expect.stringContaining("nothing new to answer") });
  });
});

describe("two messages are the same", () => {
  /** What is taken for new when `first` was asked and `resent` is what the client makes of it later. */
  function inputAfter(first: DialogueMessage, resent: DialogueMessage, reply = assistant("1"), seen = reply): readonly DialogueMessage[] {
    const transcript = new Transcript();
    transcript.ask([first], reply);
    return transcript.place([resent, seen, user("next")]).input;
  }
  const next = [user("next")];

  test("whether their text is a string or parts", () => {
    expect(inputAfter(user("one two"), user("one ", "two"))).toEqual(next);
    expect(inputAfter(user("one ", "two"), user("one two"))).toEqual(next);
  });

  test("whatever whitespace is around their text, but not within", () => {
    expect(inputAfter(user(" one two\n"), user("\tone two"))).toEqual(next);
    expect(inputAfter(user("one two"), user("one two"), assistant("\n\nDone. "), assistant("Done."))).toEqual(next);
    expect(inputAfter(user("one two"), user("one  two"))).toHaveLength(3);
  });

  test("only in the same role", () => {
    const transcript = new Transcript();
    transcript.ask([user("same")], assistant("same"));
    expect(transcript.place([assistant("same"), user("next")]).parentId).toBe("n2");
    expect(transcript.place([assistant("same"), assistant("same"), user("next")]).input).toHaveLength(2);
    transcript.ask([user("?")], assistant("", call("cat")));
    transcript.ask([tool("cat", "cat")], assistant("A cat."));
    expect(transcript.place([user("cat", image("Y2F0")), assistant("A cat."), user("next")]).input).toHaveLength(3);
  });

  test("only with the same images, in the same order", () => {
    const [cat, dog] = [image("Y2F0"), image("ZG9n")];
    expect(inputAfter(user("look", cat, dog), user(cat, "look", dog))).toEqual(next);
    expect(inputAfter(user("look", cat, dog), user("look", dog, cat))).toHaveLength(3);
    expect(inputAfter(user("look", cat), user("look"))).toHaveLength(3);
    expect(inputAfter(user("look"), user("look", cat))).toHaveLength(3);
  });

  test("whatever they are named and however closely their images are looked at", () => {
    const cat = image("Y2F0");
    expect(inputAfter({ ...user("look", cat), name: "Ann" }, user("look", { ...cat, detail: "low" }))).toEqual(next);
  });

  test("only with the same refusal", () => {
    const refused = { ...assistant(""), refusal: "I will not." };
    expect(inputAfter(user("one"), user("one"), refused, refused)).toEqual(next);
    expect(inputAfter(user("one"), user("one"), refused, assistant("I will not."))).toHaveLength(2);
    expect(inputAfter(user("one"), user("one"), refused, assistant(""))).toHaveLength(2);
  });

  const calling = (first: string, second: string, id = "a", name = "lookup"): readonly DialogueMessage[] =>
    inputAfter(user("one"), user("one"), assistant("", call("a", first)), assistant("", call(id, second, name)));

  test("only with the same calls, whose arguments are compared as JSON values", () => {
    expect(calling('{"a":1,"b":[{"c":2,"d":3}]}', '{ "b": [{"d":3,"c":2.0}], "a": 1 }')).toEqual(next);
    expect(calling('{"a":1}', '{"a":"1"}')).toHaveLength(2);
    expect(calling('{"a":[1,2]}', '{"a":[2,1]}')).toHaveLength(2);
    expect(calling('{"__proto__":1}', "{}")).toHaveLength(2);
    expect(calling("{}", "{}", "b")).toHaveLength(2);
    expect(calling("{}", "{}", "a", "find")).toHaveLength(2);
  });

  test("also when arguments that were left empty come back as an empty object", () => {
    expect(calling("", "{}")).toEqual(next);
  });

  test("only with the same text where arguments are not JSON, or nested too deeply", () => {
    expect(calling('{"a":', '{"a":')).toEqual(next);
    expect(calling('{"a":', '{"a": ')).toHaveLength(2);
    const deep = "[".repeat(200_000) + "]".repeat(200_000);
    expect(calling(deep, deep)).toEqual(next);
    expect(calling(deep, `${deep} `)).toHaveLength(2);
  });

  test("only with the same result of the same call", () => {
    const transcript = new Transcript();
    const question = [user("weather?"), assistant("", call("a"))];
    transcript.ask([user("weather?")], question[1]!);
    transcript.ask([tool("a", "sun")], assistant("Sunny."));
    expect(transcript.place([...question, tool("a", " sun"), assistant("Sunny."), user("ok")]).input).toHaveLength(1);
    expect(transcript.place([...question, tool("a", "rain"), assistant("Sunny."), user("ok")]).input).toHaveLength(3);
    const both = [user("again?"), assistant("", call("a"), call("b"))];
    transcript.ask([user("again?")], both[1]!);
    transcript.ask([tool("a", "sun"), tool("b", "sun")], assistant("Sunny."));
    expect(transcript.place([...both, tool("b", "sun"), tool("a", "sun"), assistant("Sunny."), user("ok")]).input).toHaveLength(4);
  });

  test("to the last character of a long text", () => {
    const long = "x".repeat(50_000);
    expect(inputAfter(user(`${long}a`), user(`${long}a`))).toEqual(next);
    expect(inputAfter(user(`${long}a`), user(`${long}b`))).toHaveLength(3);
    expect(inputAfter(user(`${long}\ud800`), user(`${long}\ufffd`))).toHaveLength(3);
  });
});

describe("what a place costs", () => {
  test("16 000 equal messages find theirs", () => {
    const transcript = new Transcript();
    for (let turn = 0; turn < 8_000; turn++) transcript.end(placedAt(transcript.leafId, user("a")), [assistant("a")], true);
    const sent = Array.from({ length: 8_000 }, (_, index) => (index % 2 === 0 ? user("a") : assistant("a")));
    expect(transcript.place([...sent, user("b")])).toMatchObject({ mode: "resent", parentId: "n8000", input: [user("b")] });
    const all = transcript.nodes.map(({ message }) => message);
    expect(transcript.place([...all, user("a")])).toMatchObject({ parentId: "n16000", input: [user("a")] });
  });

  test("16 000 conversations that begin alike are told apart", () => {
    const transcript = new Transcript();
    for (let chat = 0; chat < 16_000; chat++) transcript.end(placedAt(undefined, user("a")), [assistant(`${chat}`)], true);
    expect(transcript.place([user("a"), assistant("77"), user("b")])).toMatchObject({ parentId: transcript.idOf('"77"') });
  });

  test("a step of the search looks at a few beginnings, however often the messages repeat", () => {
    const repeated = Array.from({ length: 4_096 }, (_, index) => (index === 4_095 ? 2 : 1));
    const fibonacci = [[1], [2]];
    while (fibonacci.at(-1)!.length < 4_096) fibonacci.push([...fibonacci.at(-1)!, ...fibonacci.at(-2)!]);
    for (const sequence of [repeated, fibonacci.at(-1)!]) {
      let reads = 0;
      const counted = new Proxy(sequence, {
        get: (target, name) => {
          reads++;
          return Reflect.get(target, name) as unknown;
        },
      });
      const overlap = new Overlap(counted);
      let most = 0;
      for (let length = 0; length <= sequence.length; length++) {
        for (const next of [1, 2, 3]) {
          reads = 0;
          overlap.step(length, next);
          most = Math.max(most, reads);
        }
      }
      expect(most).toBeLessThanOrEqual(20);
    }
  });

  function placedAt(parentId: string | undefined, ...input: readonly DialogueMessage[]) {
    return { mode: "new", parentId, input, conversation: [] } as const;
  }
});

test("a path whose beginning is not in the tree is matched, but not as the beginning of a conversation", () => {
  const transcript = new Transcript();
  transcript.ask([user("one")], assistant("1"));
  transcript.ask([user("lost")], assistant("0"));
  transcript.ask([user("one")], assistant("1"));
  const cut = { nodes: transcript.nodes.filter(({ id }) => id !== "n3" && id !== "n4"), leafId: "n6" };
  expect(reconcile(cut, [user("two")])).toMatchObject({ conversation: [user("one"), assistant("1"), user("two")] });
  expect(reconcile(cut, [user("one"), assistant("1"), user("two")])).toMatchObject({ parentId: "n2", input: [user("two")] });
  const orphan = { nodes: cut.nodes.slice(2), leafId: "n6" };
  expect(reconcile(orphan, [user("one"), assistant("1"), user("two")])).toMatchObject({ parentId: "n6", input: [user("two")] });
});

test("docs/sessions.md has a test for each of its rows, and a row for each test", () => {
  const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");
  // What comes after the placing of requests has tests of its own.
  const [placing = ""] = read("../../docs/sessions.md").split("\n## What fits into the model\n");
  const named = [...placing.matchAll(/^\|.*\| ([^|]+) \|$/gm)].map(([, cell]) => cell!).filter((cell) => !/^-+$|^test$/.test(cell));
  const rows = named.flatMap((cell) => cell.split("; "));
  const tests = [...read("reconcile.test.ts").matchAll(/^ *test\("([^"]+)"/gm)].map(([, name]) => name!);
  expect(rows.filter((name) => !tests.includes(name))).toEqual([]);
  expect(tests.filter((name) => !rows.includes(name) && !name.startsWith("docs/"))).toEqual([]);
});
