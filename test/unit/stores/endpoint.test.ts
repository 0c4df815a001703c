import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { clusterSchema, type ClusterConfig } from "../../../src/config/schema.ts";
import { endpointOf, poolOptionsOf } from "../../../src/stores/endpoint.ts";
import { driverFor } from "../../../src/stores/index.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

function cluster(store: Record<string, unknown>, file?: string): ClusterConfig {
  const parsed = clusterSchema.parse({
    topology: "routed",
    store: { driver: "qdrant", ...store },
    nodes: [
      { id: "q1", url: "http://q1:6333" },
      { id: "q2", url: "https://q2/db", apiKey: "own" },
    ],
  });
  return { ...parsed, name: "prod", source: { kind: "config", ...(file && { file }) } };
}
const tlsDir = fileURLToPath(new URL("../../data/tls/", import.meta.url));

describe("the endpoint of a node", () => {
  it("has the store's api key, or its own", () => {
    const config = cluster({ apiKey: "shared", timeout: "2s" });
    expect(config.nodes.map((node) => endpointOf(config, node))).toEqual([
      { id: "q1", url: "http://q1:6333", apiKey: "shared", timeoutMs: 2000 },
      { id: "q2", url: "https://q2/db", apiKey: "own", timeoutMs: 2000 },
    ]);
    const plain = cluster({});
    expect(endpointOf(plain, plain.nodes[0]!)).toEqual({ id: "q1", url: "http://q1:6333" });
  });

  it("has its TLS files read, relative to the config", () => {
    const tls = { caFile: "ca.pem", certFile: "client.pem", keyFile: join(tlsDir, "client.key"), serverName: "q" };
    const config = cluster({ tls }, join(tlsDir, "ragctl.config.yaml"));
    const endpoint = endpointOf(config, config.nodes[1]!);
    expect(endpoint.tls).toEqual({
      ca: expect.stringMatching(/^-----BEGIN CERTIFICATE/) as string,
      cert: expect.stringMatching(/^-----BEGIN CERTIFICATE/) as string,
      key: expect.stringMatching(/^-----BEGIN PRIVATE KEY/) as string,
      serverName: "q",
    });
    expect(poolOptionsOf(driverFor(config), endpoint)).toEqual({
      origin: "https://q2/db",
      headers: { "api-key": "own" },
      tls: endpoint.tls,
    });
  });

  it("without a config file: relative to the directory that is given", () => {
    const config = cluster({ tls: { caFile: "ca.pem" } });
    expect(endpointOf(config, config.nodes[0]!, tlsDir).tls!.ca).toContain("BEGIN CERTIFICATE");
  });

  it("names every file that is wrong, and where it was said", () => {
    const dir = tempDir();
    writeFileSync(join(dir, "ca.pem"), "not a certificate");
    mkdirSync(join(dir, "key.pem"));
    const file = join(dir, "ragctl.config.yaml");
    const config = cluster({ tls: { caFile: "ca.pem", certFile: "gone.pem", keyFile: "key.pem" } }, file);
    const path = (field: string) => `clusters.prod.store.tls.${field}`;
    expect(() => endpointOf(config, config.nodes[0]!)).toThrow(
      expect.objectContaining({
        exitCode: 2,
        details: [
          { file, path: path("caFile"), message: `${join(dir, "ca.pem")} is not a PEM file` },
          { file, path: path("certFile"), message: `${join(dir, "gone.pem")} cannot be read: no such file` },
          { file, path: path("keyFile"), message: expect.stringContaining("cannot be read") as string },
        ],
      }) as Error,
    );
    const half = cluster({ tls: { certFile: "client.pem" } }, join(tlsDir, "x.yaml"));
    expect(() => endpointOf(half, half.nodes[0]!)).toThrow("belong together");
  });
});
