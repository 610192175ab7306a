import { expect } from "chai";
import { type HostSettings, Identity, type MirrorOptions } from "redis-mirrored";
import { HOST_SETTING_NAMES } from "#dist/settings/host-settings.js";
import { readSettings } from "#dist/settings/resolve-settings.js";
import { describeProblem } from "#dist/settings/settings.js";

const ENV = {
  REDIS_ENABLED: "false",
  REDIS_HOST: "from.environment",
  REDIS_PORT: "1111",
  REDIS_USERNAME: "environment",
  REDIS_DB: "1",
  REDIS_TLS: "true",
  ROO_USER_ID: "environment",
  ROO_INSTANCE_ID: "environment",
  ROO_MIRROR_SHARE: "live",
  ROO_MIRROR_COMPRESSION: "true",
};

const SET = {
  enabled: true,
  host: "from.setting",
  port: 2222,
  username: "setting",
  database: 2,
  tls: false,
  userId: "setting",
  instanceId: "setting",
  share: "off",
  compression: false,
};

describe("the settings that a host has of its own", () => {
  const given = (values: Record<string, unknown>): HostSettings => ({ given: (name) => values[name] });

  function read(options: MirrorOptions) {
    const { result, sources } = readSettings({ env: ENV, ...options });
    if ("problems" in result) return { problems: result.problems.map(describeProblem), sources };
    const { address, isEnabled, instanceId, isSharedLive, isCompressing } = result.settings;
    const { host, port, username, database, tls } = address;
    const all = { isEnabled, host, port, username, database, tls, instanceId, isSharedLive, isCompressing };
    return { ...all, userId: new Identity({ env: ENV, ...options }).current, sources };
  }

  it("are all that are read, no more and no fewer", () => {
    expect(HOST_SETTING_NAMES).to.have.members(Object.keys(SET));
  });

  it("have a password to be asked for, before the environment's and behind what the host says of it", () => {
    const askPassword = async () => "kept";
    const addressOf = (redis: MirrorOptions["redis"], kept: unknown = askPassword) => {
      const settings = { ...given({}), askPassword: kept as typeof askPassword };
      const { result } = readSettings({ env: { REDIS_PASSWORD: "environment" }, settings, ...(redis && { redis }) });
      return "settings" in result ? result.settings.address : undefined;
    };
    expect(addressOf(undefined)).to.include({ askPassword, password: "environment" });
    expect(addressOf({ password: "said" }))
      .to.include({ password: "said" })
      .and.not.to.have.property("askPassword");
    const said = async () => "asked of the host";
    expect(addressOf({ password: said })).to.include({ askPassword: said });
    expect(addressOf(undefined, "no function")).not.to.have.property("askPassword");
    const inUrl = addressOf({ url: "redis://:said@redis.example" });
    expect(inUrl).to.include({ password: "said" }).and.not.to.have.property("askPassword");
    expect(addressOf({ url: "redis://redis.example" })).to.include({ askPassword });
  });

  it("go before the environment, each of them", () => {
    const { sources, ...values } = read({ settings: given(SET) });
    expect(values).to.deep.equal({
      isEnabled: true,
      host: "from.setting",
      port: 2222,
      username: "setting",
      database: 2,
      tls: undefined,
      userId: "setting",
      instanceId: "setting",
      isSharedLive: false,
      isCompressing: false,
    });
    for (const option of ["enabled", "redis.host", "redis.tls", "share"])
      expect(sources.get(option)!.from, option).to.equal("VS Code setting");
  });

  it("go behind an option", () => {
    const options: MirrorOptions = { redis: { port: 3333 }, userId: "option", compression: true };
    expect(read({ settings: given(SET), ...options })).to.deep.include({
      port: 3333,
      userId: "option",
      isCompressing: true,
      host: "from.setting",
    });
  });

  for (const nothing of [undefined, null, ""]) {
    it(`leave it to the environment where one is ${nothing === undefined ? "not set" : JSON.stringify(nothing)}`, () => {
      const values = Object.fromEntries(Object.keys(SET).map((name) => [name, nothing]));
      expect(read({ settings: given({ ...values, enabled: true }) })).to.deep.include({
        host: "from.environment",
        port: 1111,
        userId: "environment",
        isSharedLive: true,
      });
    });
  }

  it("are refused by their own names, and say nothing of who got in their place", () => {
    const settings = given({ ...SET, port: 0, tls: "maybe", userId: 7, share: "now", host: 5 });
    expect(read({ settings }).problems).to.have.members([
      "Expected `redisMirrored.userId` to be a string, got `7` (number)",
      "Expected `redisMirrored.host` to be a string, got `5` (number)",
      "Expected `redisMirrored.port` to be an integer from 1 to 65535, got `0` (number)",
      "Expected `redisMirrored.tls` to be true or false, got `maybe` (string)",
      "Expected `redisMirrored.share` to be `off` or `live`, got `now` (string)",
    ]);
  });

  it("are not overridden by a URL of the environment, which says what they leave open", () => {
    const env = { REDIS_URL: "rediss://app:secret@from.url:4444/4" };
    expect(read({ env, settings: given({ host: "from.setting", tls: false }) })).to.deep.include({
      host: "from.setting",
      port: 4444,
      username: "app",
      database: 4,
      tls: undefined,
    });
    const { sources } = read({ env, settings: given({ host: "from.setting" }) });
    expect(sources.get("redis.host")!.from).to.equal("VS Code setting");
    expect(sources.get("redis.port")!.from).to.equal("environment");
  });

  it("are overridden by a URL that is an option", () => {
    const redis = { url: "redis://from.option:5555" };
    expect(read({ redis, settings: given(SET) })).to.deep.include({ host: "from.option", port: 5555, database: 2 });
  });

  it("do not change who is signed in, and are read anew where nobody is", () => {
    let userId: string | undefined = "first";
    const options = { env: ENV, settings: { given: (name: string) => (name === "userId" ? userId : undefined) } };
    const identity = new Identity(options);
    expect(identity.current).to.equal("first");
    userId = "second";
    identity.configure(options);
    expect(identity.current).to.equal("second");
    identity.set("signed in");
    userId = "third";
    identity.configure(options);
    expect(identity.current).to.equal("signed in");
  });
});
