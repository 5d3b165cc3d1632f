/** What the offline model can say, in English and Korean. Sentences only: what to say when is `builtin-reply.ts`. */

export interface Phrases {
  greeting(): string;
  echo(quote: string): string;
  nothingSaid(): string;
  noModel(): string;
  sum(expression: string, result: string): string;
  time(now: string): string;
  saved(name: string, value: string): string;
  known(name: string, value: string): string;
  /** From what the user wrote earlier in the conversation, not from memory. */
  saidBefore(name: string, value: string): string;
  unknown(name: string): string;
  remembered(entries: readonly string[]): string;
  nothingRemembered(): string;
  toolAnswered(tool: string, result: string): string;
  toolFailed(tool: string, message: string): string;
  history(quotes: readonly string[]): string;
  noHistory(): string;
}

export const english: Phrases = {
  greeting: () => "Hello!",
  echo: (quote) => `You said: “${quote}”.`,
  nothingSaid: () => "You said nothing.",
  noModel: () =>
    "No language model is configured, so this is only Clawgate's built-in offline reply. To talk to a real model, set " +
    "agents.defaults.model and models.providers in the config file, or start the gateway with OPENAI_API_KEY.",
  sum: (expression, result) => `${expression} = ${result}.`,
  time: (now) => `It is ${now}.`,
  saved: (name, value) => `I will remember that your ${name} is ${value}.`,
  known: (name, value) => `Your ${name} is ${value}.`,
  saidBefore: (name, value) => `You said that your ${name} is ${value}.`,
  unknown: (name) => `I do not know your ${name}: you have not told me.`,
  remembered: (entries) => `I remember: ${entries.join(", ")}.`,
  nothingRemembered: () => "I do not remember anything yet.",
  toolAnswered: (tool, result) => `The tool ${tool} answered: ${result}`,
  toolFailed: (tool, message) => `The tool ${tool} failed: ${message}`,
  history: (quotes) => `You said: ${quotes.map((quote) => `“${quote}”`).join(", then ")}.`,
  noHistory: () => "This is the first message of yours that I can see.",
};

export const korean: Phrases = {
  greeting: () => "안녕하세요!",
  echo: (quote) => `이렇게 말씀하셨습니다: “${quote}”.`,
  nothingSaid: () => "아무 말씀도 하지 않으셨습니다.",
  noModel: () =>
    "설정된 언어 모델이 없어 Clawgate에 내장된 오프라인 응답만 드립니다. 실제 모델과 대화하려면 환경 변수 OPENAI_API_KEY를 설정하거나, " +
    "설정 파일에 agents.defaults.model과 models.providers를 적고 게이트웨이를 다시 시작하세요.",
  sum: (expression, result) => `${expression} = ${result}입니다.`,
  time: (now) => `지금은 ${now}입니다.`,
  saved: (name, value) => `${topic(name)} ${value}(으)로 기억하겠습니다.`,
  known: (name, value) => `${topic(name)} ${value}입니다.`,
  saidBefore: (name, value) => `${topic(name)} ${value}(이)라고 말씀하셨습니다.`,
  unknown: (name) => `${topic(name)} 아직 말씀하지 않으셔서 모릅니다.`,
  remembered: (entries) => `기억하고 있는 것: ${entries.join(", ")}.`,
  nothingRemembered: () => "아직 기억하고 있는 것이 없습니다.",
  toolAnswered: (tool, result) => `도구 ${tool}의 응답: ${result}`,
  toolFailed: (tool, message) => `도구 ${tool} 실패: ${message}`,
  history: (quotes) => `이렇게 말씀하셨습니다: ${quotes.map((quote) => `“${quote}”`).join(", 그다음 ")}.`,
  noHistory: () => "제가 볼 수 있는 첫 메시지입니다.",
};

/** With the topic particle: 은 after a final consonant, else 는. */
function topic(noun: string): string {
  const last = noun.codePointAt(noun.length - 1) ?? 0;
  const hasFinalConsonant = last >= 0xac00 && last <= 0xd7a3 && (last - 0xac00) % 28 !== 0;
  return noun + (hasFinalConsonant ? "은" : "는");
}
