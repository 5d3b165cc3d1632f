/** Who may import whom, read from the import lines of `src/`: the picture in docs/architecture.md, kept true. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import ts from "typescript";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Import {
  readonly from: string;
  /** A path from the root for our own files, else the package's name. */
  readonly to: string;
  readonly isTypeOnly: boolean;
}

interface SourceFile {
  readonly path: string;
  readonly syntax: ts.SourceFile;
  readonly imports: readonly Import[];
}

const files: readonly SourceFile[] = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => readSource(join("src", name)))
  .sort((a, b) => a.path.localeCompare(b.path));

function readSource(path: string): SourceFile {
  const syntax = ts.createSourceFile(path, readFileSync(join(root, path), "utf8"), ts.ScriptTarget.ES2023, true);
  const imports: Import[] = [];
  const add = (specifier: ts.Expression, isTypeOnly: boolean): void => {
    // Packages that the user installs have the names that the config gives them.
    if (!ts.isStringLiteral(specifier) && path === "src/model/load-package.ts") return;
    if (!ts.isStringLiteral(specifier)) throw new Error(`${path} imports something that has no fixed name.`);
    const { text } = specifier;
    imports.push({ from: path, to: text.startsWith(".") ? relative(root, join(root, dirname(path), text)) : text, isTypeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeOnly(node));
    if (ts.isExportDeclaration(node) && node.moduleSpecifier) add(node.moduleSpecifier, node.isTypeOnly);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0]!, false);
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    ts.forEachChild(node, visit);
  };
  visit(syntax);
  return { path, syntax, imports };
}

function isTypeOnly({ importClause: clause }: ts.ImportDeclaration): boolean {
  if (!clause) return false;
  if (clause.isTypeOnly) return true;
  const { namedBindings: names } = clause;
  return !clause.name && names !== undefined && ts.isNamedImports(names) && names.elements.every((element) => element.isTypeOnly);
}

const imports = files.flatMap((file) => file.imports);
const own = imports.filter(({ to }) => /^(src|generated)\//.test(to));

/** `src/http/app.ts` → `http`, `src/program.ts` → `program.ts`, `generated/openapi.ts` → `generated`. */
function roomOf(path: string): string {
  const [top = "", room = ""] = path.split("/");
  return top === "src" ? room : top;
}

const show = ({ from, to }: Import): string => `${from} → ${to}`;

/** Rooms by who they may import. `types` may be imported as types only. */
const rules: { readonly [room: string]: { readonly values: readonly string[]; readonly types?: readonly string[] } } = {
  domain: { values: [] },
  config: { values: ["domain"] },
  runtime: { values: ["domain"], types: ["config"] },
  model: { values: ["domain"], types: ["config"] },
  store: { values: ["domain"], types: ["config"] },
  service: { values: ["domain", "runtime"], types: ["config"] },
  http: { values: ["domain", "service"], types: ["config", "generated"] },
  telemetry: { values: ["domain"], types: ["config", "http", "service"] },
  rpc: { values: ["domain", "service"], types: ["config", "generated"] },
  cli: { values: ["domain", "service", "config", "program.ts", "session-desk.ts", "store-desk.ts"], types: ["generated"] },
  "generation.ts": { values: ["config", "domain", "model", "runtime", "service"] },
  "faces.ts": { values: ["config", "domain", "http", "rpc", "service", "telemetry"], types: ["generation.ts"] },
  "program.ts": { values: ["config", "domain", "faces.ts", "generation.ts", "model", "rpc", "runtime", "service", "store"] },
  "session-desk.ts": { values: ["service", "store"], types: ["config", "domain"] },
  "store-desk.ts": { values: ["store"] },
  "main.ts": { values: ["cli"] },
};

describe("who may import whom", () => {
  test("every folder and file of src has its rule", () => {
    expect(files.length).toBeGreaterThan(40);
    expect([...new Set(files.map(({ path }) => roomOf(path)))].filter((room) => !(room in rules))).toEqual([]);
  });

  test.each(Object.entries(rules))("%s imports only what it may", (room, { values, types = [] }) => {
    const broken = own
      .filter(({ from, to }) => roomOf(from) === room && roomOf(to) !== room)
      .filter(({ to, isTypeOnly }) => !values.includes(roomOf(to)) && !(isTypeOnly && types.includes(roomOf(to))));
    expect(broken.map(show)).toEqual([]);
  });

  test("the domain imports nothing at all, no package and no part of Node", () => {
    expect(imports.filter(({ from, to }) => roomOf(from) === "domain" && roomOf(to) !== "domain").map(show)).toEqual([]);
  });

  test("relative imports stay within src and generated", () => {
    expect(imports.filter(({ to }) => to.startsWith(".") || /^(test|scripts|dist|node_modules)\//.test(to)).map(show)).toEqual([]);
  });

  test("only http knows Koa and openapi-backend, only store knows databases, only telemetry knows metrics and spans", () => {
    const places: readonly [RegExp, string][] = [
      [/^(koa|koa-.*|@koa\/.*|openapi-backend|proxy-addr)(\/|$)/, "http"],
      [/^(kysely|libsql|pg)(\/|$)/, "store"],
      [/^commander(\/|$)/, "cli"],
      [/^eventsource-parser(\/|$)/, "model"],
      [/^(json5|zod)(\/|$)/, "config"],
      [/^(prom-client|@opentelemetry)(\/|$)/, "telemetry"],
    ];
    const astray = imports.filter(({ from, to }) => places.some(([name, room]) => name.test(to) && roomOf(from) !== room));
    expect(astray.map(show)).toEqual([]);
  });

  test("there is no cycle, not even of types", () => {
    const edges = new Map(files.map(({ path, imports: some }) => [path, some.map(({ to }) => to).filter((to) => to.startsWith("src/"))]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const walk = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
        return;
      }
      if (done.has(path)) return;
      for (const next of edges.get(path) ?? []) walk(next, [...trail, path]);
      done.add(path);
    };
    for (const path of edges.keys()) walk(path, []);
    expect(cycles).toEqual([]);
  });
});

/** Calls `found` with every node of every file. */
function everywhere(found: (node: ts.Node, path: string) => boolean): string[] {
  const places: string[] = [];
  for (const { path, syntax } of files) {
    const visit = (node: ts.Node): void => {
      if (found(node, path)) places.push(`${path}:${syntax.getLineAndCharacterOfPosition(node.getStart()).line + 1}`);
      ts.forEachChild(node, visit);
    };
    visit(syntax);
  }
  return places;
}

describe("state", () => {
  test("process.env is read in src/config only", () => {
    const places = everywhere(
      (node) => ts.isPropertyAccessExpression(node) && node.name.text === "env" && node.expression.getText() === "process",
    );
    expect(places.filter((place) => !place.startsWith("src/config/"))).toEqual([]);
    expect(places.length).toBeGreaterThan(0);
  });

  test("no module has a variable of its own that changes: two programs can be open in one process", () => {
    const places = everywhere(
      (node) => ts.isVariableStatement(node) && ts.isSourceFile(node.parent) && !(node.declarationList.flags & ts.NodeFlags.Const),
    );
    expect(places).toEqual([]);
  });

  test("no module has a collection of its own that is filled later", () => {
    const filled = everywhere((node) => {
      if (!ts.isVariableDeclaration(node) || !ts.isSourceFile(node.parent.parent.parent) || !node.initializer) return false;
      const { initializer } = node;
      const isCollection = ts.isNewExpression(initializer) && /^(Map|Set|WeakMap|WeakSet|Array)$/.test(initializer.expression.getText());
      return isCollection && (initializer.arguments?.length ?? 0) === 0;
    });
    expect(filled).toEqual([]);
  });
});
