/** `clawgate gateway` from the outside: what it prints, that what it prints works, and how it starts and stops. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { type CliOptions, type CliProcess, runCli, startCli } from "../support/cli.ts";
import { makeFolder, say } from "../support/gateway.ts";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { onProvider } from "../faces/provider.ts";

const run = promisify(execFile);
const enabled = { http: { endpoints: { chatCompletions: { enabled: true } } } };

interface Running extends CliProcess {
  readonly banner: string;
  readonly url: string;
}

/** Resolves when the banner is complete. */
async function startGateway(config: object, args: readonly string[] = [], options: CliOptions = {}): Promise<Running> {
  const folder = options.folder ?? (await makeFolder());
  await writeFile(join(folder, "openclaw.json"), JSON.stringify(config));
  const started = await startCli(["gateway", "--config", "openclaw.json", "--port", "0", ...args], { ...options, folder });
  await started.waitFor("stdout", "Clawgate listens on ");
  // One write, so that one line of it is all of it.
  const banner = await started.waitFor("stdout", "\n");
  const url = /listens on (\S+)/.exec(banner)?.[1] as string;
  return { ...started, banner, url };
}

async function stop({ child, result }: CliProcess): Promise<void> {
  child.kill("SIGTERM");
  expect((await result).code).toBe(0);
}

describe("the banner", () => {
  test("has the token that was made for this start, and a curl line that works as it stands", async () => {
    const gateway = await startGateway({ gateway: enabled });
    const token = /token {3}(\S+) /.exec(gateway.banner)?.[1] as string;
    expect(token).toMatch(/^[\w-]{43}$/);
    const line = gateway.banner.slice(gateway.banner.indexOf("curl "));
    expect(line).toContain(`-H 'Authorization: Bearer ${token}'`);
    const { stdout } = await run("sh", ["-c", line]);
    expect(JSON.parse(stdout)).toMatchObject({ object: "chat.completion", model: "openclaw" });
    await stop(gateway);
    const { stderr } = await gateway.result;
    expect(stderr).not.toContain(token);
  });

  test("says which config, agents and model there are, and why that model", async () => {
    const gateway = await startGateway({ gateway: enabled, agents: { entries: { main: {}, beta: { model: "builtin/offline" } } } });
    expect(gateway.banner).toContain(`docs: ${gateway.url}/docs`);
    expect(gateway.banner).toContain("openclaw.json\n");
    expect(gateway.banner).toContain("agents  main (builtin/offline), beta (builtin/offline)");
    expect(gateway.banner).toContain("model   builtin/offline: no model is configured");
    await stop(gateway);
  });

  test.each([
    ["a token", { mode: "token", token: "configured-secret" }, "auth    token", "Authorization: Bearer YOUR_TOKEN"],
    ["a password", { mode: "password", password: "configured-secret" }, "auth    password", "Authorization: Bearer YOUR_PASSWORD"],
  ])("never shows %s that was configured", async (_, auth, ...words) => {
    const gateway = await startGateway({ gateway: { ...enabled, auth } });
    for (const word of words) expect(gateway.banner).toContain(word);
    const response = await fetch(`${gateway.url}/v1/models`, { headers: { authorization: "Bearer configured-secret" } });
    expect(response.status).toBe(200);
    await fetch(`${gateway.url}/v1/models`, { headers: { authorization: "Bearer wrong-secret" } });
    await stop(gateway);
    const { stdout, stderr } = await gateway.result;
    expect(stdout + stderr).not.toMatch(/configured-secret|wrong-secret/);
  });

  test("has no Authorization where none is needed", async () => {
    const gateway = await startGateway({ gateway: { ...enabled, auth: { mode: "none" } } });
    expect(gateway.banner).not.toContain("Authorization");
    const { stdout } = await run("sh", ["-c", gateway.banner.slice(gateway.banner.indexOf("curl "))]);
    expect(JSON.parse(stdout)).toMatchObject({ object: "chat.completion" });
    await stop(gateway);
  });

  test("says how to enable the endpoint while it is disabled", async () => {
    const gateway = await startGateway({});
    expect(gateway.banner).toContain("Set gateway.http.endpoints.chatCompletions.enabled: true");
    expect(gateway.banner).not.toContain("curl");
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
    await stop(gateway);
  });
});

describe("where the secret and the port come from", () => {
  test("--token wins over the file", async () => {
    const gateway = await startGateway({ gateway: { ...enabled, auth: { token: "of-the-file" } } }, ["--token", "of-the-flag"]);
    const status = async (token: string): Promise<number> =>
      (await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${token}` } })).status;
    expect([await status("of-the-flag"), await status("of-the-file")]).toEqual([200, 401]);
    await stop(gateway);
  });

  test("OPENCLAW_GATEWAY_TOKEN is taken when neither says anything", async () => {
    const gateway = await startGateway({ gateway: enabled }, [], { env: { OPENCLAW_GATEWAY_TOKEN: "of-the-environment" } });
    expect(gateway.banner).not.toContain("of-the-environment");
    const headers = { authorization: "Bearer of-the-environment" };
    expect((await fetch(`${gateway.url}/v1/models`, { headers })).status).toBe(200);
    await stop(gateway);
  });

  test("--port 0 takes a free one, --port wins over OPENCLAW_GATEWAY_PORT", async () => {
    const gateway = await startGateway({}, [], { env: { OPENCLAW_GATEWAY_PORT: "1" } });
    expect(gateway.url).toMatch(/^http:\/\/127\.0\.0\.1:\d{4,5}$/);
    await stop(gateway);
  });
});

describe("a start that cannot be", () => {
  test("on a port that is taken exits 1 and says what to do", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const { code, stdout, stderr } = await runCli(["gateway", "--port", String(port)]);
    other.close();
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`Another program listens on 127.0.0.1:${port} already. Stop it, or choose another port with --port.`);
  });

  test("on a port that another gateway has says so, and how to ask that one", async () => {
    const running = await startGateway({});
    const { port } = new URL(running.url);
    const { code, stdout, stderr } = await runCli(["gateway", "--port", port]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      new RegExp(
        `^A gateway, Clawgate \\S+, listens on 127\\.0\\.0\\.1:${port} already, and .clawgate health --url ${running.url}. asks it how it is\\. ` +
          "Stop it where it was started, with Ctrl-C or SIGTERM, or choose another port with --port\\.$",
        "m",
      ),
    );
    await stop(running);
  });

  test.each([
    ["--bind lan", ["--bind", "lan"], "other machines can reach this gateway, so it needs a secret"],
    ["--bind custom without an address", ["--bind", "custom"], "gateway.customBindHost"],
    ["an empty --token", ["--token", ""], "--token"],
  ])("with %s exits 78 and says why", async (_, args, words) => {
    const { code, stdout, stderr } = await runCli(["gateway", "--port", "0", ...args]);
    expect({ code, stdout }).toEqual({ code: 78, stdout: "" });
    expect(stderr).toContain(words);
  });

  test("with --bind somewhere exits 64 and names the choices", async () => {
    const { code, stdout, stderr } = await runCli(["gateway", "--bind", "somewhere"]);
    expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
    expect(stderr).toContain("Allowed choices are loopback, lan, auto, custom.");
  });

  test("with a token and a password and no mode exits 78, and shows neither", async () => {
    const env = { OPENCLAW_GATEWAY_TOKEN: "secret-of-token", OPENCLAW_GATEWAY_PASSWORD: "secret-of-password" };
    const { code, stdout, stderr } = await runCli(["gateway", "--port", "0"], { env });
    expect({ code, stdout }).toEqual({ code: 78, stdout: "" });
    expect(stderr).toContain("mode");
    expect(stderr).not.toMatch(/secret-of/);
  });

  test("on a database that cannot be opened exits 1 and says which", async () => {
    const folder = await makeFolder();
    await writeFile(join(folder, "openclaw.json"), '{ session: { database: "." } }');
    const { code, stdout, stderr } = await runCli(["gateway", "--config", "openclaw.json", "--port", "0"], { folder });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`The session database ${folder} cannot be opened`);
  });

  test("with an unknown key beside the secret exits 78 and names the nearest one", async () => {
    const folder = await makeFolder();
    await writeFile(join(folder, "openclaw.json"), '{ gateway: { auth: { tokn: "secret-value" } } }');
    const { code, stderr } = await runCli(["gateway", "--config", "openclaw.json", "--port", "0"], { folder });
    expect(code).toBe(78);
    expect(stderr).toContain("gateway.auth.tokn");
    expect(stderr).toContain('"token"');
    expect(stderr).not.toContain("secret-value");
  });

  test.each([
    ["an unknown option", ["--prot", "1"]],
    ["a port that is none", ["--port", "http"]],
    ["a port too high", ["--port", "65536"]],
    ["an argument too many", ["now"]],
  ])("because of %s exits 64", async (_, args) => {
    const { code, stdout, stderr } = await runCli(["gateway", ...args]);
    expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
    expect(stderr).toContain("error: ");
  });
});

describe("the end", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("by %s is exit 0, and the port is free again", async (signal) => {
    const gateway = await startGateway({});
    gateway.child.kill(signal);
    const { code, stderr } = await gateway.result;
    expect(code).toBe(0);
    expect(stderr).toContain(`"signal":"${signal}","runs":0,"graceMs":30000,"msg":"stopping: no new runs, those at work may end"`);
    expect(stderr).toMatch(/"msg":"stopped"\}\n$/);
    await expect(fetch(`${gateway.url}/healthz`)).rejects.toThrow();
  });

  test("by SIGKILL, while a run is under way, is a broken transfer to its caller", async () => {
    const held = await startHeldUpstream();
    const gateway = await startGateway({ ...onProvider(held.url), gateway: { ...enabled, auth: { mode: "none" } } });
    const pending = fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(say("hi", { stream: true })),
    });
    const exchange = await held.next();
    exchange.say("so far");
    const response = await pending;
    gateway.child.kill("SIGKILL");
    await expect(response.text()).rejects.toThrow("terminated");
    await exchange.aborted;
    await gateway.result;
  });

  test("leaves the home folder as it was: config, database and nothing else", async () => {
    const folder = await makeFolder();
    const gateway = await startGateway({ gateway: enabled }, [], { folder });
    await stop(gateway);
    const left = (await readdir(folder)).filter((name) => !/^clawgate\.db(-wal|-shm)?$/.test(name));
    expect(left).toEqual(["openclaw.json"]);
  });
});
