/**
 * Asks the registry that npm is set to for known faults of the gateway's packages. A registry that cannot be asked, such as a
 * mirror without that endpoint, is told from one that has something to say.
 */
import { execFile } from "node:child_process";

export interface Audit {
  /** `unasked`: nobody knows, and `lines` says why. */
  readonly outcome: "clean" | "found" | "unasked";
  readonly lines: readonly string[];
}

interface Report {
  readonly auditReportVersion?: number;
  readonly vulnerabilities?: Readonly<Record<string, Vulnerability>>;
  readonly message?: string;
  readonly error?: { readonly summary?: string };
}

interface Vulnerability {
  readonly name: string;
  readonly severity: string;
  readonly range: string;
  /** Advisories, or names of packages that have them. */
  readonly via: readonly (string | { readonly title: string; readonly url: string; readonly range: string })[];
}

export async function audit(root: string): Promise<Audit> {
  const output = await new Promise<string>((resolve) => {
    // Its exit code says no more than the report does.
    execFile("npm", ["audit", "--omit=dev", "--json"], { cwd: root, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout) => resolve(stdout));
  });
  return judge(output);
}

/** Throws where npm has said nothing that can be read: then it was not the registry that failed. */
export function judge(output: string): Audit {
  const { auditReportVersion, vulnerabilities = {}, message, error } = JSON.parse(output) as Report;
  if (auditReportVersion === undefined) {
    const why = message ?? error?.summary;
    if (why === undefined) throw new Error(`npm audit made no report, and does not say why: ${output.slice(0, 500)}`);
    return { outcome: "unasked", lines: [`The registry cannot be asked for known faults: ${why}`] };
  }
  const lines = Object.values(vulnerabilities).flatMap(({ name, severity, range, via }) =>
    via.map((one) =>
      typeof one === "string"
        ? `${name} ${range}: ${severity}, by way of ${one}`
        : `${name} ${one.range}: ${severity}, ${one.title} (${one.url})`,
    ),
  );
  return { outcome: lines.length > 0 ? "found" : "clean", lines };
}
