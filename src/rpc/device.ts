/**
 * The device that a client says it is: whether its signature is right, over this connection's challenge and what else
 * `connect` says. A device has no rights here; one that is forged is refused all the same.
 *
 * Deliberately absent: pairing and device tokens.
 */
import { createHash, createPublicKey, verify } from "node:crypto";
import type { ParamsOf } from "./contract.ts";
import { refusal, type WireError } from "./errors.ts";

type ConnectParams = ParamsOf<"connect">;

const keyBytes = 32;
/** How far the clocks may be apart. */
const maxSkewMs = 120_000;

/** Throws why the device is not who it says. Without a device there is nothing to say. */
export function checkDevice(params: ConnectParams, nonce: string, now: number): void {
  const { device } = params;
  if (!device) return;
  const key = Buffer.from(device.publicKey, "base64url");
  if (key.length !== keyBytes) throw refused("DEVICE_AUTH_PUBLIC_KEY_INVALID", "device.publicKey is not an Ed25519 key in base64url.");
  if (createHash("sha256").update(key).digest("hex") !== device.id.toLowerCase()) {
    throw refused("DEVICE_AUTH_DEVICE_ID_MISMATCH", "device.id is not the SHA-256 of device.publicKey.");
  }
  if (device.nonce !== nonce) throw refused("DEVICE_AUTH_NONCE_MISMATCH", "device.nonce is not that of connect.challenge.");
  if (Math.abs(now - device.signedAt) > maxSkewMs) {
    throw refused("DEVICE_AUTH_SIGNATURE_EXPIRED", `device.signedAt is more than ${maxSkewMs / 1000} seconds from the gateway's clock.`);
  }
  const signature = Buffer.from(device.signature, "base64url");
  if (!signedTexts(params, device).some((text) => isSigned(text, key, signature))) {
    throw refused("DEVICE_AUTH_SIGNATURE_INVALID", "device.signature is not that of device.publicKey over what connect says.");
  }
}

/** What clients sign: the third form, or the second one, which leaves the machine out. */
function signedTexts(params: ConnectParams, device: NonNullable<ConnectParams["device"]>): string[] {
  const { client, role = "operator", scopes = [], auth = {} } = params;
  const token = auth.token ?? auth.deviceToken ?? auth.bootstrapToken ?? "";
  const parts = [device.id, client.id, client.mode, role, scopes.join(","), String(device.signedAt), token, device.nonce];
  const machine = [client.platform, client.deviceFamily ?? ""].map(lowerAscii);
  return [["v3", ...parts, ...machine].join("|"), ["v2", ...parts].join("|")];
}

/** Letters of other alphabets stay as they are. */
function lowerAscii(text: string): string {
  return text.trim().replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function isSigned(text: string, key: Buffer, signature: Buffer): boolean {
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key.toString("base64url") }, format: "jwk" });
  return verify(null, Buffer.from(text, "utf8"), publicKey, signature);
}

function refused(code: WireError["details"]["code"], message: string): Error {
  return refusal({ code }, message);
}
