/**
 * The files of the client package in generated/client/: its manifest, README and source. Hand-written source is in
 * template/ and copied; the rest is made from the contract. What `npm pack` adds to them, dist/, is not committed.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "prettier";
import { readOperations, type Contract } from "./operations.ts";
import { readme } from "./readme.ts";
import { clientSource, indexSource, schemasSource } from "./source.ts";

export interface ClientInput {
  readonly root: string;
  /** The bundled contract. */
  readonly contract: string;
  /** The text of generated/openapi.ts. */
  readonly types: string;
}

/** Path inside generated/client/ → content. */
export async function clientFiles({ root, contract: contractText, types }: ClientInput): Promise<{ [path: string]: string }> {
  const contract = JSON.parse(contractText) as Contract;
  const operations = readOperations(contract);
  const files: { [path: string]: string } = {
    "package.json": asJson(manifest(root, contract)),
    "tsconfig.json": asJson(compilerConfig),
    "README.md": readme(contract, operations, readExamples(root)),
    LICENSE: readFileSync(join(root, "LICENSE"), "utf8"),
    "src/openapi.ts": types,
  };
  const made: { readonly [name: string]: string } = {
    client: clientSource(contract, operations),
    index: indexSource(),
    schemas: schemasSource(contract),
  };
  for (const [name, text] of Object.entries(made)) files[`src/${name}.ts`] = await tidy(text, "openapi.yaml");
  const templates = join(root, "scripts/client/template");
  for (const name of readdirSync(templates)) {
    files[`src/${name}`] = await tidy(asPackaged(readFileSync(join(templates, name), "utf8")), `scripts/client/template/${name}`);
  }
  return files;
}

function manifest(root: string, { info }: Contract): object {
  const { license, engines, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly [key: string]: { readonly [name: string]: string };
  };
  return {
    name: "@clawgate/client",
    version: info.version,
    description: `Typed client for ${info.title}: ${info.summary}`,
    keywords: ["openai", "gateway", "agents", "openclaw", "client", "sdk"],
    license,
    type: "module",
    exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" }, "./package.json": "./package.json" },
    files: ["dist/*.js", "dist/*.d.ts"],
    sideEffects: false,
    engines,
    scripts: { prepack: "tsc --build" },
    dependencies: { "openapi-fetch": devDependencies?.["openapi-fetch"] },
  };
}

/** `tsc --build` leaves a build alone that is up to date, so packing does not disturb whoever imports it just now. */
const compilerConfig = {
  compilerOptions: {
    target: "ES2022",
    lib: ["ES2022"],
    module: "NodeNext",
    moduleResolution: "NodeNext",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
    declaration: true,
    rootDir: "src",
    outDir: "dist",
    tsBuildInfoFile: "dist/.tsbuildinfo",
  },
  include: ["src"],
};

/** Without the comment at the top, which speaks to readers of the repository. */
function readExamples(root: string): { [name: string]: string } {
  const folder = join(root, "examples");
  const names = readdirSync(folder).filter((name) => name.endsWith(".ts"));
  return Object.fromEntries(
    names.map((name) => [name.slice(0, -".ts".length), readFileSync(join(folder, name), "utf8").replace(/^\/\*\*[\s\S]*?\*\/\n/, "")]),
  );
}

/** Inside the package the contract's types lie beside the rest, and modules are named as they are once compiled. */
function asPackaged(text: string): string {
  return text.replace('"../../../generated/openapi.ts"', '"./openapi.ts"').replaceAll(/(from "\.\/[\w-]+)\.ts"/g, '$1.js"');
}

async function tidy(text: string, origin: string): Promise<string> {
  const note = `// Generated from ${origin} by \`npm run generate\`. Do not edit.\n\n`;
  return note + (await format(text, { parser: "typescript", printWidth: 140 }));
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
