/** The config that `clawgate init` writes: little that is set, and the first things a user will want to, in comments. */

/** `token` must need no escaping in a JSON5 string. */
export function firstConfig(token: string): string {
  return `// Clawgate's config, in JSON5: comments and trailing commas are welcome, and \${NAME} in a string is an
// environment variable. Lines that begin with // show what else there is; take the // away to use one.
//   clawgate config check     is this file right?
//   clawgate config schema    every key there is, for an editor
//   clawgate doctor           what is wrong, and what to do about it
{
  gateway: {
    port: 18789,
    bind: "loopback", // this machine only; "lan" lets others in, who need the token as well
    auth: {
      mode: "token",
      // OpenAI clients send it as their API key. Keep it to yourself: it may do all that the agents may.
      token: "${token}",
      // Locks an address out for five minutes after ten wrong tokens in a minute. A must with bind: "lan".
      // rateLimit: {},
    },
    // The OpenAI-compatible API. It is off unless a config says this.
    http: { endpoints: { chatCompletions: { enabled: true } } },
  },

  agents: {
    defaults: {
      // The language model of every agent that names none. With no line here: OpenAI, Anthropic or Google, the first of
      // which OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY is set; else a running Ollama; else a small built-in
      // one that needs no network and is no match for any of them.
      // model: "openai/gpt-5.4", // with OPENAI_API_KEY in the environment
      // model: "ollama/qwen3", // any name that \`ollama list\` shows
      // model: "local/qwen3", // a model of the provider "local" below
      // model: { primary: "openai/gpt-5.4", fallbacks: ["local/qwen3"] }, // the next is asked when one fails
    },
    entries: {
      main: {
        default: true, // model: "openclaw" in a request means this agent
        systemPrompt: "You are a helpful assistant. Use your tools to calculate, to tell the time and to remember what you are asked to.",
        tools: ["calculator", "current_time", "memory_save", "memory_recall"],
      },
      // A second agent, reached with model: "openclaw:brief". It may have a model of its own.
      // brief: { systemPrompt: "You answer in one short sentence.", tools: [] },
      // A third one, with instructions in files, tools of the MCP server "files" below, web pages, and limits.
      // worker: {
      //   workspace: "./workspace", // a folder that you make; its AGENTS.md and SOUL.md are instructions too
      //   tools: {
      //     allow: ["calculator", "http_fetch", "files__*"], // <server>__<tool>, or all of a server's
      //     timeoutMs: 30000, // for one call
      //     maxOutputBytes: 32768, // of one result, that the model sees
      //     httpFetch: { allowHosts: ["*.example.org"] }, // without it any public host
      //   },
      //   maxTurns: 8, // calls of the model in one run
      // },
    },
  },

  // Providers: whatever speaks OpenAI's API, such as Ollama on another machine, vLLM, LM Studio or OpenRouter;
  // with api: "anthropic-messages" or "google-generative-ai", whatever speaks Anthropic's or Google's.
  // models: {
  //   providers: {
  //     local: { baseUrl: "http://127.0.0.1:11434/v1", models: [{ id: "qwen3" }] },
  //     openrouter: { baseUrl: "https://openrouter.ai/api/v1", apiKey: "\${OPENROUTER_API_KEY}" },
  //   },
  // },

  // MCP servers: programs that are started, or addresses. An agent has their tools only when its own tools name them.
  // mcp: {
  //   servers: {
  //     files: { command: "npx", args: ["-y", "@modelcontextprotocol/server-filesystem", "/srv/files"] },
  //     tickets: { url: "https://mcp.example.org/mcp", headers: { authorization: "Bearer \${TICKETS_TOKEN}" } },
  //   },
  // },
}
`;
}
