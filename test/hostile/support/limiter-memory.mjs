/** Prints how many bytes the failed logins of so many addresses take: `node --expose-gc limiter-memory.mjs <addresses>`. Uses the build. */
import console from "node:console";
import process from "node:process";
import { setImmediate as nextTurn } from "node:timers/promises";
import { AuthService } from "../../../dist/src/service/auth-service.js";

const rateLimit = { maxAttempts: 10, windowMs: 600_000, lockoutMs: 600_000, exemptLoopback: true };
const auth = new AuthService({ mode: "token", secret: "the-secret", isGenerated: false, tokens: [], rateLimit });

async function held() {
  for (let round = 0; round < 3; round++) {
    await nextTurn();
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}

const before = await held();
for (let n = 0; n < Number(process.argv[2]); n++) {
  const address = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
  await auth.authenticate({ secret: "guess", address }).catch(() => undefined);
}
console.log((await held()) - before);
const { name } = await auth.authenticate({ secret: "the-secret", address: "192.0.2.1" });
console.log(name);
process.exit();
