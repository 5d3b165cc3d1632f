/** Words of a command line that is printed to be copied. */

export function quoteForShell(text: string): string {
  return /^(~\/)?[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
