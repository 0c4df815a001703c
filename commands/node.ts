import { usageError } from "../src/errors.ts";
import { nodeResultSchema } from "../src/node/result.ts";
import { defineCommand } from "./define.ts";
import { flag } from "./flags.ts";

export default defineCommand({
  details: `One small durable server that speaks the part of Qdrant's REST API that ragctl and @qdrant/js-client-rest use:
collections, points, search with filters, scroll, count, aliases. For rehearsal, demos and CI: it has no cluster mode.
What it does not implement it answers with 501 and a sentence.

Runs until it is stopped (Ctrl-C, SIGTERM). The line on stdout, or with --json the document, says at once where it listens. An acknowledged write survives
kill -9; with --fsync also a power failure.`,
  flags: {
    port: flag.count({ description: "port to listen on; 0: any free one", default: 6333 }),
    host: flag.string({ description: "address to listen on", default: "127.0.0.1" }),
    dir: flag.file({ placeholder: "dir", description: "data directory", default: ".ragctl/node" }),
    apiKeyEnv: flag.string({ placeholder: "name", description: "environment variable that holds the api key to ask for" }),
    fsync: flag.boolean({ description: "sync each write to the disk" }),
  },
  examples: [
    ["ragctl node --port 6333 --dir data/node-1", "serves on http://127.0.0.1:6333 until stopped"],
    ["ragctl node --port 0 --api-key-env NODE_KEY", "any free port, asking for the key in $NODE_KEY"],
  ],
  resultSchema: nodeResultSchema,
  async run({ flags }, { runtime, announce }) {
    const { port, host, dir, fsync, apiKeyEnv } = flags;
    if (port > 65_535) throw usageError([{ path: "--port", message: `expected a port from 0 to 65535, got ${port}` }]);
    const apiKey = apiKeyEnv === undefined ? undefined : runtime.env[apiKeyEnv];
    if (apiKeyEnv !== undefined && !apiKey)
      throw usageError([{ path: "--api-key-env", message: `the environment variable ${apiKeyEnv} is not set` }]);
    const { runNode } = await import("../src/node/run.ts");
    const { event: _, ...result } = await runNode(runtime, { port, host, dir, apiKey, fsync }, async ({ event: __, ...said }) => {
      await announce(said);
    });
    return { result };
  },
  // One line, as the supervisor's nodes print it: what starts a node reads where it is.
  human: (result) => JSON.stringify({ event: "listening", ...result }),
});
