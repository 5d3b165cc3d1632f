/** How much of everything is done in a short run and in a full one. The short one looks whether the scenarios work. */
import { paces } from "./streams.ts";

export const efforts = {
  quick: {
    warmUpSeconds: 0.5,
    throughput: { rounds: 3, seconds: 0.3 },
    firstToken: { streams: 60, rounds: 1, seconds: 2 },
    starts: 2,
    cliRounds: 2,
    chunks: { rounds: 3, streams: 16 },
    sessions: { rounds: 3, sessions: 12 },
    connections: 200,
    paces: paces.quick,
    heldStreams: 500,
    storedSessions: 200,
  },
  full: {
    warmUpSeconds: 1.5,
    throughput: { rounds: 5, seconds: 0.8 },
    firstToken: { streams: 200, rounds: 2, seconds: 2 },
    starts: 5,
    cliRounds: 5,
    chunks: { rounds: 7, streams: 32 },
    sessions: { rounds: 7, sessions: 48 },
    connections: 1_000,
    paces: paces.full,
    heldStreams: 5_000,
    storedSessions: 1_000,
  },
} as const;
