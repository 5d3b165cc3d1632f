/**
 * What the offline model makes of a user's message: a handful of patterns in English and Korean, nothing more.
 *
 * Deliberately absent: grammar, context, guesses. What matches no pattern is not understood, and the reply says so.
 */
import { findExpression } from "./builtin-arithmetic.ts";

/** Only the beginning of a message is looked at, and the patterns repeat within bounds: no message costs much. */
const maxCharacters = 2000;

export interface Understanding {
  readonly isKorean: boolean;
  readonly isGreeting: boolean;
  readonly expression?: string;
  readonly asksTime: boolean;
  readonly toRemember?: { readonly name: string; readonly value: string };
  /** `what is my name` → `name`; `what do you remember` → no subject. */
  readonly asksMemory?: { readonly subject?: string };
  /** `what did I say`. */
  readonly asksHistory: boolean;
}

export function understand(message: string): Understanding {
  const text = beginningOf(message);
  const asksHistory = historyPatterns.some((pattern) => pattern.test(text));
  const asksMemory = asksHistory ? undefined : readMemoryQuestion(text);
  const toRemember = asksHistory || asksMemory ? undefined : readThingToRemember(text);
  const expression = toRemember ? undefined : findExpression(text);
  return {
    isKorean: /\p{Script=Hangul}/u.test(text),
    isGreeting: /^\s*(?:hi|hiya|hello|hey|good (?:morning|afternoon|evening)|안녕|반가|반갑|여보세요)(?![a-z])/iu.test(text),
    asksTime: !toRemember && timePatterns.some((pattern) => pattern.test(text)),
    asksHistory,
    ...(expression === undefined ? {} : { expression }),
    ...(toRemember ? { toRemember } : {}),
    ...(asksMemory ? { asksMemory } : {}),
  };
}

/** What a message itself says about the writer's `subject` (`my name is Ada`), or undefined. */
export function readStatement(message: string, subject: string): string | undefined {
  const text = beginningOf(message);
  for (const pattern of statementPatterns) {
    for (const [, name = "", value = ""] of text.matchAll(pattern)) {
      if (isSameSubject(name, subject) && value.trim() !== "") return value.trim();
    }
  }
  return undefined;
}

export function isSameSubject(a: string, b: string): boolean {
  return bare(a) === bare(b);
}

const timePatterns = [
  /\bwhat(?:'s|’s| is)? (?:the )?(?:current )?(?:time|date)\b/iu,
  /\bwhat day is (?:it|today)\b/iu,
  /\b(?:tell|give) me the (?:current )?(?:time|date)\b/iu,
  /\b(?:current|local) (?:time|date)\b/iu,
  /\btoday['’]s date\b/iu,
  /몇\s?시|(?:지금|현재)\s?(?:시간|시각)|오늘\s?(?:날짜|며칠|몇\s?일|무슨\s?요일)|무슨\s?요일/u,
];

const historyPatterns = [
  /\bwhat (?:did|have) i (?:just |already )?(?:say|said|tell|told|ask|asked|write|written)\b/iu,
  /\bwhat (?:was|were) my (?:last|previous|first|earlier) (?:message|question|words)/iu,
  /\brepeat what i (?:just )?(?:said|wrote|asked)\b/iu,
  /(?:내가|제가)\s?(?:방금|아까|전에|처음에)?\s?(?:뭐라고|뭐라|무슨\s?말|무엇을|뭘)\s?(?:했|말했|물었|물어|썼|하)/u,
];

const statementPatterns = [
  /\bmy ([^.,!?\n]{1,60}?) (?:is|are) ([^\n.,!?]{1,200})/giu,
  /(?:내|제|나의|저의) ?([^\s.,!?]{1,20}?)(?:은|는|이|가) ([^\n.,!?]{1,60}?)(?:이라고|라고|이야|야|이에요|예요|입니다|이다)(?=$|[\s.,!])/gu,
];

const thingsToRemember = [
  /\bremember[,:]? (?:that )?([^\n?]{1,100}?) (?:is|are|=) ([^\n]{1,1000})/iu,
  /(?:내|제|나의|저의) ?([^\n?]{1,40}?)(?:은|는|이|가) ([^\n]{1,200}?)(?:이라고|라고|이라는|라는|이야|야|이에요|예요|입니다|이다)?[,.!]? ?(?:(?:걸|것을|거) )?(?:꼭 )?기억(?!하(?:니|나|고 있))/u,
];

function readThingToRemember(text: string): { name: string; value: string } | undefined {
  for (const pattern of thingsToRemember) {
    const found = pattern.exec(text);
    const name = bare(found?.[1] ?? "");
    const value = (found?.[2] ?? "").trim().replace(/[.!]$/u, "");
    if (name !== "" && value !== "") return { name, value };
  }
  return undefined;
}

function readMemoryQuestion(text: string): { subject?: string } | undefined {
  const subject =
    /\bwhat(?:'s|’s| is| are| was)\s+my\s+([^?.!,\n]{1,80})/iu.exec(text)?.[1] ??
    /\b(?:do|can|did) you (?:still )?remember (?:what )?my ([^?.!,\n]{1,80}?)(?:\s+is|\s+are)?\s*(?:[?.!,\n]|$)/iu.exec(text)?.[1] ??
    /(?:내|제|나의|저의)\s?([^\s.,!?]{1,40}?)(?:은|는|이|가)?\s?(?:뭐|무엇|뭔|누구|어디|언제)/u.exec(text)?.[1] ??
    /(?:내|제|나의|저의)\s?([^\s.,!?]{1,40}?)(?:을|를|은|는|이|가)?\s?기억하(?:니|나|고 있|세요|십니까)/u.exec(text)?.[1];
  if (subject !== undefined && bare(subject) !== "") return { subject: bare(subject) };
  if (/\bwho am i\b/iu.test(text)) return { subject: "name" };
  const asksAll =
    /\b(?:do|can|did) you (?:still )?remember\b|\bwhat do you know about me\b|(?:뭐|뭘|무엇|무얼)\S{0,3}\s?기억|기억하(?:니|나|고 있|는 (?:것|거|게))/iu;
  return asksAll.test(text) ? {} : undefined;
}

/** Every run of blanks within a line is one space. */
function beginningOf(message: string): string {
  return message.slice(0, maxCharacters).replaceAll(/[^\S\n]+/gu, " ");
}

/** Without the article or pronoun, in lower case: `my Favourite colour` → `favourite colour`. At most 64 characters. */
function bare(subject: string): string {
  return subject
    .trim()
    .replace(/^(?:my|our|the|that)\s+/iu, "")
    .toLowerCase()
    .slice(0, 64);
}
