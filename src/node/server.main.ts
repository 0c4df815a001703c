// The process that the supervisor starts: `server.main --port N --dir DIR [--host H] [--api-key-env NAME] [--fsync]`.
// One JSON line on stdout: {"event":"listening",…}, or {"event":"failed",…} and the exit code of the error.
import { parseArgs } from "node:util";
import { usageError } from "../errors.ts";
import { processRuntime } from "../runtime.ts";
import { version } from "../version.ts";
import { reportFailure } from "./failure.ts";
import { runNode } from "./run.ts";

try {
  const { values } = parseArgs({
    options: {
      port: { type: "string" },
      host: { type: "string", default: "127.0.0.1" },
      dir: { type: "string" },
      "api-key-env": { type: "string" },
      fsync: { type: "boolean", default: false },
    },
  });
  const { port, host, dir } = values;
  if (!/^\d{1,5}$/.test(port ?? "") || dir === undefined) throw usageError([{ message: "needs --port N and --dir DIR" }]);
  const keyName = values["api-key-env"];
  const apiKey = keyName === undefined ? undefined : process.env[keyName];
  if (keyName !== undefined && !apiKey) throw usageError([{ path: "--api-key-env", message: `${keyName} is not set` }]);
  await runNode(processRuntime(version), { port: Number(port), host, dir, apiKey, fsync: values.fsync }, (listening) => {
    process.stdout.write(`${JSON.stringify(listening)}\n`);
  });
} catch (error) {
  const { line, text, exitCode } = reportFailure(error);
  process.stdout.write(`${line}\n`);
  process.stderr.write(`${text}\n`);
  process.exitCode = exitCode;
}
