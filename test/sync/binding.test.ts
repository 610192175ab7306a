import { expect } from "chai";
import sinon from "sinon";
import { Codec } from "#dist/sync/codec.js";
import { encrypt } from "#dist/sync/encryption.js";
import { FixedKeyRing, parseKeys } from "#dist/sync/key-ring.js";
import { KeySpace } from "#dist/sync/keys.js";
import { MemoryMemento } from "#dist/sync/memento.js";
import { Catalogue } from "#dist/sync/records.js";
import { RedisSyncService } from "#dist/sync/redis-sync-service.js";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY } from "../support/mirrors.js";

const PROVIDER = { userId: "alice", record: "provider" };
const REDIS_KEY = "roo:alice:provider";
const ring = new FixedKeyRing(parseKeys(KEY));
const version = (ms: number) => `${1_699_999_000_000 + ms}-0000-other`;
const at = (ms: number) => encrypt(`{"saved":${ms}}`, REDIS_KEY, ring, version(ms));

describe("a secret in Redis that is not what was saved there", () => {
  let timers: sinon.SinonFakeTimers;
  let gateway: FakeGateway;
  let memento: MemoryMemento;
  let service: RedisSyncService;
  let unreadable: string[];
  beforeEach(() => {
    timers = sinon.useFakeTimers({
      now: 1_700_000_000_000,
      toFake: ["setTimeout", "clearTimeout", "performance", "Date"],
    });
    gateway = new FakeGateway();
    memento = new MemoryMemento();
    start();
  });
  afterEach(() => timers.restore());

  function start(): void {
    unreadable = [];
    const codec = new Codec(ring);
    service = new RedisSyncService({ gateway, catalogue: new Catalogue(), keySpace: new KeySpace(), codec, memento });
    service.on("unreadable", ({ detail }) => void unreadable.push(detail));
  }

  function lay(value: string, its: string | undefined): void {
    gateway.store.set(REDIS_KEY, value);
    if (its === undefined) gateway.model.versions.delete(REDIS_KEY);
    else gateway.model.versions.set(REDIS_KEY, { version: its, isDeleted: false });
  }

  async function expectAbsent(what: string): Promise<void> {
    unreadable.length = 0;
    expect(await service.find(PROVIDER), what).to.equal(undefined);
    expect(unreadable, what).to.have.lengthOf(1);
    expect(unreadable[0], what).not.to.contain("saved");
  }

  it("is refused with any single bit of it flipped", async () => {
    const bytes = Buffer.from(await at(1));
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      lay(flipped.toString(), version(1));
      await expectAbsent(`bit ${bit}`);
    }
  });

  it("is refused at each length to which it may be cut", async () => {
    const text = await at(1);
    for (let length = 0; length < text.length; length++) {
      lay(text.slice(0, length), version(1));
      await expectAbsent(`${length} characters`);
    }
  });

  it("is refused where `alg`, `enc`, `kid` or `ver` was changed, taken out or added to", async () => {
    const jwe = JSON.parse(await at(1)) as Record<string, string>;
    const header = JSON.parse(Buffer.from(jwe["protected"]!, "base64url").toString()) as Record<string, unknown>;
    for (const changes of [
      { alg: "none" },
      { enc: "A128GCM" },
      { kid: "unknown-key" },
      { ver: version(2) },
      { ver: "latest" },
      { ver: undefined },
      { zip: "DEF" },
    ]) {
      const changed = Buffer.from(JSON.stringify({ ...header, ...changes })).toString("base64url");
      lay(JSON.stringify({ ...jwe, protected: changed }), version(1));
      await expectAbsent(JSON.stringify(changes));
    }
  });

  it("is refused where another user's, another record's or another instance's was moved there", async () => {
    for (const origin of ["roo:bob:provider", "roo:alice:mcpSettings", "roo:alice:laptop:provider"]) {
      lay(await encrypt('{"saved":1}', origin, ring, version(1)), version(1));
      await expectAbsent(origin);
    }
  });

  it("is refused where it is an older one under the version of a later one", async () => {
    lay(await at(1), version(2));
    await expectAbsent("replayed");
    expect(unreadable).to.deep.equal(["It was encrypted for another version."]);
  });

  for (const [title, its] of [
    ["with its version", version(1)],
    ["without one", undefined],
  ] as const)
    it(`is refused where an older one was put back ${title}, and a later one was seen here, also before a restart`, async () => {
      lay(await at(2), version(2));
      expect(await service.get(PROVIDER)).to.deep.equal({ saved: 2 });
      await service.close();
      gateway.isClosed = false;
      start();
      lay(await at(1), its);
      await expectAbsent("replayed");
      expect(unreadable[0]).to.match(/^It is older than what was seen/);
    });

  it("is read where its version is lost, and is not older than what was seen", async () => {
    lay(await at(2), undefined);
    expect(await service.find(PROVIDER)).to.include({ version: version(2) });
  });

  it("is not taken over where it is an older one that is said to be news", async () => {
    lay(await at(2), version(2));
    await service.get(PROVIDER);
    for (const [value, its] of [
      [await at(1), version(9)],
      [await at(1), version(1)],
    ] as const) {
      lay(value, its);
      const adopt = sinon.spy();
      expect(await service.adoptRemote(PROVIDER, adopt)).to.equal(false);
      expect(adopt.callCount).to.equal(0);
    }
    expect(unreadable).to.have.lengthOf(2);
  });

  it("gives way to what the local store holds, where that is compared with it", async () => {
    lay(await at(2), version(2));
    await service.get(PROVIDER);
    lay(await at(1), version(1));
    service.compare(PROVIDER, { local: true });
    await timers.tickAsync(1_000);
    expect(unreadable).to.have.lengthOf(1);
    expect(await service.get(PROVIDER)).to.deep.equal({ local: true });
  });

  it("is refused among the kept versions too, where it lies under another version", async () => {
    lay(await at(9), version(9));
    const kept = new Map([
      [version(1), await at(1)],
      [version(2), await at(1)],
    ]);
    gateway.model.kept.set(REDIS_KEY, kept);
    expect(await service.readVersion(PROVIDER, version(1))).to.deep.equal({ saved: 1 });
    for (const read of [service.readVersion(PROVIDER, version(2)), service.restoreVersion(PROVIDER, version(2))])
      expect(await read.catch((error: unknown) => error)).to.have.property("code", "UNREADABLE_VALUE");
  });
});
