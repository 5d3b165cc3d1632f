/** What tests ask of `/v1/runs`, and its streams taken apart. Each whole reply is held against the contract. */
import { expect } from "@jest/globals";
import { type Exchange, exchangeOf, problemsOf } from "../support/contract-check.ts";
import { type TestGateway, testToken } from "../support/gateway.ts";

export interface RunObject {
  readonly id: string;
  readonly completion_id: string;
  readonly owner?: string;
  readonly session_key: string;
  readonly model: string;
  readonly language_model: string;
  readonly status: string;
  readonly background: boolean;
  readonly ended_at: number | null;
  readonly turns?: number;
  readonly finish_reason: string | null;
  readonly usage?: object;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly completion: { readonly choices: readonly { readonly message: { readonly content: string } }[] } | null;
}

type Headers = { readonly [name: string]: string };

export const inBackground = { "x-openclaw-background": "true" };

export function keyed(key: string, more: Headers = {}): { [name: string]: string } {
  return { "idempotency-key": key, ...more };
}

export function expectKept(operation: string, status: number, exchange: Exchange): Exchange {
  expect({ status: exchange.status, text: exchange.status === status ? "" : exchange.text }).toEqual({ status, text: "" });
  expect(problemsOf(operation, exchange)).toEqual([]);
  return exchange;
}

export async function showRun(gateway: TestGateway, id: string, headers: Headers = {}): Promise<RunObject> {
  return JSON.parse(expectKept("getRun", 200, await exchangeOf(await gateway.get(`/v1/runs/${id}`, headers))).text) as RunObject;
}

export function sendCancel(gateway: TestGateway, id: string, headers: Headers = {}): Promise<Response> {
  const authorization = `Bearer ${testToken}`;
  return fetch(`${gateway.url}/v1/runs/${id}/cancel`, { method: "POST", headers: { authorization, ...headers } });
}

export async function cancelRun(gateway: TestGateway, id: string): Promise<RunObject> {
  return JSON.parse(expectKept("cancelRun", 200, await exchangeOf(await sendCancel(gateway, id))).text) as RunObject;
}

/** Asks for a run in the background and does not wait for it. */
export async function begin(gateway: TestGateway, body: object, headers: Headers = {}): Promise<RunObject> {
  const exchange = await exchangeOf(await gateway.chat(body, { ...inBackground, ...headers }));
  return JSON.parse(expectKept("createChatCompletion", 202, exchange).text) as RunObject;
}

/** All of a run's events after one of them, to its end. */
export async function readEvents(gateway: TestGateway, id: string, query = "", headers: Headers = {}): Promise<Frame[]> {
  const exchange = await exchangeOf(await gateway.get(`/v1/runs/${id}/events${query}`, headers));
  return framesIn(expectKept("streamRunEvents", 200, exchange).text);
}

export interface Frame {
  readonly id: number | undefined;
  /** As it came. */
  readonly data: string;
}

/** The frames of a stream, or of its beginning: one that is not complete is left out. */
export function framesIn(text: string): Frame[] {
  const events = text.split("\n\n").slice(0, -1);
  return events.flatMap((event) => {
    const [, id, data] = /^(?:id: (\d+)\n)?data: (.*)$/.exec(event) ?? [];
    return data === undefined ? [] : [{ id: id === undefined ? undefined : Number(id), data }];
  });
}

export function textIn(frames: readonly Frame[]): string {
  const chunks = frames.filter(({ data }) => data !== "[DONE]").map(({ data }) => JSON.parse(data) as ChunkObject);
  return chunks.map(({ choices }) => choices?.[0]?.delta.content ?? "").join("");
}

interface ChunkObject {
  readonly choices?: readonly { readonly delta: { readonly content?: string } }[];
}
