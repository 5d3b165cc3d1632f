/**
 * The client package as its users get it: packed, installed into an empty folder, run by plain Node and compiled against.
 * Its dependencies are packed from node_modules, so no registry is asked.
 */
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import ts from "typescript";
import { makeFolder, startGateway, testToken, type TestGateway } from "../support/gateway.ts";
import { type ChildResult, root, run, runNode } from "./child.ts";

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

let folder: string;
let packed: Packed;
let gateway: TestGateway;

/** npm with a home and a cache of its own, both gone when the tests are over. */
async function npm(args: readonly string[], cwd: string): Promise<ChildResult> {
  const home = join(folder, "home");
  const env = { HOME: home, npm_config_cache: join(home, "cache"), npm_config_update_notifier: "false", npm_config_loglevel: "error" };
  const result = await run("npm", args, { cwd, env });
  expect(result).toMatchObject({ code: 0 });
  return result;
}

async function pack(source: string, ...flags: readonly string[]): Promise<Packed> {
  const { stdout } = await npm(["pack", "--json", "--pack-destination", folder, ...flags], source);
  return (JSON.parse(stdout) as Packed[])[0]!;
}

beforeAll(async () => {
  folder = await makeFolder();
  await mkdir(join(folder, "home"));
  packed = await pack(join(root, "generated/client"));
  const others = await Promise.all(
    ["openapi-fetch", "openapi-typescript-helpers"].map((name) => pack(join(root, "node_modules", name), "--ignore-scripts")),
  );
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const archives = [packed, ...others].map(({ filename }) => `./${filename}`);
  await npm(["install", "--offline", "--no-audit", "--no-fund", ...archives], folder);
  gateway = await startGateway({ agents: { entries: { main: { default: true, tools: ["calculator"] } } } });
});

test("it holds what it needs to run and to be read, and nothing else", () => {
  const modules = ["chunk-stream", "client", "connection", "errors", "event-stream", "index", "openapi", "reply", "schemas"];
  const built = modules.flatMap((name) => [`dist/${name}.d.ts`, `dist/${name}.js`]);
  expect(packed.files.map(({ path }) => path).sort()).toEqual(["LICENSE", "README.md", ...built, "package.json"].sort());
});

test("its manifest has the contract's version and one dependency", async () => {
  const installed = join(folder, "node_modules/@clawgate/client");
  const manifest = JSON.parse(await readFile(join(installed, "package.json"), "utf8")) as { [key: string]: unknown };
  const contract = JSON.parse(await readFile(join(root, "generated/openapi.json"), "utf8")) as { info: { version: string } };
  expect(manifest).toMatchObject({ name: "@clawgate/client", version: contract.info.version, type: "module", license: "MIT" });
  expect(Object.keys(manifest["dependencies"] as object)).toEqual(["openapi-fetch"]);
  expect((await readdir(join(folder, "node_modules"))).filter((name) => !name.startsWith(".")).sort()).toEqual([
    "@clawgate",
    "openapi-fetch",
    "openapi-typescript-helpers",
  ]);
});

test.each([
  ["plain", /^6 \* 7 = 42\.\n$/],
  ["stream", /^Hello! .*\n\(\d+ tokens, run [0-9a-f]+\)\n$/],
])("the example %s runs with plain Node, from the installed package", async (name, output) => {
  const source = await readFile(join(root, `examples/${name}.ts`), "utf8");
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  await writeFile(join(folder, `${name}.js`), ts.transpileModule(source, { compilerOptions }).outputText);
  const result = await runNode([`${name}.js`], { cwd: folder, env: { CLAWGATE_URL: gateway.url, CLAWGATE_TOKEN: testToken } });
  expect(result).toEqual({ code: 0, stdout: expect.stringMatching(output), stderr: "" });
});

test("right use of it compiles, and wrong use does not", async () => {
  await copyFile(join(root, "test/sdk/types.ts"), join(folder, "types.ts"));
  const compilerOptions = { module: "nodenext", target: "es2022", lib: ["es2022", "dom"], types: [], strict: true, noEmit: true };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["types.ts"] }));
  const compile = (): Promise<ChildResult> => runNode([join(root, "node_modules/typescript/lib/tsc.js")], { cwd: folder });
  expect(await compile()).toEqual({ code: 0, stdout: "", stderr: "" });

  const text = await readFile(join(folder, "types.ts"), "utf8");
  const expectations = text.match(/^.*@ts-expect-error.*$/gm) ?? [];
  await writeFile(join(folder, "types.ts"), text.replaceAll(/^.*@ts-expect-error.*$/gm, "//"));
  const { code, stdout } = await compile();
  expect({ code, errors: stdout.match(/error TS/g)?.length }).toEqual({ code: 2, errors: expectations.length });
});
