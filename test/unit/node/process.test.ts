import { spawnSync } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { main } from "../../../commands/main.ts";
import { fakeRuntime, runCli } from "../../helpers/fake-runtime.ts";
import { schemaProblems } from "../../helpers/json-document.ts";
import { startNode, type StartNodeOptions } from "../../helpers/node.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

async function takenPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** For starts that must fail: one that does not is ended all the same. */
async function startInVain(options: StartNodeOptions): Promise<void> {
  const node = await startNode(options);
  await node.kill();
}

describe("the node's process", () => {
  it("asks for the key that an environment variable holds, but not on its probes", async () => {
    const node = await startNode({ apiKey: "open sesame" });
    onTestFinished(() => node.kill());
    const status = async (path: string, headers: Record<string, string> = {}) =>
      (await fetch(node.url + path, { headers })).status;
    expect(await Promise.all(["/", "/healthz", "/livez", "/readyz"].map((path) => status(path)))).toEqual([200, 200, 200, 200]);
    expect(await status("/collections")).toBe(401);
    expect(await status("/collections", { "api-key": "open sesam" })).toBe(401);
    expect(await status("/collections", { "api-key": "open sesame" })).toBe(200);
    expect(await status("/collections", { authorization: "Bearer open sesame" })).toBe(200);
    expect(await status("/metrics")).toBe(401);
    expect(await node.stop()).toBe(0);
  });

  it("refuses a directory that another node holds, and takes it when that is gone", async () => {
    const dir = tempDir();
    const first = await startNode({ dir });
    onTestFinished(() => first.kill());
    await expect(startInVain({ dir })).rejects.toMatchObject({
      code: "data-dir-locked",
      exitCode: 7,
      message: expect.stringContaining(`process ${first.pid}`) as string,
    });
    await first.kill();
    const second = await startNode({ dir });
    expect(await second.stop()).toBe(0);
  });

  it("says that its port is taken", async () => {
    const port = await takenPort();
    await expect(startInVain({ dir: tempDir(), port })).rejects.toMatchObject({ code: "port-in-use", exitCode: 3 });
  });

  it.each([
    [["--port", "1"], "needs --port N and --dir DIR"],
    [["--port", "x", "--dir", "d"], "needs --port N and --dir DIR"],
    [["--port", "1", "--dir", "d", "--surprise"], "--surprise"],
    [["--port", "1", "--dir", "d", "--api-key-env", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE is not set"],
  ])("refuses %j with exit 2", (args, complaint) => {
    const entry = fileURLToPath(new URL("../../../src/node/server.main.ts", import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [entry, ...args], { encoding: "utf8", cwd: tempDir() });
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ event: "failed", exitCode: 2 });
    expect(stderr).toContain(complaint);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe("ragctl node", () => {
  it("serves until it is interrupted, and says where", async () => {
    const runtime = fakeRuntime({ argv: ["node", "--port", "0", "--dir", "data"], cwd: tempDir() });
    const ended = main(runtime);
    while (runtime.stdoutText() === "") await new Promise((resolve) => setTimeout(resolve, 5));
    const listening = JSON.parse(runtime.stdoutText()) as { url: string; dir: string };
    expect(listening.dir).toBe(`${runtime.cwd}/data`);
    expect(await (await fetch(`${listening.url}/cluster`)).json()).toMatchObject({ result: { status: "disabled" } });
    runtime.interrupt();
    expect(await ended).toBe(0);
    await expect(fetch(listening.url)).rejects.toThrow();
  });

  it("prints its JSON document while it serves, and no other when it ends", async () => {
    const runtime = fakeRuntime({ argv: ["node", "--port", "0", "--dir", "data", "--json"], cwd: tempDir() });
    const ended = main(runtime);
    while (runtime.stdoutText() === "") await new Promise((resolve) => setTimeout(resolve, 5));
    const document = JSON.parse(runtime.stdoutText()) as { result: { url: string } };
    expect(document).toMatchObject({
      schemaVersion: 1,
      command: "node",
      ok: true,
      exitCode: 0,
      result: {
        url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
        pid: process.pid,
        dir: `${runtime.cwd}/data`,
      },
    });
    expect(schemaProblems("node", document)).toEqual([]);
    expect((await fetch(`${document.result.url}/readyz`)).status).toBe(200);
    runtime.interrupt();
    expect(await ended).toBe(0);
    expect(JSON.parse(runtime.stdoutText())).toEqual(document);
  });

  it("refuses what it cannot do, in a sentence", async () => {
    const cwd = tempDir({ file: "" });
    const port = await takenPort();
    const run = async (...argv: string[]) => {
      const { exitCode, stderr } = await runCli(["node", ...argv, "--no-color"], { cwd });
      return `${exitCode} ${stderr.replaceAll(cwd, "DIR").replaceAll(String(port), "PORT")}`;
    };
    expect(await run("--port", "70000")).toMatchInlineSnapshot(`
      "2 error: --port: expected a port from 0 to 65535, got 70000
      "
    `);
    expect(await run("--port", "0", "--api-key-env", "NO_SUCH_KEY")).toMatchInlineSnapshot(`
      "2 error: --api-key-env: the environment variable NO_SUCH_KEY is not set
      "
    `);
    expect(await run("--port", String(port))).toMatchInlineSnapshot(`
      "3 error: port PORT of 127.0.0.1 is in use
      hint: stop what listens there, or choose another --port (0: any free one)
      "
    `);
    expect(await run("--port", "0", "--dir", "file")).toMatchInlineSnapshot(`
      "2 error: cannot use DIR/file as a data directory: EEXIST: file already exists, mkdir 'DIR/file'
      hint: give a directory that can be written, with --dir
      "
    `);
    expect(await run("--port", "0", "--host", "203.0.113.1")).toMatchInlineSnapshot(`
      "2 error: cannot listen on 203.0.113.1:0: listen EADDRNOTAVAIL: address not available 203.0.113.1
      hint: give an address of this machine with --host, and a port that you may use with --port
      "
    `);
  });
});
