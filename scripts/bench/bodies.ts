/**
 * (k) Requests as coding assistants on a command line send them: eleven tools with their schemas, a long instruction, a
 * conversation with calls and results in it; 8 KB and 60 KB. The proxy parses and writes the same bodies, but validates nothing.
 */
import { worstDelay } from "./loop-delay.ts";
import { models, post } from "./requests.ts";
import { targetsOf, type LoopDelay, type Row, type ScenarioResult, type Target } from "./report.ts";
import { isStubCompletion } from "./scenarios.ts";
import { token, type Subjects } from "./subjects.ts";
import { measureThroughput, type Effort } from "./throughput.ts";

const sizesKb = [8, 60] as const;
const concurrencies = [8, 64] as const;

type Parameters = { readonly [name: string]: { readonly [keyword: string]: unknown } };

const path = { type: "string", description: "Absolute path of the file." };

/** What such a program can do, by the names that most of them use. */
const tools = [
  tool("read_file", "Reads a file of the workspace. Long files are cut after 2000 lines; say where to go on.", ["path"], {
    path,
    offset: { type: "integer", minimum: 0, description: "First line." },
    limit: { type: "integer", minimum: 1, maximum: 2000 },
  }),
  tool("write_file", "Writes a file as a whole. What was in it is lost, so read it before.", ["path", "content"], {
    path,
    content: { type: "string" },
  }),
  tool("edit_file", "Replaces text in a file. The old text has to be found exactly once.", ["path", "old_text", "new_text"], {
    path,
    old_text: { type: "string", minLength: 1 },
    new_text: { type: "string" },
    replace_all: { type: "boolean", default: false },
  }),
  tool("edit_many", "Several replacements in one file, one after the other; either all of them are made or none.", ["path", "edits"], {
    path,
    edits: {
      type: "array",
      minItems: 1,
      items: {
        type: "object",
        properties: { old_text: { type: "string" }, new_text: { type: "string" } },
        required: ["old_text", "new_text"],
        additionalProperties: false,
      },
    },
  }),
  tool("run_command", "Runs a command in a shell in the workspace and returns what it printed.", ["command"], {
    command: { type: "string" },
    timeout_ms: { type: "integer", minimum: 1, maximum: 600_000 },
    in_background: { type: "boolean" },
  }),
  tool("find_files", "Files whose path fits a pattern, the newest first.", ["pattern"], {
    pattern: { type: "string", description: "Such as src/**/*.ts." },
    folder: { type: "string" },
  }),
  tool("search_text", "Lines of files that fit a regular expression.", ["expression"], {
    expression: { type: "string" },
    folder: { type: "string" },
    output: { type: "string", enum: ["lines", "files", "counts"] },
    context: { type: "integer", minimum: 0, maximum: 20 },
    ignore_case: { type: "boolean" },
  }),
  tool("list_folder", "What is in a folder.", ["folder"], {
    folder: { type: "string" },
    ignore: { type: "array", items: { type: "string" } },
  }),
  tool("fetch_page", "Reads a page of the web as text.", ["url"], { url: { type: "string", format: "uri" }, question: { type: "string" } }),
  tool("write_plan", "Notes what is to be done and how far it is.", ["steps"], {
    steps: {
      type: "array",
      items: {
        type: "object",
        properties: {
          id: { type: "string" },
          title: { type: "string" },
          state: { type: "string", enum: ["open", "at_work", "done", "dropped"] },
        },
        required: ["id", "title", "state"],
      },
    },
  }),
  tool("start_task", "Has another agent do a part of the work and returns its report.", ["title", "brief"], {
    title: { type: "string", maxLength: 80 },
    brief: { type: "string" },
    kind: { type: "string", enum: ["explore", "plan", "write", "review"] },
  }),
];

function tool(name: string, description: string, required: readonly string[], properties: Parameters): object {
  const parameters = { type: "object", properties, required, additionalProperties: false };
  return { type: "function", function: { name, description, parameters } };
}

/** A request of about that size. */
function bodyOf(model: string, kilobytes: number): object {
  const size = kilobytes * 1024;
  const instruction = "You work in the repository of your user. Read before you write, keep to the style that is there, run the tests. ";
  const messages: object[] = [
    { role: "system", content: instruction.repeat(Math.max(1, Math.round((0.15 * size) / instruction.length))) },
    { role: "user", content: "Why does the build fail on the second run, and how would you mend it?" },
  ];
  const body = { model, messages, tools, tool_choice: "auto" };
  const sourceLine =
    'export function entry(name: string, { depth = 2 }: Options = {}): Entry | undefined { return table.get(`${name}`); } // "ü"\n';
  for (let n = 0; JSON.stringify(body).length < size; n++) {
    const missing = size - JSON.stringify(body).length;
    const lines = Math.max(1, Math.min(30, Math.round((missing - 300) / sourceLine.length)));
    const call = { id: `call_${n}`, type: "function", function: { name: "read_file", arguments: `{"path":"/repo/src/part-${n}.ts"}` } };
    messages.push(
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: call.id, content: sourceLine.repeat(lines) },
    );
  }
  return body;
}

export async function codingBodies({ gateway, stub, proxy }: Subjects, effort: Effort): Promise<ScenarioResult> {
  const rows: Row[] = [];
  const targets: Target[] = [];
  const figures: { [name: string]: number } = {};
  const delays: [string, LoopDelay | undefined][] = [];
  for (const kilobytes of sizesKb) {
    const plain = post(bodyOf(models.plain, kilobytes));
    const what = `${Math.round(Buffer.byteLength(plain.body) / 1024)} KB`;
    for (const concurrency of concurrencies) {
      const contenders = [
        { name: "gateway", server: gateway, question: post(bodyOf("openclaw:plain", kilobytes), token), isProbed: true },
        { name: "node:http proxy", server: proxy, question: plain, isProbed: true },
        { name: "direct", server: stub, question: plain },
      ];
      const measured = await measureThroughput(contenders, concurrency, effort, { check: isStubCompletion });
      rows.push(...measured.rows.map((row) => ({ ...row, what: `${what}, ${row.what}` })));
      delays.push([`bodies of ${what}, c=${concurrency}`, measured.loopDelay]);
      const ratio = measured.ratioTo("node:http proxy");
      figures[`req/s of ${kilobytes} KB, gateway / proxy, c=${concurrency}`] = ratio;
      const name = `req/s, stateless, bodies of ${kilobytes} KB, c=${concurrency}, as a share of the proxy's`;
      targets.push(...targetsOf(name, ratio, { floor: 0.25, goal: 0.4 }));
    }
  }
  const title = `(k) completion with ${tools.length} tools, stub upstream, not streamed`;
  return { title, rows, targets, figures, loopDelay: worstDelay(delays) };
}
