// Generated from scripts/client/template/connection.ts by `npm run generate`. Do not edit.

/** Options of the client and of its requests → openapi-fetch. Everything that is not a good reply leaves here as a ClawgateError. */
import createClient, { type Client } from "openapi-fetch";
import { ClawgateError, errorOfResponse } from "./errors.js";

export interface ClawgateClientOptions {
  /** Where the gateway listens; `/v1` at its end is allowed. The default is a gateway on this machine, on its default port. */
  readonly baseUrl?: string | undefined;
  /** The gateway's token or password. */
  readonly token?: string | undefined;
  /** Sent with every request. */
  readonly headers?: { readonly [name: string]: string } | undefined;
  /** Called instead of the global `fetch`; the signal is also the request's. */
  readonly fetch?: ((request: Request, init?: { readonly signal?: AbortSignal }) => Promise<Response>) | undefined;
}

/** What every operation takes. */
export interface RequestOptions {
  /** Aborts the request: the connection is closed and the run ends. Rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** More headers. */
  readonly headers?: { readonly [name: string]: string } | undefined;
}

/** Option → header; an encoded one travels percent-encoded, so that it may hold any text. */
export interface HeaderOptions {
  readonly [option: string]: { readonly header: string; readonly isEncoded: boolean };
}

/** What openapi-fetch is given for one request. */
export interface RequestInitOf {
  readonly headers: { readonly [name: string]: string };
  readonly fetch: (request: Request) => Promise<Response>;
  /** Replies are read here and not by openapi-fetch: a broken one is to be an error that says so. */
  readonly parseAs: "stream";
  readonly signal?: AbortSignal;
}

export interface Connection<Paths extends object> {
  readonly api: Client<Paths>;
  init(options: RequestOptions): RequestInitOf;
}

export function connect<Paths extends object>(
  options: ClawgateClientOptions & { readonly baseUrl: string },
  headerOptions: HeaderOptions,
): Connection<Paths> {
  const { baseUrl, token, headers = {}, fetch = globalThis.fetch } = options;
  const api = createClient<Paths>({
    baseUrl: new URL(baseUrl).href.replace(/(?:\/v1)?\/*$/, ""),
    headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
    querySerializer: encodeQuery,
  });
  api.use({
    async onResponse({ response }) {
      if (!response.ok) throw await errorOfResponse(response);
    },
    onError({ error, request }) {
      if (request.signal.aborted) return;
      const message = `There is no connection to the gateway at ${new URL(request.url).origin}: is it running?`;
      return new ClawgateError({ message, code: "connection_failed", type: "transport_error", cause: error });
    },
  });
  return {
    api,
    init: ({ signal, ...options }) => ({
      headers: headersOf(options, headerOptions),
      parseAs: "stream",
      ...(signal ? { signal } : {}),
      // A request follows its signal only weakly: in Node 20 an abort that comes after a garbage collection is lost. A fetch does not.
      fetch: (request) => fetch(request, signal ? { signal } : {}),
    }),
  };
}

/** Those options of these names that were given. */
export function given<Options extends object, Name extends keyof Options>(
  options: Options,
  ...names: readonly Name[]
): { [Each in Name]?: Exclude<Options[Each], undefined> } {
  return Object.fromEntries(names.map((name) => [name, options[name]]).filter(([, value]) => value !== undefined)) as {
    [Each in Name]?: Exclude<Options[Each], undefined>;
  };
}

/** Several keys as `name[key]=value`. Any text may be a key, which openapi-fetch would send as it is. */
function encodeQuery(query: unknown): string {
  const pairs = Object.entries(query as { [name: string]: unknown }).flatMap(([name, value]): [string, string][] =>
    typeof value === "object" && value !== null
      ? Object.entries(value).map(([key, each]) => [`${name}[${key}]`, String(each)])
      : [[name, String(value)]],
  );
  return new URLSearchParams(pairs).toString();
}

function headersOf(options: RequestOptions, headerOptions: HeaderOptions): { [name: string]: string } {
  const headers: { [name: string]: string } = { ...options.headers };
  for (const [option, { header, isEncoded }] of Object.entries(headerOptions)) {
    const value = (options as { readonly [option: string]: unknown })[option];
    if (typeof value === "boolean") headers[header] = String(value);
    if (typeof value === "string") headers[header] = isEncoded ? encodeHeaderValue(value) : value;
  }
  return headers;
}

/** Percent-encodes (UTF-8) everything outside the visible ASCII characters, and `%` itself. */
function encodeHeaderValue(text: string): string {
  return text.replace(/[^\x21-\x24\x26-\x7e]+/g, (run) => encodeURIComponent(run));
}
