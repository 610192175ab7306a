import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { MirrorOptions } from "redis-mirrored";
import { ADMIN, IS_LIMITED, mirrorRules } from "../support/limited-account.js";
import { RedisServer } from "../support/redis-server.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { type Canary, canary, keyCanary, Plantation } from "./canaries.js";
import type { Evidence } from "./evidence.js";
import { WireRecord } from "./wire-record.js";

/** An account's name has no blanks, and a URL has to be able to hold both. */
const USERNAME = canary("the account's name", (core) => `user-${core}`);
const PASSWORD = canary("the password", (core) => `p@:/#?%&"\\${core}/ü`);

export const KEYS = { first: keyCanary("first key"), older: keyCanary("older key") };

/** Members that hosts, and the migration, look for by name. */
const KNOWN_NAMES = new Set(["currentApiConfigName", "apiConfigs", "mcpServers", "id", "ts", "apiKey"]);

const SECRETS = new Plantation("a secret in");
const PLANTED_PROFILES = SECRETS.plantIn(
  {
    currentApiConfigName: "work",
    apiConfigs: {
      work: {
        id: "p1",
        apiProvider: "anthropic",
        apiKey: "k",
        openAiApiKey: "k",
        awsSessionToken: "t",
        openAiBaseUrl: "https://user:password@host/?key=k",
        openAiHeaders: { Authorization: "Bearer k" },
        vertexJsonCredentials: '{"private_key":"k"}',
        codebaseIndex: { deep: [{ er: ["k"] }], isOn: true, size: 7, none: null },
      },
    },
    modeApiConfigs: { code: "p1" },
  },
  KNOWN_NAMES,
  "profiles",
) as { apiConfigs: Record<string, unknown> };
/** The profile in use is one of them. */
export const PROFILES = { ...PLANTED_PROFILES, currentApiConfigName: Object.keys(PLANTED_PROFILES.apiConfigs)[0]! };
export const MCP_SETTINGS = SECRETS.plantIn(
  {
    mcpServers: {
      search: { command: "npx", args: ["--token", "t"], env: { API_TOKEN: "t" }, cwd: "/home" },
      remote: { type: "sse", url: "https://user:password@host/sse?token=t", headers: { Authorization: "Bearer t" } },
    },
  },
  KNOWN_NAMES,
  "MCP settings",
);

/** May be in Redis, as they are no secrets, and nowhere else: no line and no event shows what a value holds. */
const VALUES = new Plantation("a value in");
export const TASKS = [1, 2, 3].map((index) => ({
  id: `task-${index}`,
  ts: Date.now() - index * 60_000,
  task: VALUES.plant(`task ${index}`),
}));
export const INSTRUCTIONS = VALUES.plant("instructions");

/** What somebody put into Redis: it is there because it is there, and may be shown by nobody. */
export const PLANTED = new Plantation("planted in Redis,");
/** What is in the host alone, and on its way nowhere. */
export const UNSENT = new Plantation("in the host,");

/** May be nowhere but in the command by which a client logs in. */
export const SECRET: readonly Canary[] = [USERNAME, PASSWORD, ...Object.values(KEYS), ...SECRETS.canaries];
/** May not be said, shown or thrown. */
export const unspeakable = (): readonly Canary[] => [
  ...SECRET,
  ...VALUES.canaries,
  ...PLANTED.canaries,
  ...UNSENT.canaries,
];

/** A way in which Redis is of no use, or less. */
export interface Trouble {
  readonly name: string;
  begin(bed: CanaryBed): Promise<unknown>;
  end(bed: CanaryBed): Promise<unknown>;
}

export const HEALTHY: Trouble = { name: "healthy", begin: async () => {}, end: async () => {} };

export const TROUBLES: readonly Trouble[] = [
  HEALTHY,
  { name: "down", begin: (bed) => bed.cut("refuses"), end: (bed) => bed.cut("passes") },
  { name: "black hole", begin: (bed) => bed.cut("swallows"), end: (bed) => bed.cut("passes") },
  {
    name: "wrong password",
    begin: async (bed) => {
      await bed.order("ACL", "SETUSER", USERNAME.text, "resetpass", ">another");
      await bed.order("CLIENT", "KILL", "USER", USERNAME.text);
    },
    end: (bed) => bed.order("ACL", "SETUSER", USERNAME.text, "resetpass", `>${PASSWORD.text}`),
  },
  {
    name: "out of memory",
    begin: (bed) => bed.order("CONFIG", "SET", "maxmemory", "1"),
    end: (bed) => bed.order("CONFIG", "SET", "maxmemory", "0"),
  },
  {
    name: "no permission",
    begin: (bed) => bed.order("ACL", "SETUSER", USERNAME.text, "resetkeys"),
    end: (bed) => bed.order("ACL", "SETUSER", USERNAME.text, "~roo:*"),
  },
  { name: "garbage", begin: (bed) => bed.plantGarbage(), end: (bed) => bed.order("FLUSHALL") },
];

/** A server that asks for an account, the wire to it, on which every byte is recorded, and what the server does besides. */
export class CanaryBed {
  readonly server: RedisServer;
  readonly proxy: TcpProxy;
  readonly #wire: WireRecord;
  readonly #monitor: { socket: Socket; pieces: Buffer[] };

  private constructor(server: RedisServer, proxy: TcpProxy, monitor: Socket) {
    this.server = server;
    this.proxy = proxy;
    this.#wire = new WireRecord(proxy);
    this.#monitor = { socket: monitor, pieces: [] };
    monitor.on("data", (chunk) => this.#monitor.pieces.push(chunk)).on("error", () => {});
  }

  static async open(): Promise<CanaryBed> {
    const server = await RedisServer.start("--user", USERNAME.text, "on", "nopass", ...mirrorRules());
    const monitor = connect(server.port, "127.0.0.1");
    if (IS_LIMITED) monitor.write(`AUTH ${ADMIN.username} ${ADMIN.password}\r\n`);
    monitor.write("MONITOR\r\n");
    await once(monitor, "data");
    const bed = new CanaryBed(server, await TcpProxy.start(server.port), monitor);
    // Not on the command line, which has a notation of its own for such a password.
    await bed.order("ACL", "SETUSER", USERNAME.text, "resetpass", `>${PASSWORD.text}`);
    return bed;
  }

  /** Past the wire. */
  async order(...command: string[]): Promise<unknown> {
    return (await this.server.client()).sendCommand(command);
  }

  async cut(mode: "refuses" | "swallows" | "passes"): Promise<void> {
    this.proxy.mode = mode;
    if (mode !== "swallows") this.proxy.cutAll();
  }

  get redis(): NonNullable<MirrorOptions["redis"]> {
    return { host: "127.0.0.1", port: this.proxy.port, username: USERNAME.text, password: PASSWORD.text };
  }

  /** As a person would write it. */
  get url(): string {
    return `redis://${USERNAME.text}:${encodeURIComponent(PASSWORD.text)}@127.0.0.1:${this.proxy.port}`;
  }

  /** Each name of ours holds something that is not ours, or is ours and broken. */
  async plantGarbage(): Promise<void> {
    const plant = (place: string) => PLANTED.plant(place);
    const header = (content: object) => Buffer.from(JSON.stringify(content)).toString("base64url");
    for (const name of (await this.order("KEYS", "*")) as string[]) await this.order("DEL", name);
    const values: Record<string, string> = {
      provider: JSON.stringify({ apiConfigs: { [plant("a name in the open")]: { apiKey: plant("an open value") } } }),
      mcpSettings: JSON.stringify({
        // Which key it is may be said, and is: an id is no secret.
        protected: header({ alg: "dir", enc: "A256GCM", kid: "somebody-else" }),
        iv: plant("an iv"),
        ciphertext: plant("a ciphertext"),
        tag: plant("a tag"),
      }),
      customInstructions: `${plant("no JSON")} is no JSON`,
      taskHistory: `[{"id":"task-1","ts":1,"task":"${plant("a broken list")}`,
      pinnedApiConfigs: `{"__proto__":{"${plant("a name")}":1},"a":${"[".repeat(50)}`,
    };
    for (const [record, value] of Object.entries(values)) {
      await this.order("SET", `roo:alice:${record}`, value);
      await this.order("SET", `roo:alice:~version:${record}`, plant(`the version of ${record}`));
      await this.order(
        "HSET",
        `roo:alice:~kept:${record}`,
        // Shown as it is: versions and ids say which one is meant.
        "no version at all",
        plant(`what is kept of ${record}`),
      );
    }
    const index = `task-1 ${plant("an item's version")} 1`;
    await this.order(
      "HSET",
      "roo:alice:~items:taskHistory",
      "~index",
      index,
      "~state",
      plant("the state"),
      "task-1",
      plant("an item"),
    );
    await this.order("RPUSH", "roo:alice:customModes", plant("a list"));
  }

  /** All that went over the wire, and what the server did with it. The answer: the commands by which clients logged in. */
  addTraffic(evidence: Evidence): string[] {
    evidence.add("the server's monitor", Buffer.concat(this.#monitor.pieces));
    return this.#wire.addTo(evidence);
  }

  /** All that Redis holds: names and values of each type. */
  async addContent(evidence: Evidence): Promise<void> {
    const client = await this.server.client();
    const readers: Record<string, string[]> = {
      string: ["GET"],
      hash: ["HGETALL"],
      set: ["SMEMBERS"],
      list: ["LRANGE", "0", "-1"],
      zset: ["ZRANGE", "0", "-1"],
      stream: ["XRANGE", "-", "+"],
    };
    for (const name of await client.keys("*")) {
      const [command, ...range] = readers[await client.type(name)]!;
      const reply = await client.sendCommand([command!, name, ...range], { typeMapping: { 36: Buffer } });
      evidence.add("Redis, a name", name);
      for (const each of [reply].flat(3)) evidence.add(`Redis, ${name}`, each as unknown as Buffer);
    }
  }

  async close(): Promise<void> {
    this.#monitor.socket.destroy();
    await this.proxy.stop();
    await this.server.kill();
  }
}
