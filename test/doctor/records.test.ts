import { expect } from "chai";
import { parseKeys } from "redis-mirrored";
import { KEY, saveBriefly } from "../support/mirrors.js";
import { RedisServer } from "../support/redis-server.js";
import { expectOne, findingsAt, of, troubles } from "./diagnosis.js";

const OTHER_KEY = Buffer.alloc(32, 7).toString("base64url");
const [ID, OTHER_ID] = parseKeys(`${KEY},${OTHER_KEY}`).map(({ id }) => id) as [string, string];
const PROFILES = { apiConfigs: { default: { apiKey: "sk-canary" } } };
const PROVIDER = "roo:alice:provider";

describe("the doctor, of the records", () => {
  let server: RedisServer;
  before(async () => (server = await RedisServer.start()));
  after(() => server.kill());
  beforeEach(async () => void (await (await server.client()).flushAll()));

  it("names them, and says that they can be read", async () => {
    expectOne(await findingsAt(server.port), "records", "ok", "Redis holds no record of `alice` yet.");
    expectOne(await findingsAt(server.port), "decryption", "ok", "Nothing of this user is encrypted there yet.");
    await saveBriefly(server.port, {}, { provider: PROFILES, customInstructions: "Be brief." });
    const found = await findingsAt(server.port);
    expectOne(found, "records", "ok", "Redis holds 2 records of `alice`: customInstructions and provider.");
    expectOne(found, "decryption", "ok", "The one encrypted value of this user can be read");
    expect(troubles(found)).to.deep.equal([]);
    expect(JSON.stringify(found)).not.to.contain("canary");
    await saveBriefly(server.port, {}, { mcpSettings: { a: 1 } });
    expectOne(await findingsAt(server.port), "decryption", "ok", "All 2 encrypted values");
  });

  it("says which key is missing for what is there, and how to bring it", async () => {
    await saveBriefly(server.port, {}, { provider: PROFILES });
    const found = await findingsAt(server.port, { keys: [OTHER_KEY] });
    expectOne(
      found,
      "decryption",
      "error",
      `1 value in Redis (provider) is encrypted with the key ${ID}, which is not here`,
      "`keys=own,other`",
    );
    expect(found.find(({ check }) => check === "decryption")!.remedy).to.contain("Import Mirror Key");
    expectOne(await findingsAt(server.port, { keys: [OTHER_KEY, KEY] }), "decryption", "ok", "can be read");
    // What is not known here has a name that may be anything.
    const header = Buffer.from(JSON.stringify({ alg: "dir", enc: "A256GCM", kid: "\u001b[2J" })).toString("base64url");
    await (await server.client()).set(PROVIDER, `{"protected":"${header}","iv":"","ciphertext":"","tag":"","aad":""}`);
    expectOne(await findingsAt(server.port), "decryption", "error", "in a form that is not known here", "Update");
    expect(JSON.stringify(await findingsAt(server.port))).not.to.contain("[2J");
  });

  it("says what has the right key's name, and does not decrypt", async () => {
    await saveBriefly(server.port, {}, { provider: PROFILES });
    const client = await server.client();
    const stored = JSON.parse((await client.get(PROVIDER))!) as { tag: string };
    await client.set(PROVIDER, JSON.stringify({ ...stored, tag: `${"A".repeat(21)}A` }));
    const found = await findingsAt(server.port);
    expectOne(found, "decryption", "error", "1 encrypted value (provider) cannot be decrypted", "history RECORD");
  });

  it("asks for no key where it is not known whether there is one", async () => {
    await saveBriefly(server.port, {}, { provider: PROFILES });
    const secrets = { get: () => Promise.reject(new Error("locked")), store: () => Promise.resolve() };
    const found = await findingsAt(server.port, { keys: [], secrets });
    expect(of(found, "decryption")).to.deep.equal([]);
    expect(of(found, "skipped")).to.deep.equal([]);
    expectOne(found, "keys", "error", "cannot be read");
    expect(OTHER_ID).not.to.equal(ID);
  });

  it("says what is not the mirror's, and that nobody's records are looked at where nobody is signed in", async () => {
    await (await server.client()).set("roo:alice:5:", "somebody's");
    const [records, strangers] = of(await findingsAt(server.port), "records");
    expect(records).to.include({ severity: "ok" });
    expect(strangers).to.include({ severity: "note", message: "1 key under the user's name is not the mirror's." });
    expect(strangers!.remedy).to.contain("migrate");
    const found = await findingsAt(server.port, { userId: () => undefined });
    expect([...of(found, "records"), ...of(found, "skipped")]).to.deep.equal([]);
    expectOne(found, "rights", "ok", "all that the mirror does");
  });
});
