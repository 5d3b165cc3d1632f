/** Which names lead to a model. */
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { ModelCatalog } from "../../src/domain/model.ts";
import { openModelCatalog } from "../../src/model/catalog.ts";
import { startStubUpstream, stubText, type StubUpstream } from "../support/stub-upstream.ts";
import { ask, provider } from "./conversation.ts";

let stub: StubUpstream;
let catalog: ModelCatalog;
beforeEach(async () => {
  stub = await startStubUpstream();
  catalog = openModelCatalog([
    provider(stub.url, { id: "open" }),
    provider(stub.url, {
      id: "listed",
      models: [
        { id: "a", takesImages: false },
        { id: "org/b", takesImages: true },
      ],
    }),
    provider("", { id: "inside", api: "builtin" }),
  ]);
});
afterEach(async () => {
  await catalog.close();
  await stub.close();
});

describe("the catalog", () => {
  test("finds the models that a provider lists, and any model of one without a list", () => {
    for (const ref of ["open/x", "open/org/x:latest", "listed/a", "listed/org/b", "inside/offline", "builtin/offline"]) {
      expect(catalog.find(ref)?.ref).toBe(ref);
    }
  });

  test.each([
    "",
    "/",
    "open",
    "open/",
    "/x",
    "listed/c",
    "listed/org",
    "other/a",
    "builtin/other",
    "inside/x",
    "Open/x",
    `open/${"x".repeat(600)}`,
  ])("knows no model '%s'", (ref) => {
    expect(catalog.find(ref)).toBeUndefined();
  });

  test("says what there is", () => {
    expect(catalog.refs()).toEqual(["open/*", "listed/a", "listed/org/b", "inside/offline", "builtin/offline"]);
    expect(openModelCatalog([]).refs()).toEqual(["builtin/offline"]);
  });

  test("keeps a model ready, but not every name that was ever asked for", () => {
    const first = catalog.find("open/first");
    expect(catalog.find("open/first")).toBe(first);
    for (let n = 0; n < 1000; n++) catalog.find(`open/${n}`);
    expect(catalog.find("open/first")).not.toBe(first);
  });

  test("sends the id that follows the first slash", async () => {
    expect((await ask(catalog.find("listed/org/b")!, "Hi")).text).toBe(stubText);
    expect(stub.requests[0]!.body.model).toBe("org/b");
  });

  test("closes its connections, more than once if need be", async () => {
    await ask(catalog.find("open/x")!, "Hi");
    await catalog.close();
    await catalog.close();
  });
});
