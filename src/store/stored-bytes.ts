/** What a row takes in a database, about: its text, and what stands around it (ids, times, indexes). */
export const rowOverheadBytes = 256;

export function storedBytes(...texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), rowOverheadBytes);
}
