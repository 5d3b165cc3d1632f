/**
 * Log lines as they are written: what a caller sent stands in them as text, and must stay that wherever they are read.
 *
 * JSON escapes line feeds and the escape character, and leaves others that end a line or speak to a terminal as well: the second
 * block of control characters, Unicode's separators, and what turns the direction of writing around. Nothing else is changed.
 */

/** U+007F–009F, U+2028–202E, U+2066–2069. They stand within strings only, where an escape means the same. */
const unseen = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

export function escapeUnseen(line: string): string {
  return line.replace(unseen, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
