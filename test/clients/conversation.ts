/** What the clients of these suites talk about, and how their provider sees it. */
import type { StubUpstream } from "../support/stub-upstream.ts";

/** A model's reply that calls the caller's `get_weather`. */
export const askWeather = { toolCalls: [{ id: "call_seoul", name: "get_weather", arguments: '{"city":"Seoul"}' }] };

/** The messages of the provider's second request, when `get_weather` has been answered. */
export const weatherRoundTrip = [
  { role: "user", content: "How is Seoul?" },
  {
    role: "assistant",
    content: null,
    tool_calls: [{ id: "call_seoul", type: "function", function: { name: "get_weather", arguments: '{"city":"Seoul"}' } }],
  },
  { role: "tool", tool_call_id: "call_seoul", content: "Sunny, 21 °C" },
];

/** The messages of the provider's last request. */
export function turns(stub: StubUpstream): object[] {
  return [...(stub.requests.at(-1)?.body.messages ?? [])];
}

export async function thrownBy(call: PromiseLike<unknown>): Promise<unknown> {
  return call.then(
    () => {
      throw new Error("Nothing was thrown.");
    },
    (thrown: unknown) => thrown,
  );
}
