import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { expect } from "chai";
import { readSettings } from "#dist/settings/resolve-settings.js";
import type { Settings } from "#dist/settings/settings.js";
import { clusterCli, redisCli } from "#dist/doctor/redis-cli-call.js";
import type { Visit } from "#dist/doctor/visit.js";
import type { MirrorOptions } from "redis-mirrored";
import { makeCertificate } from "../support/certificate.js";
import { RedisServer } from "../support/redis-server.js";
import { TemporaryFolder } from "../support/temporary-folder.js";
import { findingsOf, of } from "./diagnosis.js";

const HERE = { host: "127.0.0.1", port: 7000 };

describe("what the doctor has typed into a shell", () => {
  let folder: TemporaryFolder;
  beforeEach(() => (folder = new TemporaryFolder()));
  afterEach(() => folder.remove());

  function visitOf(options: MirrorOptions): Visit {
    const { result, sources } = readSettings({ env: {}, ...options });
    return { options, sources, ...(result as { settings: Settings }) } as Visit;
  }

  /** What a shell makes of it. */
  function wordsOf(call: string, env: Record<string, string>): string[] {
    const script = join(folder.path, "redis-cli");
    const said = join(folder.path, "words");
    writeFileSync(script, `#!/bin/sh\nprintf '%s\\n' "$@" > '${said}'\n`, { mode: 0o700 });
    const path = [folder.path, process.env["PATH"]].join(delimiter);
    expect(spawnSync("sh", ["-c", call], { env: { ...env, PATH: path } }).status).to.equal(0);
    return readFileSync(said, "utf8").split("\n").slice(0, -1);
  }

  it("goes to the server by host and port", () => {
    expect(redisCli(visitOf({}), HERE, "PING")).to.equal("redis-cli -h 127.0.0.1 -p 7000 PING");
    expect(redisCli(visitOf({}), { host: "::1", port: 1 }, "PING")).to.equal("redis-cli -h ::1 -p 1 PING");
    expect(clusterCli(visitOf({}), "fix", HERE)).to.equal("redis-cli --cluster fix 127.0.0.1:7000");
  });

  it("shows no host that may be a secret", () => {
    const mistaken = { host: "pw$(canary)@host", port: 1 };
    expect(redisCli(visitOf({}), mistaken, "PING")).to.equal("redis-cli -h HOST -p 1 PING");
    expect(clusterCli(visitOf({}), "fix", mistaken)).to.equal("redis-cli --cluster fix HOST:1");
  });

  it("logs in as the account of the environment, and asks for the password", () => {
    const env = { REDIS_USERNAME: "o'ps $HOME", REDIS_PASSWORD: "canary" };
    const call = redisCli(visitOf({ env }), HERE, "PING");
    expect(call).not.to.contain("canary").and.not.to.contain("o'ps");
    expect(wordsOf(call, env)).to.deep.equal([
      "-h",
      "127.0.0.1",
      "-p",
      "7000",
      "--user",
      "o'ps $HOME",
      "--askpass",
      "PING",
    ]);
  });

  it("has a word in the place of an account that is set elsewhere", () => {
    const redis = { username: "canary", password: "canary" };
    expect(redisCli(visitOf({ redis }), HERE)).to.equal("redis-cli -h 127.0.0.1 -p 7000 --user USERNAME --askpass");
  });

  it("speaks TLS where the settings do, and trusts whom they trust", () => {
    expect(redisCli(visitOf({ redis: { tls: true } }), HERE)).to.equal("redis-cli -h 127.0.0.1 -p 7000 --tls");
    const file = join(folder.path, "a CA.pem");
    const { cert } = makeCertificate({});
    writeFileSync(file, cert);
    const env = { REDIS_TLS: "true", REDIS_TLS_CA: file };
    const words = wordsOf(redisCli(visitOf({ env }), HERE), env);
    expect(words.slice(-3)).to.deep.equal(["--tls", "--cacert", file]);
    const call = redisCli(visitOf({ redis: { tls: { ca: cert } } }), HERE);
    expect(call).to.match(/ --tls --cacert CA\.pem$/);
  });

  it("is what the remedies say: pasted, it goes where the mirror goes", async () => {
    const server = await RedisServer.start("--databases", "4");
    try {
      const client = await server.client();
      await client.sendCommand(["ACL", "SETUSER", "o'ps", "on", ">secret", "~*", "&*", "+@all"]);
      await client.sendCommand(["CONFIG", "SET", "maxmemory", "1"]);
      const env = { REDIS_HOST: "127.0.0.1", REDIS_PORT: String(server.port), REDIS_DB: "3" };
      const account = { REDIS_USERNAME: "o'ps", REDIS_PASSWORD: "secret" };
      const [refusing] = of(await findingsOf({ env: { ...env, ...account } }), "rights");
      const [, call] = /`(redis-cli [^`]+)`/.exec(refusing!.remedy!)!;
      expect(call).to.equal(
        `redis-cli -h 127.0.0.1 -p ${server.port} --user "$REDIS_USERNAME" --askpass -n 3 --bigkeys`,
      );
    } finally {
      await server.kill();
    }
  });
});
