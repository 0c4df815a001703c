import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../src/version.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const bin = join(packageRoot, "bin", "ragctl.ts");

function ragctl(args: string[], options: { cwd?: string; node?: string[]; env?: Record<string, string> } = {}) {
  const cwd = options.cwd ?? tempDir();
  const { status, stdout, stderr } = spawnSync(process.execPath, [...(options.node ?? []), bin, ...args], {
    cwd,
    encoding: "utf8",
    timeout: 60_000,
    env: { PATH: process.env["PATH"], HOME: cwd, XDG_STATE_HOME: join(cwd, ".state"), ...options.env },
  });
  return { status, stdout, stderr };
}

test("the real process: version, help, a mistake, each with its exit code and its stream", () => {
  expect(ragctl(["--version"])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: "" });
  expect(ragctl([])).toMatchObject({ status: 0, stdout: expect.stringContaining("Usage: ragctl COMMAND"), stderr: "" });
  expect(ragctl(["statsu"])).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining('did you mean "status"?') });
});

test("init, check and show in a directory of a user's, with a secret in the environment", () => {
  const cwd = tempDir();
  expect(ragctl(["init", "--quiet"], { cwd })).toMatchObject({ status: 0, stderr: "" });
  expect(ragctl(["init"], { cwd }).status).toBe(7);
  expect(ragctl(["config", "check"], { cwd }).status).toBe(0);
  const text =
    'clusters: { a: { topology: routed, store: { driver: qdrant, apiKey: "${KEY}" }, nodes: [{ id: a, url: "http://h" }] } }\n';
  writeFileSync(join(cwd, "ragctl.config.yaml"), text);
  const missing = ragctl(["config", "show"], { cwd });
  expect(missing).toMatchObject({ status: 2, stdout: "" });
  expect(missing.stderr).toContain("ragctl.config.yaml:1: clusters.a.store.apiKey: the environment variable KEY is not set");
  expect(missing.stderr).not.toMatch(/\n +at /);
  const shown = ragctl(["config", "show"], { cwd, env: { KEY: "s3cret-key" } });
  expect(shown).toMatchObject({ status: 0, stdout: expect.stringContaining('apiKey: "***"'), stderr: "" });
});

test("a TypeScript config is run by node itself, and its own mistakes are a sentence", () => {
  const good = tempDir({
    "ragctl.config.ts":
      'const url: string = "http://h";\nexport default { clusters: { a: { topology: "routed", store: { driver: "qdrant" }, nodes: [{ id: "a", url }] } } };\n',
  });
  expect(ragctl(["config", "check"], { cwd: good })).toMatchObject({ status: 0 });
  const bad = tempDir({ "ragctl.config.ts": 'import "./not-there.ts";\nexport default {};\n' });
  const { status, stderr } = ragctl(["config", "check"], { cwd: bad });
  expect(status).toBe(2);
  expect(stderr).toMatch(/^error: ragctl\.config\.ts: could not be run: /);
  expect(stderr).not.toMatch(/\n +at /);
});

test("a Node that is too old gets one clear line", () => {
  const pretend =
    'data:text/javascript,Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.11.0" } })';
  expect(ragctl(["--version"], { node: ["--import", pretend] })).toEqual({
    status: 2,
    stdout: "",
    stderr: "ragctl needs Node 22.19 or newer; this is 20.11.0.\n",
  });
});

test("a reader that goes away is no error", async () => {
  const child = spawn(process.execPath, [bin, "config", "schema"], { cwd: tempDir(), stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [status] = (await once(child, "close")) as [number];
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
