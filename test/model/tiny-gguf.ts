/**
 * A language model of random weights in a GGUF file of some 100 KB: one layer of llama's architecture over single bytes.
 * It says nothing sensible, and always the same for the same seed.
 */
import { writeFileSync } from "node:fs";

const width = 32;
const heads = 2;
const inner = 64;
const contextLength = 2048;

const pieces = [
  "<unk>",
  "<s>",
  "</s>",
  ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
];
/** Unknown, control and byte tokens, as llama.cpp numbers them. */
const kinds = pieces.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : 6));

export function writeTinyModel(path: string): void {
  const random = randomFrom(42);
  const tensors: { name: string; shape: number[]; at: (n: number) => number }[] = [];
  const weights = (name: string, ...shape: number[]) => tensors.push({ name, shape, at: () => random() });
  const ones = (name: string) => tensors.push({ name, shape: [width], at: () => 1 });
  weights("token_embd.weight", width, pieces.length);
  ones("output_norm.weight");
  weights("output.weight", width, pieces.length);
  ones("blk.0.attn_norm.weight");
  for (const name of ["attn_q", "attn_k", "attn_v", "attn_output"]) weights(`blk.0.${name}.weight`, width, width);
  ones("blk.0.ffn_norm.weight");
  weights("blk.0.ffn_gate.weight", width, inner);
  weights("blk.0.ffn_up.weight", width, inner);
  weights("blk.0.ffn_down.weight", inner, width);

  const header = new Writer();
  header.text("GGUF");
  header.u32(3);
  header.u64(tensors.length);
  const entries = metadata();
  header.u64(entries.length);
  for (const write of entries) write(header);
  let offset = 0;
  for (const { name, shape } of tensors) {
    header.string(name);
    header.u32(shape.length);
    for (const size of shape) header.u64(size);
    header.u32(0); // 32-bit floats
    header.u64(offset);
    offset += aligned(4 * lengthOf(shape));
  }
  header.pad();
  const data = new Float32Array(offset / 4);
  let start = 0;
  for (const { shape, at } of tensors) {
    for (let n = 0; n < lengthOf(shape); n++) data[start + n] = at(n);
    start += aligned(4 * lengthOf(shape)) / 4;
  }
  writeFileSync(path, Buffer.concat([header.bytes(), Buffer.from(data.buffer)]));
}

function metadata(): ((to: Writer) => void)[] {
  const text = (key: string, value: string) => (to: Writer) => {
    to.string(key);
    to.u32(8);
    to.string(value);
  };
  const count = (key: string, value: number) => (to: Writer) => {
    to.string(key);
    to.u32(4);
    to.u32(value);
  };
  const list = (key: string, type: number, length: number, write: (to: Writer, n: number) => void) => (to: Writer) => {
    to.string(key);
    to.u32(9);
    to.u32(type);
    to.u64(length);
    for (let n = 0; n < length; n++) write(to, n);
  };
  return [
    text("general.architecture", "llama"),
    text("general.name", "tiny"),
    count("llama.context_length", contextLength),
    count("llama.embedding_length", width),
    count("llama.block_count", 1),
    count("llama.feed_forward_length", inner),
    count("llama.rope.dimension_count", width / heads),
    count("llama.attention.head_count", heads),
    count("llama.attention.head_count_kv", heads),
    (to) => {
      to.string("llama.attention.layer_norm_rms_epsilon");
      to.u32(6);
      to.f32(1e-5);
    },
    count("llama.vocab_size", pieces.length),
    text("tokenizer.ggml.model", "llama"),
    list("tokenizer.ggml.tokens", 8, pieces.length, (to, n) => to.string(pieces[n]!)),
    list("tokenizer.ggml.scores", 6, pieces.length, (to) => to.f32(0)),
    list("tokenizer.ggml.token_type", 5, pieces.length, (to, n) => to.u32(kinds[n]!)),
    count("tokenizer.ggml.bos_token_id", 1),
    count("tokenizer.ggml.eos_token_id", 2),
    count("tokenizer.ggml.unknown_token_id", 0),
  ];
}

const lengthOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
const aligned = (bytes: number): number => Math.ceil(bytes / 32) * 32;

/** Little-endian, as the format has it. */
class Writer {
  readonly #parts: Buffer[] = [];
  #length = 0;

  #add(part: Buffer): void {
    this.#parts.push(part);
    this.#length += part.length;
  }
  text(value: string): void {
    this.#add(Buffer.from(value));
  }
  string(value: string): void {
    this.u64(Buffer.byteLength(value));
    this.text(value);
  }
  u32(value: number): void {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    this.#add(part);
  }
  u64(value: number): void {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(value));
    this.#add(part);
  }
  f32(value: number): void {
    const part = Buffer.alloc(4);
    part.writeFloatLE(value);
    this.#add(part);
  }
  pad(): void {
    this.#add(Buffer.alloc(aligned(this.#length) - this.#length));
  }
  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Evenly between -0.5 and 0.5. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
}
