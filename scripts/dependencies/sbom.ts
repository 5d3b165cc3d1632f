/**
 * The bill of materials of what is installed with the gateway, in CycloneDX's form, as `npm sbom` makes it.
 *
 * With `--omit dev`, npm leaves out every package that development asks for too, the MCP SDK for one. So it is given a lock
 * file that has no development in it, in a folder of its own.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type InstalledPackage, readLock, withoutDevelopment } from "./production.ts";

interface Bill {
  readonly bomFormat: string;
  readonly metadata: { readonly component: { readonly name: string } };
  readonly components: readonly { readonly name: string; readonly version: string }[];
}

const publicRegistry = "registry.npmjs.org";

/** JSON, without the name of a machine or folder. */
export async function billOfMaterials(root: string): Promise<string> {
  const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { name: string; devDependencies?: unknown };
  const { devDependencies: _left, ...installed } = own;
  const folder = mkdtempSync(join(tmpdir(), "clawgate-sbom-"));
  try {
    // npm calls the whole what its folder is called.
    const place = join(folder, own.name);
    mkdirSync(place);
    writeFileSync(join(place, "package.json"), JSON.stringify(installed));
    writeFileSync(join(place, "package-lock.json"), JSON.stringify(withoutDevelopment(readLock(root))));
    const args = ["sbom", "--sbom-format", "cyclonedx", "--sbom-type", "application", "--package-lock-only"];
    const { stdout } = await promisify(execFile)("npm", args, { cwd: place, maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What is missing in it, and what should not be in it. */
export function billProblems(text: string, packages: readonly InstalledPackage[], registry: string): string[] {
  const { bomFormat, metadata, components } = JSON.parse(text) as Bill;
  const listed = new Set(components.map(({ name, version }) => `${name}@${version}`));
  const wanted = new Set(packages.map(({ name, version }) => `${name}@${version}`));
  const { host } = new URL(registry);
  const privateHosts = [hostname(), host].filter((name) => name.includes(".") && name !== publicRegistry);
  return [
    ...(bomFormat === "CycloneDX" ? [] : [`It is no CycloneDX but ${bomFormat}.`]),
    ...(metadata.component.name === "clawgate" ? [] : [`It is called ${metadata.component.name}.`]),
    ...[...wanted].filter((name) => !listed.has(name)).map((name) => `${name} is missing.`),
    ...[...listed].filter((name) => !wanted.has(name)).map((name) => `${name} is not installed with the gateway.`),
    ...privateHosts.filter((name) => text.includes(name)).map((name) => `It names the host ${name}.`),
  ];
}
