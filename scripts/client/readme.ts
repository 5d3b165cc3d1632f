/** The client's README: code is taken from examples/, which the tests run; tables and prose from the contract. */
import type { Contract, Operation } from "./operations.ts";
import { sharedOptions, streamName } from "./source.ts";

/** Name of an example → its code. */
export interface Examples {
  readonly [name: string]: string;
}

export function readme(contract: Contract, operations: readonly Operation[], examples: Examples): string {
  const { title, version, description } = contract.info;
  return `# @clawgate/client

A typed client for the HTTP surface of ${title} ${version}, made from its contract. It runs on Node ≥ 20.19 and wherever else there is \`fetch\`.

It comes with the gateway, and is not on the npm registry. In a checkout of the gateway:

\`\`\`sh
npm ci
(cd generated/client && npm pack)
\`\`\`

\`npm install\` takes the file that this makes.

## Quick start

The examples read where the gateway is and its token from the environment.

${code(examples, "plain")}

## Agents

${section(description, "Agents are models")}

## Streaming

${code(examples, "stream")}

\`streamChatCompletion\` resolves as soon as the reply begins. What the gateway refuses before that rejects; a run that fails later, and a stream that
was cut, throw in the loop. Only a loop that ends by itself has seen the whole reply.

## Aborting

${code(examples, "abort")}

Leaving the loop with \`break\` closes the connection too. Either way the gateway aborts the run.

## Sessions

${code(examples, "session")}

${section(description, "Sessions")}

## Tools of your own

${code(examples, "tools")}

## JSON of a given form

${code(examples, "structured")}

## What the agent does meanwhile

${code(examples, "events")}

## The client

| option of \`createClawgateClient\` | meaning |
|---|---|
| \`baseUrl\` | Where the gateway listens. Default \`${contract.servers[0]!.url}\`; \`/v1\` at its end is allowed. |
| \`token\` | The gateway's token or password. |
| \`headers\` | Sent with every request. |
| \`fetch\` | Called instead of the global \`fetch\`. |

| function | request | |
|---|---|---|
${operations.flatMap(operationRows).join("\n")}

Each resolves with the reply's body; \`.withHeaders()\` on the call resolves with \`{ data, headers }\` instead, and a stream has \`headers\` itself.
All take options last:

| option | header | functions | meaning |
|---|---|---|---|
| \`signal\` | | all | An \`AbortSignal\`: closes the connection and ends the run. Rejects with the signal's reason. |
| \`headers\` | | all | More headers. |
${[...requestHeaderRows(operations), ...queryRows(operations)].join("\n")}

Reply headers:

| \`headers\` | header | meaning |
|---|---|---|
${replyHeaderRows(operations).join("\n")}
| \`all\` | | All of them, as a \`Headers\` object. |

## Errors

Everything that goes wrong is a \`ClawgateError\`, except the caller's own abort.

| field | meaning |
|---|---|
| \`message\` | What was wrong and how to mend it, for people. |
| \`status\` | The status of the reply; undefined without one, and when a stream failed after it had begun. |
| \`type\`, \`code\` | What was wrong, for programs; see below. |
| \`param\` | Where: a path into the body such as \`messages[0].content\`, a header's name, or null. |
| \`requestId\` | The gateway's log knows the request by it. |
| \`retryAfterMs\` | How long to wait until another try can succeed. |
| \`isRetryable\` | Whether the same request may be sent again without doing work twice. The client never does so by itself. |

${errorTable(description)}
| – | \`transport_error\` | \`connection_failed\`, \`reply_cut\`, \`reply_not_understood\`: no connection, a reply that broke off, a reply that is not the gateway's |

## License

MIT
`;
}

function code(examples: Examples, name: string): string {
  const text = examples[name];
  if (text === undefined) throw new Error(`There is no examples/${name}.ts.`);
  return `\`\`\`ts\n${text.trim()}\n\`\`\``;
}

function operationRows({ name, method, path, pathParameters, body, summary, chunk }: Operation): string[] {
  const parameters = [...pathParameters.map((parameter) => parameter.name), ...(body ? ["body"] : []), "options?"].join(", ");
  const request = `\`${method} ${path}\``;
  const row = `| \`${name}(${parameters})\` | ${request} | ${summary} |`;
  return chunk ? [row, `| \`${streamName(name)}(${parameters})\` | ${request} | The same, streamed |`] : [row];
}

function requestHeaderRows(operations: readonly Operation[]): string[] {
  const rows = new Map<string, { functions: string[]; option: string; header: string; description: string; isEncoded: boolean }>();
  for (const { name, chunk, headerOptions } of operations) {
    for (const each of headerOptions) {
      const row = rows.get(each.option) ?? { ...each, functions: [] };
      row.functions.push(...[name, ...(chunk ? [streamName(name)] : [])].map((text) => `\`${text}\``));
      rows.set(each.option, row);
    }
  }
  return [...rows.values()].map(({ option, header, functions, description, isEncoded }) => {
    const isForAll = sharedOptions(operations).some((each) => each.option === option);
    const note = isEncoded ? " **Give it as plain text: the client encodes it.**" : "";
    return `| \`${option}\` | \`${header}\` | ${isForAll ? "all" : functions.join(", ")} | ${oneLine(description)}${note} |`;
  });
}

/** A name may mean something else in another function: then it has a row for each meaning. */
function queryRows(operations: readonly Operation[]): string[] {
  const rows = new Map<string, string[]>();
  for (const { name, queryOptions } of operations) {
    for (const { option, description } of queryOptions) {
      const row = `\`${option}\` | | % | ${oneLine(description)}`;
      rows.set(row, [...(rows.get(row) ?? []), `\`${name}\``]);
    }
  }
  return [...rows].map(([row, functions]) => `| ${row.replace("%", functions.join(", "))} |`);
}

const replyHeaderNames: { readonly [header: string]: string } = {
  "x-request-id": "requestId",
  "x-openclaw-session-key": "sessionKey",
  "x-openclaw-run-id": "runId",
};

function replyHeaderRows(operations: readonly Operation[]): string[] {
  const described = new Map(operations.flatMap(({ replyHeaders }) => replyHeaders.map(({ name, description }) => [name, description])));
  return Object.entries(replyHeaderNames).map(([header, field]) => {
    const text = described.get(header);
    if (text === undefined) throw new Error(`No reply of the contract has the header ${header}, which the client reads.`);
    const note = field === "sessionKey" ? " **The client has decoded it.**" : "";
    return `| \`${field}\` | \`${header}\` | ${oneLine(text)}${note} |`;
  });
}

/** The text under a heading of the contract's description. */
function section(description: string, heading: string): string {
  const found = description.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  if (!found) throw new Error(`The contract's description has no section '${heading}'.`);
  return found.slice(heading.length).trim();
}

function errorTable(description: string): string {
  const lines = section(description, "Errors")
    .split("\n")
    .filter((line) => line.startsWith("|"));
  if (lines.length < 3) throw new Error("The contract's section on errors has no table.");
  return lines.join("\n");
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " ").replaceAll("|", "\\|");
}
