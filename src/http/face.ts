/**
 * The HTTP face on its server: everything above the sockets can be configured anew while requests are under way; each
 * request keeps what it began with.
 *
 * Deliberately absent: where the server listens.
 */
import type { Server } from "node:http";
import type { Logger } from "pino";
import type { GatewayConfig } from "../config/config.ts";
import type { Principal } from "../domain/principal.ts";
import type { AuthService } from "../service/auth-service.ts";
import { createApp } from "./app.ts";
import { clientAddressBehind } from "./client-address.ts";
import { Contract } from "./contract.ts";
import { Exchanges } from "./exchanges.ts";
import { createOperations, type OperationParts } from "./operations/index.ts";
import type { RequestObserver } from "./request-observer.ts";
import { createHttpServer } from "./server.ts";
import { headerNamesOf } from "./unknown-headers.ts";
import { type AcceptUpgrade, routeUpgrades } from "./upgrade.ts";

export interface HttpFaceParts {
  readonly contractDocument: { readonly [key: string]: unknown };
  readonly docsPagePath: string;
  /** In the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
  readonly auth: AuthService;
  readonly observer: RequestObserver;
  readonly log: Logger;
}

export type HttpSetup = Omit<OperationParts, "contractDocument" | "docsPagePath" | "metrics" | "chatCompletions"> & {
  readonly config: GatewayConfig;
};

export interface HttpFace {
  readonly server: Server;
  /** For the requests that come from now on. */
  configure(setup: HttpSetup): void;
  /** Cuts off the requests of some principals that are under way, such as those whose token is no more. */
  cutWhere(isMeant: (principal: Principal) => boolean): void;
  /** WebSockets go there. */
  passUpgrades(accept: AcceptUpgrade): void;
}

export async function openHttpFace(
  { contractDocument, docsPagePath, metrics, auth, observer, log }: HttpFaceParts,
  first: HttpSetup,
): Promise<HttpFace> {
  const operationsOf = (setup: HttpSetup) =>
    createOperations({ ...setup, chatCompletions: setup.config.chatCompletions, contractDocument, docsPagePath, metrics });
  let operations = operationsOf(first);
  const contract = await Contract.load(contractDocument, () => operations);
  const headerNames = headerNamesOf(contractDocument);
  const exchanges = new Exchanges();
  const handlerOf = ({ config }: HttpSetup) => createApp({ config, contract, auth, exchanges, observer, log, headerNames }).callback();
  let handle = handlerOf(first);
  let addressOf = clientAddressBehind(first.config.trustedProxies);
  const onRefused = observer.refused.bind(observer);
  const { server, limit } = createHttpServer((req, res) => void handle(req, res), first.config, { onRefused, log });
  const configure = (setup: HttpSetup): void => {
    operations = operationsOf(setup);
    handle = handlerOf(setup);
    addressOf = clientAddressBehind(setup.config.trustedProxies);
    limit(setup.config);
  };
  const passUpgrades = (accept: AcceptUpgrade): void =>
    routeUpgrades(server, accept, { onRefused, addressOf: (req) => addressOf(req), log });
  return { server, configure, cutWhere: (isMeant) => exchanges.cutWhere(isMeant), passUpgrades };
}
