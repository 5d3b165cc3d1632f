/** docs/websocket.md speaks of every method, event and code that the contract of the frames has, and of no others. */
import { expect, test } from "@jest/globals";
import { errorCodes } from "../../src/domain/errors.ts";
import { rpcDocument } from "../support/rpc-frames.ts";
import { readDocument } from "./documents.ts";

const page = readDocument("docs/websocket.md");

/** The first cells of the rows of the table with this head, taken apart into what stands in backquotes. */
function firstCells(head: string): string[] {
  const table = page.slice(page.indexOf(`| ${head} |`)).split("\n\n")[0]!;
  return table
    .split("\n")
    .slice(2)
    .flatMap((row) => [...row.split(" | ")[0]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
}

test("every method is in its table, with its scope", () => {
  const rows = [...page.matchAll(/^\| `([a-z.]+)` \| .* \| (read|write|admin) \|$/gm)].map(([, method, scope]) => [
    method,
    `operator.${scope}`,
  ]);
  const { connect: _connect, ...methods } = rpcDocument.methods;
  expect(rows).toEqual(Object.entries(methods).map(([name, { scope }]) => [name, scope]));
});

test("every event is in its table", () => {
  expect(firstCells("event | payload")).toEqual(Object.keys(rpcDocument.events));
});

test("every code is in its table, those of HTTP in theirs", () => {
  const codes = (name: string): string[] => (rpcDocument.schemas[name] as { enum: string[] }).enum;
  expect(firstCells("`details.code` | when").sort()).toEqual([...codes("ConnectErrorCode"), ...codes("FrameErrorCode")].sort());
  expect(codes("GatewayErrorCode")).toEqual([...errorCodes]);
});
