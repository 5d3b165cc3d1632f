/**
 * Bytes of a `text/event-stream` body → the data of its events, as the HTML standard reads them. Characters and lines may
 * be torn anywhere; comments and all fields but `data` are skipped; an event whose blank line never came is dropped.
 */
export async function* readEventData(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  let endedInCr = false;
  let data: string[] = [];
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    let text = decoder.decode(piece.value, { stream: true });
    if (text === "") continue;
    // `\r` has ended its line already: a `\n` in the next piece belongs to it.
    if (endedInCr && text.startsWith("\n")) text = text.slice(1);
    endedInCr = text.endsWith("\r");
    const lines = (rest + text).split(/\r\n|\n|\r/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield data.join("\n");
        data = [];
      } else if (line === "data") {
        data.push("");
      } else if (line.startsWith("data:")) {
        data.push(line.slice(line.startsWith("data: ") ? "data: ".length : "data:".length));
      }
    }
  }
}
