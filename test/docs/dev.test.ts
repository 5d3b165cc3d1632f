/** `npm run dev`: a change of the source restarts the gateway, and a signal stops all of it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { utimesSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { root } from "./documents.ts";

test("the gateway from source is restarted when a file of it changes", async () => {
  const { PATH, SystemRoot } = process.env;
  const child = spawn(process.execPath, [join(root, "scripts/dev.js"), "--port", "0"], {
    env: { PATH, SystemRoot, CLAWGATE_OLLAMA: "off" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  const changed = new Set<() => void>();
  child.stdout.on("data", (piece: Buffer) => {
    out += String(piece);
    changed.forEach((check) => check());
  });
  const until = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => (out.split("Clawgate listens on").length > count ? resolve() : undefined);
      changed.add(check);
      check();
    });
  try {
    await until(1);
    const token = /^token for this session: (\S+)$/m.exec(out)?.[1];
    const now = new Date();
    utimesSync(join(root, "src/main.ts"), now, now);
    await until(2);
    // The token is the same, so a client need not be told again.
    const url = [...out.matchAll(/listens on (\S+)/g)].at(-1)?.[1];
    const { status } = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${token}` } });
    expect(status).toBe(200);
  } finally {
    child.kill("SIGTERM");
    await once(child, "close");
  }
});
