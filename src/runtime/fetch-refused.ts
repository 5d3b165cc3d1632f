/** Why an address that somebody named was not fetched. The message is a sentence fit for a caller or a model. */

export type FetchRefusal = "address" | "host" | "scheme" | "redirects" | "size" | "time" | "unreachable" | "url";

export class FetchRefused extends Error {
  override readonly name = "FetchRefused";
  readonly reason: FetchRefusal;

  constructor(reason: FetchRefusal, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}
