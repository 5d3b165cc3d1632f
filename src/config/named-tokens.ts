/**
 * `gateway.auth.tokens` → named tokens: their secrets as hashes, their rights against what is configured.
 *
 * Deliberately absent: comparing them with what callers send, and what a token's holder may do.
 */
import { createHash } from "node:crypto";
import type { Agent } from "../domain/agent.ts";
import type { Price } from "../domain/model.ts";
import type { TokenLimits } from "../domain/principal.ts";
import type { ConfigPath, Findings } from "./config-error.ts";
import type { AuthConfig, NamedToken } from "./config.ts";
import { suggest } from "./nearest.ts";
import { checkModelRef, toModelRef, type Providers } from "./providers.ts";
import type { ConfigFile } from "./schema.ts";

type TokenFile = ConfigFile["gateway"]["auth"]["tokens"][number];

const section: ConfigPath = ["gateway", "auth", "tokens"];

/** Rights are as the file has them: agents and models are read after this. */
export function readTokens(
  file: readonly TokenFile[],
  { mode, secret }: Pick<AuthConfig, "mode" | "secret">,
  findings: Findings,
): NamedToken[] {
  if (mode === "none" && file.length > 0) {
    findings.error(section, "have no meaning while gateway.auth.mode is none, which lets everybody do everything: use token or password.");
  }
  const holders = new Map(secret === undefined ? [] : [[sha256(secret), "gateway itself"]]);
  const names = new Set<string>();
  return file.map(({ name, token, sha256: given, agents, models, limits, expiresAt }, index) => {
    const path = [...section, index];
    checkName(name, names, [...path, "name"], findings);
    const hash = given?.toLowerCase() ?? sha256(token?.trim() ?? "");
    if ((token === undefined) === (given === undefined)) findings.error(path, "must have either token or sha256.");
    else checkSecret(hash, `token "${name}"`, holders, path, findings);
    const end = expiresAt === undefined ? undefined : new Date(expiresAt);
    if (end && end.getTime() <= Date.now()) findings.warn([...path, "expiresAt"], `is over: the token "${name}" is refused.`);
    return {
      name,
      sha256: hash,
      ...(agents ? { agents: agents.map((id) => id.trim().toLowerCase()) } : {}),
      ...(models ? { models: models.map((ref) => ref.trim()) } : {}),
      ...(limits ? { limits: onlyGiven(limits) } : {}),
      ...(end ? { expiresAt: end.toISOString() } : {}),
    };
  });
}

/** Every agent and model that a token names must be there: a misspelt one would be a right that its holder never has. */
export function checkTokenRights(
  tokens: readonly NamedToken[],
  agentIds: readonly string[],
  providers: Providers,
  findings: Findings,
): NamedToken[] {
  return tokens.map((token, index) => {
    token.agents?.forEach((id, at) => {
      if (agentIds.includes(id)) return;
      findings.error([...section, index, "agents", at], `there is no agent "${id}": ${suggest(id, agentIds)}`);
    });
    const models = token.models?.map((ref, at) => {
      const problem = checkModelRef(ref, providers);
      if (problem !== undefined) findings.error([...section, index, "models", at], problem);
      return toModelRef(ref, providers);
    });
    return { ...token, ...(models ? { models } : {}) };
  });
}

type LimitsFile = NonNullable<TokenFile["limits"]>;

/** Without keys whose value is undefined. */
function onlyGiven(limits: LimitsFile): TokenLimits {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

/** A budget is no limit for models that have no price. */
export function checkBudgets(
  tokens: readonly NamedToken[],
  agents: readonly AskingAgent[],
  providers: Providers,
  findings: Findings,
): void {
  for (const [index, { name, limits, agents: ids, models = [] }] of tokens.entries()) {
    if (limits?.monthlyBudget === undefined) continue;
    const used = agents.filter(({ id }) => ids === undefined || ids.includes(id));
    const refs = [...used.flatMap(({ model, fallbacks }) => [model, ...fallbacks]), ...models];
    const free = [...new Set(refs)].filter((ref) => ref !== "" && priceOf(ref, providers) === undefined);
    if (free.length === 0) continue;
    findings.warn(
      [...section, index, "limits", "monthlyBudget"],
      `does not limit what the token "${name}" asks of ${free.join(", ")}: models.providers gives no cost for it.`,
    );
  }
}

type AskingAgent = Pick<Agent, "id" | "model" | "fallbacks">;

function priceOf(ref: string, { usable }: Providers): Price | undefined {
  const slash = ref.indexOf("/");
  return usable.find(({ id }) => id === ref.slice(0, slash))?.models.find(({ id }) => id === ref.slice(slash + 1))?.price;
}

function checkName(name: string, taken: Set<string>, path: ConfigPath, findings: Findings): void {
  const folded = name.toLowerCase();
  if (folded === "main") findings.error(path, "main stands for the gateway's own secret; choose another name.");
  if (taken.has(folded)) findings.error(path, `there are two tokens named "${name}"; case does not matter. Rename one.`);
  taken.add(folded);
}

function checkSecret(hash: string, holder: string, holders: Map<string, string>, path: ConfigPath, findings: Findings): void {
  const other = holders.get(hash);
  if (other !== undefined) findings.error(path, `has the same secret as the ${other}: give each one of its own.`);
  holders.set(hash, holder);
}

function sha256(secret: string): string {
  return createHash("sha256").update(secret, "utf8").digest("hex");
}
