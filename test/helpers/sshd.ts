import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";

export interface TestSshd {
  host: string;
  port: number;
  user: string;
  identityFile: string;
  options: string[];
  stop(): Promise<void>;
}

/**
 * An sshd of the test's own, with keys of its own: nothing of the system's is read or changed.
 * @param dir a temporary directory
 * @param settings.path put before PATH of what it runs; settings.namespace a network namespace that it runs in
 */
export async function startSshd(
  dir: string,
  sshd: string,
  settings: { host?: string; port: number; path?: string; namespace?: string },
): Promise<TestSshd> {
  const { host = "127.0.0.1", port, path, namespace } = settings;
  const at = (name: string) => join(dir, name);
  for (const name of ["host_key", "user_key"])
    if (!existsSync(at(name))) execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at(name)]);
  writeFileSync(at("authorized_keys"), readFileSync(at("user_key.pub")));
  writeFileSync(at("known_hosts"), `[${host}]:${port} ${readFileSync(at("host_key.pub"), "utf8")}`);
  writeFileSync(
    at("sshd_config"),
    [
      `Port ${port}`,
      `ListenAddress ${host}`,
      `HostKey ${at("host_key")}`,
      `PidFile ${at("sshd.pid")}`,
      `AuthorizedKeysFile ${at("authorized_keys")}`,
      "PubkeyAuthentication yes",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "PermitRootLogin prohibit-password",
      "StrictModes no",
      "UsePAM no",
      `SetEnv PATH=${path ? `${path}:` : ""}/usr/local/bin:/usr/bin:/bin`,
    ].join("\n"),
  );
  // Where sshd keeps its empty room; its package makes it when the service starts.
  if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const command = [sshd, "-D", "-e", "-f", at("sshd_config")];
  const [file, ...args] = namespace ? ["ip", "netns", "exec", namespace, ...command] : command;
  const child = spawn(file!, args, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (chunk) => (log += chunk));
  await untilItListens(host, port, child, () => log);
  return {
    host,
    port,
    user: userInfo().username,
    identityFile: at("user_key"),
    options: [`UserKnownHostsFile=${at("known_hosts")}`, "GlobalKnownHostsFile=/dev/null", "IdentityAgent=none"],
    async stop() {
      if (child.exitCode !== null) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function untilItListens(host: string, port: number, child: ChildProcess, log: () => string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) throw new Error(`sshd ended: ${log()}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = createConnection({ host, port }, () => resolve(true));
      socket.on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`sshd does not listen: ${log()}`);
}
