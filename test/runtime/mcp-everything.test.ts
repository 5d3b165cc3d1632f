/**
 * A well-known MCP server that is not ours, fetched from npm into a folder of its own for the time of the test. Where it
 * cannot be had the test is skipped, and says why.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { installFromNpm } from "../clients/npm-install.ts";
import { printSkipped } from "../clients/processes.ts";
import { offeredBy, resultsOf, startMcpGateway } from "../support/mcp.ts";
import { startStubUpstream } from "../support/stub-upstream.ts";

const name = "@modelcontextprotocol/server-everything";
const version = "2026.8.31";

const prefix = await mkdtemp(join(tmpdir(), "clawgate-mcp-"));
const removePrefix = (): Promise<void> => rm(prefix, { recursive: true, force: true });

const reason = await installFromNpm(`${name}@${version}`, prefix);
if (reason !== undefined) {
  printSkipped(`the test with ${name}, because ${reason}`);
  // When every test is skipped, nothing is called afterwards.
  await removePrefix();
}

afterAll(removePrefix);

const withServer = reason === undefined ? test : test.skip;

withServer("server-everything lends an agent its tools, and their results come as text", async () => {
  const stub = await startStubUpstream();
  try {
    const entry = { command: process.execPath, args: [join(prefix, "node_modules", name, "dist", "index.js"), "stdio"] };
    const gateway = await startMcpGateway(stub, { everything: entry }, ["everything__*"]);
    const results = await resultsOf(
      gateway,
      stub,
      ["everything__echo", { message: "hello" }],
      ["everything__get-sum", { a: 2, b: 40 }],
      ["everything__get-sum", { a: "two" }],
      ["everything__get-tiny-image"],
      ["everything__get-structured-content", { location: "Chicago" }],
    );
    expect(results).toEqual([
      "Echo: hello",
      "The sum of 2 and 40 is 42.",
      "Error: The arguments are wrong: they must have required property 'b'.",
      expect.stringMatching(/\n\[image image\/png, \d+ bytes, not shown\]\n/),
      expect.stringContaining('"temperature"'),
    ]);
    // It must be run as a background task, which we do not offer.
    expect(offeredBy(stub)).not.toContain("everything__simulate-research-query");
    expect(gateway.log().filter((line) => Number(line["level"]) > 30)).toEqual([]);
    await gateway.close();
  } finally {
    await stub.close();
  }
});
