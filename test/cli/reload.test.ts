/** `clawgate gateway` while somebody edits its config: what it takes up, what it refuses, and what it says of it. */
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { startHeldUpstream } from "../faces/held-upstream.ts";
import { onProvider, providerKey } from "../faces/provider.ts";
import { type CliOptions, type CliProcess, startCli } from "../support/cli.ts";
import { makeFolder, say } from "../support/gateway.ts";
import { scrape, total } from "../telemetry/exposition.ts";

interface Running extends CliProcess {
  readonly banner: string;
  readonly url: string;
  readonly folder: string;
  readonly configPath: string;
  /** Puts this into the config file, all at once. */
  edit(content: object | string): Promise<void>;
  /** Resolves with the log once it has this many lines with this message. */
  logged(msg: string, count?: number): Promise<{ [key: string]: unknown }[]>;
  /** Ends it, and resolves with all that it said. */
  end(): Promise<string>;
}

async function startGateway(config: object | undefined, options: CliOptions & { args?: string[] } = {}): Promise<Running> {
  const folder = options.folder ?? (await makeFolder());
  const path = join(folder, ".openclaw", "openclaw.json");
  if (config !== undefined) await write(path, config);
  const env = { OPENCLAW_STATE_DIR: join(folder, ".openclaw"), ...options.env };
  const started = await startCli(["gateway", "--port", "0", ...(options.args ?? [])], { folder, env });
  await started.waitFor("stdout", "Clawgate listens on ");
  const banner = await started.waitFor("stdout", "\n");
  let stderr = "";
  const wake: (() => void)[] = [];
  started.child.stderr!.on("data", (text: string) => {
    stderr += text;
    for (const look of wake.splice(0)) look();
  });
  stderr = await started.waitFor("stderr", "");
  const linesWith = (msg: string) => parse(stderr).filter((line) => line["msg"] === msg);
  return {
    ...started,
    banner,
    url: /listens on (\S+)/.exec(banner)?.[1] as string,
    folder,
    configPath: path,
    edit: (content) => write(path, content),
    logged: async (msg, count = 1) => {
      while (linesWith(msg).length < count) await new Promise<void>((resolve) => wake.push(resolve));
      return linesWith(msg);
    },
    end: async () => {
      started.child.kill("SIGTERM");
      const { code, stdout, stderr: all } = await started.result;
      expect(code).toBe(0);
      return stdout + all;
    },
  };
}

async function write(path: string, content: object | string): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(`${path}.draft`, typeof content === "string" ? content : JSON.stringify(content));
  await rename(`${path}.draft`, path);
}

function parse(log: string): { [key: string]: unknown }[] {
  return log.split("\n").flatMap((line) => (line.endsWith("}") ? [JSON.parse(line) as { [key: string]: unknown }] : []));
}

const config = (auth: object, more: object = {}): object => ({
  gateway: { auth, http: { endpoints: { chatCompletions: { enabled: true } } }, ...more },
});

const status = async ({ url }: Running, token: string, path = "/v1/models"): Promise<number> => {
  const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  await response.text();
  return response.status;
};

const applied = "config applied";
const refused = "the config is wrong, and the last good one stays";
const gone = "the config file is gone, and the last good config stays";
const unchanged = "the config was read again, and nothing in it has changed";
const usable = "the config can be used again, and nothing in it has changed";
const asked = "SIGHUP: the config is read again";

describe("an edit of the config", () => {
  test("applies when the file is saved: a rotated token is refused from then on", async () => {
    const gateway = await startGateway(config({ token: "first-token" }));
    expect(await status(gateway, "first-token")).toBe(200);
    await gateway.edit(config({ token: "second-token" }));
    const [line] = await gateway.logged(applied);
    expect(line).toMatchObject({ level: 30, config: gateway.configPath, changed: ["gateway"] });
    expect([await status(gateway, "first-token"), await status(gateway, "second-token")]).toEqual([401, 200]);
    expect(await gateway.end()).not.toMatch(/(first|second)-token/);
  });

  test("applies on SIGHUP, which finds what the file only names, such as variables, as they were at start", async () => {
    const gateway = await startGateway(config({ token: "${MY_TOKEN}" }), { env: { MY_TOKEN: "of-the-variable" } });
    await gateway.edit(config({ token: "${MY_TOKEN}" }, { shutdownGraceMs: 1 }));
    gateway.child.kill("SIGHUP");
    await gateway.logged(asked);
    await gateway.logged(applied);
    expect(await status(gateway, "of-the-variable")).toBe(200);
    await gateway.end();
  });

  test("that came between the reading of the file and the greeting is not missed", async () => {
    const folder = await makeFolder();
    const path = join(folder, ".openclaw", "openclaw.json");
    await write(path, config({ token: "first-token" }));
    const starting = startGateway(undefined, { folder });
    await write(path, config({ token: "second-token" }));
    const gateway = await starting;
    while ((await status(gateway, "second-token")) !== 200);
    await gateway.end();
  });

  test("is taken up where there was no config at start", async () => {
    const gateway = await startGateway(undefined);
    const [, token = ""] = /token {3}(\S+) /.exec(gateway.banner) ?? [];
    expect(await status(gateway, token)).toBe(404);
    await gateway.edit({ gateway: { http: { endpoints: { chatCompletions: { enabled: true } } } } });
    await gateway.logged(applied);
    expect(await status(gateway, token)).toBe(200);
    expect(await gateway.end()).not.toMatch(/token {3}.*token {3}/s);
  });

  test("that takes the token away makes one up, and prints it as at start, but into no log", async () => {
    const gateway = await startGateway(config({ token: "first-token" }));
    await gateway.edit(config({}));
    await gateway.logged(applied);
    const [, token = ""] = /token {3}(\S+) /.exec(await gateway.waitFor("stdout", "  token   ")) ?? [];
    expect([await status(gateway, "first-token"), await status(gateway, token)]).toEqual([401, 200]);
    await gateway.end();
    expect((await gateway.result).stderr).not.toContain(token);
  });

  test("shows in the metrics: whether the file was any good, and whether it waits for a restart", async () => {
    const gateway = await startGateway(config({ token: "t" }));
    const shown = async (): Promise<number[]> => {
      const numbers = await scrape(gateway);
      return ["clawgate_config_last_reload_successful", "clawgate_config_restart_pending"].map((name) => total(numbers, name));
    };
    expect(await shown()).toEqual([1, 0]);
    await gateway.edit("{ this is no config");
    await gateway.logged(refused);
    expect(await shown()).toEqual([0, 0]);
    await gateway.edit(config({ token: "t" }, { bind: "custom", customBindHost: "127.0.0.9" }));
    await gateway.logged("this change of the config needs a restart");
    expect(await shown()).toEqual([1, 1]);
    await gateway.edit(config({ token: "other" }));
    await gateway.logged(applied);
    expect(await shown()).toEqual([1, 0]);
    await rm(gateway.configPath);
    await gateway.logged(gone);
    expect(await shown()).toEqual([0, 0]);
    await gateway.end();
  });

  test("says which changes need a restart, by their keys", async () => {
    const gateway = await startGateway(config({ token: "first-token" }), { args: ["--bind", "loopback"] });
    await gateway.edit({ ...config({ mode: "password", password: "new-password" }), session: { database: "other.db" } });
    const lines = await gateway.logged("this change of the config needs a restart", 2);
    expect(lines.map(({ level, key }) => [level, key])).toEqual([
      [40, "gateway.auth.mode"],
      [40, "session.database"],
    ]);
    expect([await status(gateway, "first-token"), await status(gateway, "new-password")]).toEqual([200, 401]);
    expect(await gateway.end()).not.toContain("new-password");
  });

  test("says so once for each change, whatever else is edited", async () => {
    const gateway = await startGateway(config({ token: "first-token" }));
    const withDatabase = (database: string, token: string) => ({ ...config({ token }), session: { database } });
    await gateway.edit(withDatabase("other.db", "first-token"));
    await gateway.logged("this change of the config needs a restart");
    await gateway.edit(withDatabase("other.db", "second-token"));
    await gateway.logged(applied);
    expect(await gateway.logged("this change of the config needs a restart")).toHaveLength(1);
    await gateway.edit(withDatabase("third.db", "second-token"));
    expect(await gateway.logged("this change of the config needs a restart", 2)).toHaveLength(2);
    expect(await gateway.end()).not.toMatch(/(other|third)\.db/);
  });

  test("names the sections that have changed, and none for a file that was only written in another way", async () => {
    const first = { ...config({ token: "first-token" }), agents: { defaults: { model: "builtin/offline" } } };
    const gateway = await startGateway({ ...first, log: { level: "debug" } });
    await gateway.logged(unchanged);
    await gateway.edit(JSON.stringify({ log: { level: "debug" }, ...first }, undefined, 4));
    expect((await gateway.logged(unchanged, 2))[1]).toMatchObject({ level: 20, config: gateway.configPath });
    await gateway.edit({ ...first, agents: { entries: { main: {}, beta: {} } }, session: { maxQueued: 3 } });
    expect(await gateway.logged(applied)).toMatchObject([{ changed: ["agents", "session", "log"] }]);
    await gateway.end();
  });

  test("of log.level shows in the lines that follow", async () => {
    const gateway = await startGateway({ ...config({ token: "first-token" }), log: { level: "warn" } });
    await gateway.edit({ ...config({ token: "second-token" }), log: { level: "info" } });
    while ((await status(gateway, "second-token")) !== 200);
    await status(gateway, "second-token", "/v1/models");
    expect((await gateway.logged("request")).length).toBeGreaterThan(0);
    await gateway.end();
  });
});

describe("SIGHUP", () => {
  test("is answered in the log when nothing has changed, too", async () => {
    const gateway = await startGateway(config({ token: "first-token" }));
    gateway.child.kill("SIGHUP");
    expect(await gateway.logged(unchanged)).toMatchObject([{ level: 30, config: gateway.configPath }]);
    await gateway.end();
  });

  test("a hundred times in a row has the config read, and harms nothing", async () => {
    const gateway = await startGateway(config({ token: "first-token" }));
    await gateway.edit(config({ token: "second-token" }));
    for (let n = 0; n < 100; n++) gateway.child.kill("SIGHUP");
    await gateway.logged(applied);
    gateway.child.kill("SIGHUP");
    await gateway.logged(unchanged);
    expect(await status(gateway, "second-token")).toBe(200);
    expect((await gateway.logged(applied)).length).toBe(1);
    await gateway.end();
  });
});

describe("a config file that is gone", () => {
  test.each([
    ["where a config is looked for", []],
    ["that the command line names", ["--config", ".openclaw/openclaw.json"]],
  ])("%s leaves everything as it is, also on SIGHUP, until there is one again", async (_, args) => {
    const log = { level: "debug" };
    const gateway = await startGateway({ ...config({ token: "first-token" }), log }, { args });
    // It has been seen once.
    await gateway.logged(unchanged);
    await rm(gateway.configPath);
    expect(await gateway.logged(gone)).toMatchObject([{ level: 40, config: gateway.configPath }]);
    gateway.child.kill("SIGHUP");
    await gateway.logged(gone, 2);
    expect(await status(gateway, "first-token")).toBe(200);
    await gateway.edit({ ...config({ token: "first-token" }), log });
    await gateway.logged(usable);
    await rm(gateway.configPath);
    await gateway.logged(gone, 3);
    await gateway.edit(config({ token: "second-token" }));
    await gateway.logged(applied);
    expect([await status(gateway, "first-token"), await status(gateway, "second-token")]).toEqual([401, 200]);
    expect(await gateway.end()).not.toMatch(/token {3}/);
  });
});

describe("an edit that is wrong", () => {
  test.each([
    ["broken JSON5", '{ gateway: { auth: { token: "new-secret" } }', /openclaw\.json:1:\d+: not valid JSON5/],
    ["an unknown key", { gateway: { auth: { tokn: "new-secret" } } }, /openclaw\.json: gateway\.auth\.tokn: unknown key/],
    [
      "a missing variable",
      { gateway: { auth: { token: "${NO_SUCH_VARIABLE}" } } },
      /openclaw\.json: gateway\.auth\.token: .*NO_SUCH_VARIABLE/,
    ],
    ["a model that is none", { agents: { defaults: { model: "nowhere/model" } } }, /openclaw\.json: agents\.defaults\.model: /],
    ["more in it than any config has", "/".repeat(1024 * 1024 + 1), /openclaw\.json: it has 1048577 bytes, and a config may have 1048576/],
    ["nothing in it", "", /openclaw\.json:1:1: not valid JSON5/],
  ])("with %s changes nothing, and the log says where it is", async (_, content, problem) => {
    const gateway = await startGateway(config({ token: "first-token" }));
    await gateway.edit(content);
    const [line] = await gateway.logged(refused);
    expect(line).toMatchObject({ level: 50, problems: [expect.stringMatching(problem)] });
    expect(await status(gateway, "first-token")).toBe(200);
    await gateway.edit(config({ token: "third-token" }));
    await gateway.logged(applied);
    expect(await status(gateway, "third-token")).toBe(200);
    expect(await gateway.end()).not.toMatch(/new-secret|(first|third)-token/);
  });

  test("and is taken back is said to be good again", async () => {
    const gateway = await startGateway(config({ token: "first-token" }));
    await gateway.edit(config({ tokn: "first-token" }));
    await gateway.logged(refused);
    await gateway.edit(config({ token: "first-token" }));
    expect(await gateway.logged(usable)).toMatchObject([{ level: 30, config: gateway.configPath }]);
    await gateway.end();
  });

  test("with a folder in its place, which nobody can read, changes nothing", async () => {
    const gateway = await startGateway(config({ token: "first-token" }));
    await rm(gateway.configPath);
    await mkdir(gateway.configPath);
    const [line] = await gateway.logged(refused);
    expect(line).toMatchObject({ level: 50, problems: [expect.stringMatching(/openclaw\.json: it is a folder/)] });
    expect(await status(gateway, "first-token")).toBe(200);
    await gateway.end();
  });
});

test("a stream that is under way while the config changes comes to its end", async () => {
  const held = await startHeldUpstream();
  const { gateway: _, ...providers } = onProvider(held.url);
  const gateway = await startGateway({ ...config({ token: "first-token" }), ...providers });
  const pending = fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer first-token", "content-type": "application/json" },
    body: JSON.stringify(say("hi", { stream: true, user: "ada" })),
  });
  const exchange = await held.next();
  exchange.say("before ");
  const response = await pending;
  await gateway.edit(config({ token: "second-token" }));
  await gateway.logged(applied);
  exchange.say("after");
  exchange.finish();
  expect(await response.text()).toMatch(/before [^]*after[^]*data: \[DONE\]\n\n$/);
  expect(await gateway.end()).not.toContain(providerKey);
});
