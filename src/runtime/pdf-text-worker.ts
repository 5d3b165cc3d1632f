/**
 * The thread that takes the text out of PDFs, page by page, and stops where there is more than asked for.
 *
 * Time and memory are watched from outside (`worker-watch.ts`). Deliberately absent: pictures, forms, attachments, layout.
 */
import { parentPort } from "node:worker_threads";
import { getDocumentProxy } from "unpdf";

export interface PdfTask {
  readonly bytes: Uint8Array;
  readonly maxCharacters: number;
}

export type PdfText = { readonly text: string } | { readonly problem: "broken" | "empty" | "encrypted" | "long" };

type Document = Awaited<ReturnType<typeof getDocumentProxy>>;

/** Nothing is rendered, so nothing is to be looked for on this machine; and nothing in a PDF is code to be run. */
const options = { verbosity: 0, isEvalSupported: false, useSystemFonts: false, disableFontFace: true, enableXfa: false };

// A PDF that ends badly may leave promises behind that fail later: they must not end the thread, which then reads another PDF.
process.on("unhandledRejection", () => undefined);
parentPort?.on("message", (task: PdfTask) => {
  void readPdf(task).then((reply) => parentPort?.postMessage(reply));
});

/** Never rejects: whatever a damaged PDF makes of its reader is the PDF's fault. */
async function readPdf({ bytes, maxCharacters }: PdfTask): Promise<PdfText> {
  try {
    const document = await getDocumentProxy(new Uint8Array(bytes), options);
    const text = await textOf(document, maxCharacters);
    await document.destroy();
    if (text === undefined) return { problem: "long" };
    return text === "" ? { problem: "empty" } : { text };
  } catch (thrown) {
    return { problem: thrown instanceof Error && thrown.name === "PasswordException" ? "encrypted" : "broken" };
  }
}

/** Undefined when it has more than `maxCharacters`. */
async function textOf(document: Document, maxCharacters: number): Promise<string | undefined> {
  const pages: string[] = [];
  let length = 0;
  for (let number = 1; number <= document.numPages; number++) {
    const page = await document.getPage(number);
    const { items } = await page.getTextContent();
    const text = clean(items.map((item) => ("str" in item ? `${item.str}${item.hasEOL ? "\n" : ""}` : "")).join(""));
    page.cleanup();
    length += text.length;
    if (length > maxCharacters) return undefined;
    if (text !== "") pages.push(text);
  }
  return pages.join("\n\n");
}

/** Fonts without a table of characters give control characters and halves of characters. */
function clean(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\P{Cc}\n\t]/gu, "")
    .trim();
}
