/** As much of node-llama-cpp as is used here, written down because the package is the user's to install. */

export interface LlamaPackage {
  readonly getLlama: (options: {
    readonly build: "never";
    readonly maxThreads: number;
    readonly logLevel: "error";
    readonly logger: () => void;
    readonly progressLogs: false;
    readonly skipDownload: true;
  }) => Promise<Llama>;
  readonly LlamaChat: new (options: { readonly contextSequence: LlamaSequence }) => LlamaChat;
}

export interface Llama {
  loadModel(options: { readonly modelPath: string }): Promise<LlamaModel>;
  getGrammarFor(type: "json"): Promise<unknown>;
  createGrammarForJsonSchema(schema: object): Promise<unknown>;
  dispose(): Promise<void>;
}

export interface LlamaModel {
  createContext(options: { readonly sequences: 1; readonly contextSize: { readonly max: number }; readonly threads: number }): Promise<{
    getSequence(): LlamaSequence;
  }>;
}

interface TokenCounts {
  readonly usedInputTokens: number;
  readonly usedOutputTokens: number;
}

export interface LlamaSequence {
  /** Tokens of the prompt and the reply that the sequence holds. */
  readonly nextTokenIndex: number;
  readonly tokenMeter: { getState(): TokenCounts; diff(before: TokenCounts): TokenCounts };
}

export interface LlamaChat {
  /** Function calls are handed over, never run. Rejects with the signal's reason when that aborts. */
  generateResponse(history: LlamaHistory, options: LlamaGenerateOptions): Promise<{ readonly metadata: { readonly stopReason: string } }>;
}

export type LlamaHistory = readonly (
  | { readonly type: "system" | "user"; readonly text: string }
  | { readonly type: "model"; readonly response: readonly (string | LlamaFunctionCall)[] }
)[];

export interface LlamaFunctionCall {
  readonly type: "functionCall";
  readonly name: string;
  readonly params: unknown;
  readonly result: unknown;
}

export interface LlamaGenerateOptions {
  readonly signal: AbortSignal;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly seed?: number;
  readonly repeatPenalty?: { readonly frequencyPenalty?: number; readonly presencePenalty?: number };
  readonly customStopTriggers?: readonly string[];
  readonly grammar?: unknown;
  readonly functions?: { readonly [name: string]: { readonly description?: string; readonly params?: object } };
  readonly maxParallelFunctionCalls?: number;
  /** `strategy` makes a conversation shorter that does not fit the context. */
  readonly contextShift: { readonly strategy: () => { readonly chatHistory: LlamaHistory; readonly metadata: null } };
  readonly onResponseChunk: (chunk: { readonly type?: "segment"; readonly text: string }) => void;
  readonly onFunctionCallParamsChunk?: (chunk: {
    readonly callIndex: number;
    readonly functionName: string;
    readonly paramsChunk: string;
    readonly done: boolean;
  }) => void;
}
