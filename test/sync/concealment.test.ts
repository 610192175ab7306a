import { inspect } from "node:util";
import { expect } from "chai";
import { resolveSettings } from "#dist/settings/resolve-settings.js";
import { parseKeys } from "#dist/sync/key-ring.js";
import { KEY } from "../support/mirrors.js";

describe("what settings show of themselves", () => {
  it("is where Redis is, and of names, passwords and keys whether there are any", () => {
    const redis = { url: "redis://anna:pass@127.0.0.1:7000/2", sentinels: ["127.0.0.1"], sentinelPassword: "word" };
    const result = resolveSettings({ redis, keys: [KEY], env: {} });
    if ("problems" in result) throw new Error("Expected settings");
    const { address, keys } = result.settings;
    expect([address.password, address.sentinels!.password, keys[0]!.bytes.length]).to.deep.equal(["pass", "word", 32]);
    const shown = JSON.parse(JSON.stringify(result.settings)) as Record<string, unknown>;
    expect(shown["keys"]).to.deep.equal([{ id: parseKeys(KEY)[0]!.id }]);
    expect(shown["address"]).to.deep.include({ host: "127.0.0.1", port: 7000, username: "(set)", password: "(set)" });
    for (const each of [result.settings, address, address.sentinels, keys[0]]) {
      const text = inspect(each, { depth: 5, showHidden: true });
      expect(text).not.to.match(/anna|'pass'|'word'|bytes/);
    }
    expect(inspect(address)).to.contain("port: 7000").and.to.contain("password: '(set)'");
  });

  it("tells none from some", () => {
    const result = resolveSettings({ env: {} });
    if ("problems" in result) throw new Error("Expected settings");
    expect(JSON.parse(JSON.stringify(result.settings.address))).not.to.have.any.keys("username", "password");
  });
});
