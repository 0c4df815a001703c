import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LoadResult } from "../../src/load/result.ts";
import { runCli } from "../helpers/fake-runtime.ts";
import { startNginx, type Nginx } from "../helpers/nginx.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const refusing = "location /teapot { return 418; } location /cut { return 444; }";

describe.skipIf(!serviceBinary("nginx"))(`ragctl load against a real nginx${skipReason("nginx")}`, () => {
  let nginx: Nginx;
  beforeAll(async () => {
    nginx = await startNginx({ locations: refusing });
  });
  afterAll(() => nginx.stop());

  async function load(path: string, ...flags: string[]): Promise<{ exitCode: number; result: LoadResult }> {
    const line = [
      "load",
      "--url",
      `${nginx.url}${path}`,
      "--rps",
      "100",
      "--duration",
      "1s",
      "--warmup",
      "0s",
      "--json",
      ...flags,
    ];
    const { exitCode, json } = await runCli(line, { cwd: tempDir() });
    return { exitCode, result: json().result };
  }

  test("everything that was due is sent and answered", async () => {
    const { exitCode, result } = await load("", "--method", "POST", "--threshold", "p99<5s");
    expect(result.counts).toMatchObject({ scheduled: 100, sent: 100, ok: 100, errors: 0, dropped: 0, unfinished: 0 });
    expect(exitCode).toBe(0);
  });

  test("a server that refuses is found out before the run", async () => {
    const { exitCode } = await load("teapot");
    expect(exitCode).toBe(3);
  });

  test("connections that are closed without an answer are found out too", async () => {
    const { exitCode } = await load("cut");
    expect(exitCode).toBe(3);
  });
});
