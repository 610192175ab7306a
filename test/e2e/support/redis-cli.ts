import { spawnSync } from "node:child_process";
import { findRedisCli } from "../../support/redis-cli.js";
import type { RedisServer } from "../../support/redis-server.js";

/** What `redis-cli` prints: what an operator sees. */
export function redisCli({ port }: RedisServer, ...command: string[]): string {
  const options = ["-h", "127.0.0.1", "-p", String(port), "--raw", "--no-auth-warning"];
  const { stdout, stderr, status } = spawnSync(findRedisCli() ?? "redis-cli", [...options, ...command], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}
