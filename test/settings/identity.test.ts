import { expect } from "chai";
import { Identity } from "redis-mirrored";
import { localUserId } from "#dist/settings/identity.js";

describe("the identity", () => {
  it("is an id of this machine and user, the same each time, unless something is said", () => {
    const { current } = new Identity({ env: {} });
    expect(current).to.match(/^[^@]+@[^@]+-[0-9a-f]{6}$/);
    expect(current).to.equal(localUserId());
  });

  it("is the option, else the variable", () => {
    expect(new Identity({ userId: "option", env: { ROO_USER_ID: "variable" } }).current).to.equal("option");
    expect(new Identity({ env: { ROO_USER_ID: "variable" } }).current).to.equal("variable");
  });

  it("is asked for at each save where a function gives it, and nobody where that gives none", () => {
    let userId: string | undefined = "first";
    const identity = new Identity({ userId: () => userId, env: {} });
    expect(identity.current).to.equal("first");
    userId = undefined;
    expect(identity.current).to.equal(undefined);
    userId = "";
    expect(identity.current).to.equal(undefined);
  });

  it("changes with the sign-in", () => {
    const identity = new Identity({ userId: "first" });
    identity.set("second");
    expect(identity.current).to.equal("second");
    identity.set(undefined);
    expect(identity.current).to.equal(undefined);
  });
});
