/** @type {import('jest').Config} */
export default {
  testEnvironment: "node",
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: { "^.+\\.ts$": ["@swc/jest", { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "es6" } }] },
  modulePathIgnorePatterns: ["<rootDir>/dist/"],
  // Ten times what the longest of them takes: on a machine that is busy with other things slowness is no failure.
  testTimeout: 120_000,
  // Of two at work one waits half of its time, for processes and for silence.
  maxWorkers: 3,
};
