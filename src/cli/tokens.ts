/**
 * `clawgate tokens add | list | revoke | rotate`: named tokens in the database, whether a gateway runs or not.
 *
 * A secret is printed once, when it is made, and kept nowhere. Deliberately absent: telling the gateways, which look for themselves.
 */
import { createHash, randomBytes } from "node:crypto";
import type { Config, NamedToken } from "../config/config.ts";
import { showDatabase } from "../config/database.ts";
import { mainPrincipal } from "../domain/principal.ts";
import type { SessionDesk } from "../session-desk.ts";
import { exitCodes } from "./exit-codes.ts";
import type { ConfigFlags, TokensAddFlags, TokensFlags } from "./flags.ts";
import { readConfig } from "./open.ts";

export function addToken(name: string, flags: TokensAddFlags): Promise<number> {
  return withTokens(flags, async ({ tokens, keptSessions }, config) => {
    const { ConfigError } = await import("../config/config-error.ts");
    const { readNewToken } = await import("../config/new-token.ts");
    const secret = makeSecret();
    let token: NamedToken;
    try {
      token = readNewToken({ name, sha256: secret.sha256, ...rightsOf(flags) }, config);
    } catch (thrown) {
      if (!(thrown instanceof ConfigError)) throw thrown;
      console.error(thrown.message);
      return exitCodes.usage;
    }
    const { items: earlier } = await keptSessions.list({ ...mainPrincipal, name, isMain: false }, { order: "desc", limit: 1 });
    const stored = { ...token, createdAt: new Date().toISOString() };
    if (!(await tokens.add(stored))) {
      console.error(`There is a token of the name "${name}" already; the case of letters does not matter. Revoke it first, or rotate it.`);
      return exitCodes.failed;
    }
    const hasSessions = earlier.length > 0;
    const place = showDatabase(config.session.database);
    if (flags.json) console.log(JSON.stringify({ ...recordOf(stored), token: secret.text, hasSessions }));
    else {
      for (const line of secretLines(`Added the token ${name} to ${place}.`, secret.text)) console.log(line);
      if (hasSessions) console.log(`There are sessions of the name ${name} already: whoever has the token has them.`);
    }
    return exitCodes.ok;
  });
}

export function listTokens(flags: TokensFlags): Promise<number> {
  return withTokens(flags, async ({ tokens }, config) => {
    const configured = config.gateway.auth.tokens;
    const names = new Set(configured.map(({ name }) => name.toLowerCase()));
    const { tokens: stored, damaged } = await tokens.list();
    const records = [
      ...configured.map((token) => ({ ...recordOf(token), source: "config" })),
      ...stored.map((token) => ({
        ...recordOf(token),
        source: "store",
        ...(names.has(token.name.toLowerCase()) ? { isShadowed: true } : {}),
      })),
    ];
    for (const name of damaged) console.error(`The token ${name} is damaged in the store and refused: revoke it, and add it again.`);
    if (flags.json) console.log(JSON.stringify({ tokens: records }));
    else if (records.length === 0)
      console.error(`There are no named tokens in the config, nor in ${showDatabase(config.session.database)}.`);
    else for (const record of records) console.log(lineOf(record));
    return exitCodes.ok;
  });
}

export function revokeToken(name: string, flags: ConfigFlags): Promise<number> {
  return withTokens(flags, async ({ tokens }, config) => {
    const revoked = await tokens.revoke(name);
    if (revoked === undefined) return refuseUnknown(name, config);
    console.log(`Revoked the token ${revoked}. Its sessions stay, for whoever gets a token of that name.`);
    return exitCodes.ok;
  });
}

export function rotateToken(name: string, flags: TokensFlags): Promise<number> {
  return withTokens(flags, async ({ tokens }, config) => {
    const secret = makeSecret();
    const token = await tokens.rotate(name, secret.sha256);
    if (!token) return refuseUnknown(name, config);
    if (flags.json) console.log(JSON.stringify({ ...recordOf(token), token: secret.text }));
    else
      for (const line of secretLines(`The token ${token.name} has another secret; the old one is refused.`, secret.text)) console.log(line);
    return exitCodes.ok;
  });
}

async function withTokens(flags: ConfigFlags, work: (desk: SessionDesk, config: Config) => Promise<number>): Promise<number> {
  const config = await readConfig(flags.config === undefined ? {} : { configPath: flags.config });
  if (typeof config === "number") return config;
  if (config.gateway.auth.mode === "none") {
    console.error(
      "Named tokens have no meaning while gateway.auth.mode is none, which lets everybody do everything: use token or password.",
    );
    return exitCodes.config;
  }
  const { openSessionDesk } = await import("../session-desk.ts");
  const desk = openSessionDesk(config);
  try {
    return await work(desk, config);
  } catch (thrown) {
    console.error(thrown instanceof Error ? thrown.message : String(thrown));
    return exitCodes.failed;
  } finally {
    await desk.close();
  }
}

function makeSecret(): { readonly text: string; readonly sha256: string } {
  const text = randomBytes(32).toString("base64url");
  return { text, sha256: createHash("sha256").update(text, "utf8").digest("hex") };
}

function rightsOf({ agents, models, expires, ...rest }: TokensAddFlags): Partial<NamedToken> {
  const { requestsPerMinute, tokensPerMinute, maxConcurrentRuns, monthlyTokens, monthlyBudget } = rest;
  const given = Object.entries({ requestsPerMinute, tokensPerMinute, maxConcurrentRuns, monthlyTokens, monthlyBudget }).filter(
    ([, limit]) => limit !== undefined,
  );
  return {
    ...(agents ? { agents } : {}),
    ...(models ? { models } : {}),
    ...(expires === undefined ? {} : { expiresAt: expires }),
    ...(given.length === 0 ? {} : { limits: Object.fromEntries(given) }),
  };
}

function secretLines(what: string, secret: string): readonly string[] {
  return [what, "", `  ${secret}`, "", "Send it as 'Authorization: Bearer <token>'. It is kept nowhere and not shown again."];
}

function refuseUnknown(name: string, { gateway, session }: Config): number {
  const isConfigured = gateway.auth.tokens.some((token) => token.name.toLowerCase() === name.toLowerCase());
  console.error(
    isConfigured
      ? `The token ${name} is in the config: change gateway.auth.tokens there.`
      : // What was given may be a secret, by mistake.
        `There is no token of that name in ${showDatabase(session.database)}. 'clawgate tokens list' says which there are.`,
  );
  return exitCodes.failed;
}

interface ShownToken extends Omit<NamedToken, "sha256"> {
  readonly createdAt?: string;
  readonly source?: string;
  readonly isShadowed?: boolean;
}

/** Key by key, so that nothing gets out that a token may have one day. */
function recordOf({ name, agents, models, limits, expiresAt, createdAt }: NamedToken & { readonly createdAt?: string }): ShownToken {
  return {
    name,
    ...(agents ? { agents } : {}),
    ...(models ? { models } : {}),
    ...(limits ? { limits } : {}),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(createdAt === undefined ? {} : { createdAt }),
  };
}

function lineOf({ name, source, agents, models, limits, expiresAt, createdAt, isShadowed }: ShownToken): string {
  const parts = [
    `agents ${agents?.join(", ") ?? "all"}`,
    `models ${models?.length === 0 ? "none" : (models?.join(", ") ?? "all")}`,
    ...Object.entries(limits ?? {}).map(([limit, value]) => `${limit} ${value}`),
    ...(expiresAt === undefined ? [] : [`${Date.parse(expiresAt) <= Date.now() ? "expired" : "expires"} ${expiresAt}`]),
    ...(createdAt === undefined ? [] : [`added ${createdAt}`]),
    ...(isShadowed ? ["not used: the config has one of that name"] : []),
  ];
  return `${name}  (${source})  ${parts.join("; ")}`;
}
