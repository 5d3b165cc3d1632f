/** What `clawgate doctor` looks at before any request: the port, who may call, and whether there is anything to call. */
import { once } from "node:events";
import { statSync } from "node:fs";
import { createServer } from "node:net";
import type { Config } from "../config/config.ts";
import { isLoopbackHost } from "../config/gateway.ts";
import type { Origins } from "../config/origins.ts";
import type { Finding } from "./findings.ts";
import { versionOfClawgate } from "./port-holder.ts";
import { quoteForShell } from "./shell.ts";

const enough = 16;

/** Free, or taken by a Clawgate that runs already. */
export async function checkPort({ gateway: { host, port } }: Config): Promise<Finding> {
  const name = "port";
  if (port === 0) return { status: "ok", name, message: "0: the system chooses a free one at each start" };
  const place = `${host}:${port}`;
  const code = await tryToListen(host, port);
  switch (code) {
    case undefined:
      return { status: "ok", name, message: `${place} is free` };
    case "EADDRINUSE": {
      const version = await versionOfClawgate(host, port);
      if (version !== undefined) return { status: "ok", name, message: `Clawgate ${version} answers on ${place} already` };
      const fix = "stop it, or choose another port with gateway.port or --port";
      return { status: "fail", name, message: `another program listens on ${place}`, fix };
    }
    case "EACCES":
      return { status: "fail", name, message: `this user may not listen on ${place}`, fix: "set gateway.port to one above 1023" };
    default: {
      const fix = "set gateway.bind to loopback or lan, or gateway.customBindHost to an address of this machine";
      return { status: "fail", name, message: `${place} is no address that this machine can listen on (${code})`, fix };
    }
  }
}

/** Resolves with the error's code, or undefined when it went well. */
async function tryToListen(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, "listening");
    server.close();
    await once(server, "close");
    return undefined;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code ?? "unknown error";
  }
}

/** What would be too open to start with is the config's error already. */
export function* checkAuth({ path, gateway: { host, auth } }: Config, origins: Origins): Generator<Finding> {
  const name = "auth";
  const origin = origins.get("gateway.auth") ?? "";
  const isOpen = !isLoopbackHost(host);
  if (auth.mode === "none") {
    const fix = 'set gateway.auth: { mode: "token", token: "…" } if that is not wanted';
    yield { status: "warn", name, message: "none: every program on this machine may call", fix };
    return;
  }
  if (auth.isGenerated) {
    const fix = "set gateway.auth.token or OPENCLAW_GATEWAY_TOKEN, so that clients can keep theirs";
    yield { status: "warn", name, message: "no token is configured, so each start makes a new one", fix };
    return;
  }
  const reach = isOpen ? "other machines may call with it" : "this machine only";
  yield { status: "ok", name, message: `${auth.mode} (${origin}), ${reach}` };
  if (isOpen && auth.secret !== undefined && auth.secret.length < enough) {
    const fix = "choose a longer one, such as `openssl rand -base64 32` prints";
    yield { status: "warn", name, message: `the ${auth.mode} is short enough to be guessed`, fix };
  }
  if (isOpen && auth.rateLimit === undefined) {
    yield { status: "warn", name, message: "wrong secrets may be tried without limit", fix: "set gateway.auth.rateLimit: {}" };
  }
  if (path !== undefined && origin.startsWith("file: ") && isReadableByOthers(path)) {
    yield {
      status: "warn",
      name,
      message: `other users of this machine can read the ${auth.mode}`,
      fix: `run \`chmod 600 ${quoteForShell(path)}\``,
    };
  }
}

function isReadableByOthers(path: string): boolean {
  return process.platform !== "win32" && (statSync(path).mode & 0o044) !== 0;
}

export function checkEndpoint({ gateway: { chatCompletions } }: Config): Finding {
  const name = "endpoint";
  if (chatCompletions.enabled) return { status: "ok", name, message: "/v1/chat/completions and /v1/models are enabled" };
  const fix = "set gateway.http.endpoints.chatCompletions.enabled: true";
  return { status: "fail", name, message: "/v1/chat/completions and /v1/models are disabled, callers get 404", fix };
}
