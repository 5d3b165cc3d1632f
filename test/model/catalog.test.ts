/** Which names lead to a model. */
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { ModelCatalog } from "../../src/domain/model.ts";
import { openModelCatalog } from "../../src/model/catalog.ts";
import { startStubUpstream, stubText, type StubUpstream } from "../support/stub-upstream.ts";
import { ask, failureOf, provider } from "./conversation.ts";

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
    provider(stub.googleUrl, { id: "google", api: "google-generative-ai", apiKey: "k" }),
    provider(stub.anthropicUrl, { id: "claude", api: "anthropic-messages", apiKey: "k" }),
    provider(stub.googleUrl, { id: "odd", api: "google-generative-ai", models: [{ id: "../../admin", takesImages: true }] }),
  ]);
});
afterEach(async () => {
  await catalog.close();
  await stub.close();
});

describe("the catalog", () => {
  test("finds the models that a provider lists, and any model of one without a list", () => {
    for (const ref of [
      "open/x",
      "open/org/x:latest",
      "listed/a",
      "listed/org/b",
      "inside/offline",
      "builtin/offline",
      "open/../x?",
      "google/gemini-2.5-flash",
      "google/tunedModels/mine-1",
      "claude/org/claude-x:beta@1",
    ]) {
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

  test.each([
    ...[
      "../../../admin#",
      "../x",
      "..",
      "a/../b",
      "a/b",
      "models/../x",
      "m?x",
      "m#",
      "%2e%2e",
      "a\\b",
      "a b",
      "m\n",
      "//evil.example/x",
      "@evil",
      "models/",
    ],
  ])("takes no address for a model of Google's: '%s'", (id) => {
    expect(catalog.find(`google/${id}`)).toBeUndefined();
  });

  test.each(["../x", "a/../b", "a/.", "m?x", "m#", "%2e", "a\\b", "a b", "m\n", "//evil.example/x"])(
    "nor for one of another package: '%s'",
    (id) => {
      expect(catalog.find(`claude/${id}`)).toBeUndefined();
    },
  );

  test("sends nothing to an address outside of the provider's, whatever led there", async () => {
    const error = await failureOf(ask(catalog.find("odd/../../admin")!, "Hi"));
    expect(error).toMatchObject({ code: "upstream_error", message: expect.stringContaining("not one below its baseUrl") });
    expect(stub.requestCount).toBe(0);
  });

  test("says what there is", () => {
    expect(catalog.refs()).toEqual([
      "open/*",
      "listed/a",
      "listed/org/b",
      "inside/offline",
      "google/*",
      "claude/*",
      "odd/../../admin",
      "builtin/offline",
    ]);
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
