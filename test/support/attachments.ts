/**
 * Small real images and PDFs, made by code. What they show does not matter; that any reader opens them does.
 * No assertions here.
 */
import { deflateSync } from "node:zlib";

export const dataUrl = (bytes: Uint8Array, label: string): string => `data:${label};base64,${Buffer.from(bytes).toString("base64")}`;
export const imagePart = (bytes: Uint8Array, label = "image/png", more: object = {}) => urlPart(dataUrl(bytes, label), more);
export const urlPart = (url: string, more: object = {}) => ({ type: "image_url", image_url: { url, ...more } });
export const textPart = (text: string) => ({ type: "text", text });
export const filePart = (bytes: Uint8Array, label = "text/plain", filename?: string) => ({
  type: "file",
  file: { file_data: dataUrl(bytes, label), ...(filename === undefined ? {} : { filename }) },
});

/** One grey pixel. `size`: of the whole file in bytes, filled up with a chunk that readers skip. */
export function pngOf({ grey = 128, size }: { grey?: number; size?: number } = {}): Buffer {
  const ends = [pngChunk("IDAT", deflateSync(Buffer.from([0, grey]))), pngChunk("IEND")];
  const start = [Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), pngChunk("IHDR", Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]))];
  const bare = Buffer.concat([...start, ...ends]).length;
  return Buffer.concat([...start, ...(size === undefined ? [] : [pngChunk("fiLl", Buffer.alloc(size - bare - 12))]), ...ends]);
}

function pngChunk(type: string, data = Buffer.alloc(0)): Buffer {
  const name = Buffer.from(type, "latin1");
  return Buffer.concat([uint32(data.length), name, data, uint32(crc32(Buffer.concat([name, data])))]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function crc32(bytes: Buffer): number {
  const table = Array.from({ length: 256 }, (_, byte) => {
    let rest = byte;
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
    return rest;
  });
  let crc = -1;
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 255]!;
  return ~crc;
}

/** One pixel of a baseline JPEG: both Huffman tables have a single code, for "no difference" and "end of block". */
export function jpeg(): Buffer {
  const segment = (marker: number, ...data: number[]) => Buffer.from([0xff, marker, 0, data.length + 2, ...data]);
  const oneCode = [1, ...Array.from({ length: 15 }, () => 0), 0];
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xe0, ...Buffer.from("JFIF\0", "latin1"), 1, 1, 0, 0, 1, 0, 1, 0, 0),
    segment(0xdb, 0, ...Array.from({ length: 64 }, () => 1)),
    segment(0xc0, 8, 0, 1, 0, 1, 1, 1, 0x11, 0),
    segment(0xc4, 0x00, ...oneCode),
    segment(0xc4, 0x10, ...oneCode),
    segment(0xda, 1, 1, 0, 0, 63, 0),
    Buffer.from([0b0011_1111, 0xff, 0xd9]),
  ]);
}

/** One white pixel. */
export function gif(): Buffer {
  const screen = [1, 0, 1, 0, 0x80, 0, 0, 255, 255, 255, 0, 0, 0];
  return Buffer.concat([
    Buffer.from("GIF89a", "latin1"),
    Buffer.from([...screen, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3b]),
  ]);
}

/** One black pixel, lossless: no transforms, no cache, and five Huffman codes of the one symbol 0. */
export function webp(): Buffer {
  const bits = [...Array.from({ length: 14 + 14 + 1 + 3 + 3 }, () => 0), ...Array.from({ length: 5 }, () => [1, 0, 0, 0]).flat()];
  const body = Buffer.alloc(Math.ceil(bits.length / 8));
  bits.forEach((bit, index) => (body[index >> 3] = body[index >> 3]! | (bit << (index & 7))));
  const stream = Buffer.concat([Buffer.from([0x2f]), body, Buffer.alloc((body.length + 1) % 2)]);
  const length = (value: number) => uint32(value).reverse();
  const chunk = Buffer.concat([Buffer.from("WEBPVP8L", "latin1"), length(body.length + 1), stream]);
  return Buffer.concat([Buffer.from("RIFF", "latin1"), length(chunk.length), chunk]);
}

interface PdfOptions {
  /** With a password that nobody knows. */
  readonly isEncrypted?: boolean;
}

/** A PDF with a page for each text. */
export function pdfOf(pages: readonly string[], { isEncrypted = false }: PdfOptions = {}): Buffer {
  const kids = pages.map((_, index) => `${4 + index * 2} 0 R`).join(" ");
  return assemble(
    [
      "<</Type/Catalog/Pages 2 0 R>>",
      `<</Type/Pages/Kids[${kids}]/Count ${pages.length}>>`,
      "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
      ...pages.flatMap((text, index) => {
        const content = text
          .split("\n")
          .map((line) => `(${line.replace(/[\\()]/g, "\\$&")}) Tj T*`)
          .join(" ");
        const drawing = `BT /F1 12 Tf 14 TL 72 720 Td ${content} ET`;
        return [
          `<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents ${5 + index * 2} 0 R>>`,
          `<</Length ${drawing.length}>>\nstream\n${drawing}\nendstream`,
        ];
      }),
    ],
    isEncrypted ? `/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<${"5a".repeat(32)}>/U<${"a5".repeat(32)}>>>/ID[<00><00>]` : "",
  );
}

/** A small PDF that unpacks to a list of `count` numbers. */
export function listBomb(count: number): Buffer {
  return unpackingTo(Buffer.concat([Buffer.from("/Kids["), Buffer.alloc(2 * count, "0 "), Buffer.from("]")]));
}

/** A small PDF that unpacks to a dictionary of `count` keys. */
export function dictionaryBomb(count: number): Buffer {
  return unpackingTo(Buffer.from(Array.from({ length: count }, (_, index) => `/${index.toString(36)} 0`).join("")));
}

/** A PDF with `entries` in its page tree, packed. */
function unpackingTo(entries: Buffer): Buffer {
  const packed = deflateSync(Buffer.concat([Buffer.from("2 0 <</Type/Pages/Count 1"), entries, Buffer.from(">>")])).toString("latin1");
  const header = "%PDF-1.5\n";
  const catalog = "1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n";
  const objects = `3 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length ${packed.length}>>\nstream\n${packed}\nendstream\nendobj\n`;
  const places = [header.length, header.length + catalog.length, header.length + catalog.length + objects.length];
  const row = (type: number, place: number, last = 0) => Buffer.concat([Buffer.from([type]), uint32(place), Buffer.from([last])]);
  const rows = Buffer.concat([row(0, 0), row(1, places[0]!), row(2, 3), row(1, places[1]!), row(1, places[2]!)]).toString("latin1");
  const index = `4 0 obj\n<</Type/XRef/Size 5/W[1 4 1]/Root 1 0 R/Length ${rows.length}>>\nstream\n${rows}\nendstream\nendobj\n`;
  return Buffer.from(`${header}${catalog}${objects}${index}startxref\n${places[2]}\n%%EOF`, "latin1");
}

/** A PDF whose page draws a form that draws a form …, each ten times: a line of text is drawn 10 ** `depth` times. */
export function endlessPdf(depth: number): Buffer {
  const form = (content: string, resources: string) =>
    `<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<<${resources}>>/Length ${content.length}>>\nstream\n${content}\nendstream`;
  const first = 5;
  const forms = Array.from({ length: depth }, (_, level) =>
    level === depth - 1
      ? form("BT /F1 1 Tf (a) Tj ET", "/Font<</F1 3 0 R>>")
      : form("/X Do ".repeat(10), `/XObject<</X ${first + level + 1} 0 R>>`),
  );
  const page = `<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</XObject<</X ${first} 0 R>>>>/Contents ${first + depth} 0 R>>`;
  const drawing = "/X Do ".repeat(10);
  return assemble(
    [
      "<</Type/Catalog/Pages 2 0 R>>",
      "<</Type/Pages/Kids[4 0 R]/Count 1>>",
      "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
      page,
      ...forms,
      `<</Length ${drawing.length}>>\nstream\n${drawing}\nendstream`,
    ],
    "",
  );
}

/** Objects numbered from 1, the first of them the catalog, and where each begins. */
function assemble(objects: readonly string[], trailer: string): Buffer {
  let text = "%PDF-1.4\n";
  const offsets = objects.map((object, index) => {
    const offset = text.length;
    text += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(offset).padStart(10, "0")} 00000 n \n`;
  });
  const table = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${offsets.join("")}`;
  return Buffer.from(
    `${text}${table}trailer\n<</Size ${objects.length + 1}/Root 1 0 R${trailer}>>\nstartxref\n${text.length}\n%%EOF`,
    "latin1",
  );
}
