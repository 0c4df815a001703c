import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Real services that tests use where they are installed. */
export type Service = "redis-server" | "nginx" | "chromium" | "sshd" | "toxiproxy-server";

/**
 * The path of a service's binary, or undefined: the test skips, with `skipReason`. Where `RAGCTL_TEST_REQUIRE`
 * names the service (`redis-server,nginx`), its absence is an error instead, so that CI cannot skip in silence.
 * `RAGCTL_TEST_TOXIPROXY` is the path of a toxiproxy-server that is not on PATH.
 */
export function serviceBinary(service: Service): string | undefined {
  const named = service === "toxiproxy-server" ? process.env["RAGCTL_TEST_TOXIPROXY"] : undefined;
  if (named !== undefined) return named;
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  const found = folders.map((folder) => join(folder, service)).find(isExecutable);
  if (!found && requiredServices().includes(service))
    throw new Error(`RAGCTL_TEST_REQUIRE asks for ${service}, and it is not installed`);
  return found;
}

/** For the test's title: `(skipped: no redis-server)`. */
export function skipReason(service: Service): string {
  return serviceBinary(service) ? "" : ` (skipped: no ${service})`;
}

function requiredServices(): string[] {
  return (process.env["RAGCTL_TEST_REQUIRE"] ?? "").split(",").map((name) => name.trim());
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
