import { expect } from "chai";
import { expectChinese, inChinese } from "../support/chinese.js";
import { ExtensionWindows } from "../support/extension-window.js";
import { FakeWindow } from "../support/fake-window.js";
import { RedisServer } from "../support/redis-server.js";
import { freePorts } from "../support/server-process.js";
import { startTlsServer } from "../support/tls-servers.js";

describe("Test Connection in a Chinese window", () => {
  const windows = new ExtensionWindows();
  afterEach(() => windows.closeAll());

  /** The message, without the actions that it offers, and the lines of the log. */
  async function testConnection(set: Record<string, unknown>): Promise<{ message: string; lines: string[] }> {
    const window = new FakeWindow();
    window.translate = inChinese;
    await windows.open({ window, set });
    await window.run("redisMirrored.testConnection");
    const message = /^error (.*) \[显示日志\]$/.exec(window.shown.at(-1)!)?.[1];
    expect(message, window.shown.at(-1)).to.be.a("string");
    return { message: message!, lines: window.lines };
  }

  it("says what is wrong and what to do in Chinese, and to the log in English", async () => {
    const guarded = await RedisServer.start("--requirepass", "secret");
    const { message, lines } = await testConnection({ host: "127.0.0.1", port: guarded.port });
    await guarded.kill();
    expectChinese(message);
    expect(message).to.equal(
      "镜像无法工作。服务器要求密码，而设置中没有密码。请设置“密码”；若账户不是默认账户，还请设置“redisMirrored.username”。",
    );
    expect(lines).to.include(
      "info [error] authentication: The server wants a password, and the settings have none. → Set the password, and redisMirrored.username where the account is not the default one.",
    );
  });

  it("names the server, the command and the settings as they are", async () => {
    const [port] = await freePorts(1);
    const { message } = await testConnection({ host: "127.0.0.1", port });
    expectChinese(message);
    expect(message).to.equal(
      `镜像无法工作。127.0.0.1:${port} 拒绝连接：该端口上没有服务在监听。请在本机启动 Redis（\`redis-server --port ${port}\`），或更正“redisMirrored.host 和 redisMirrored.port”。`,
    );
  });

  it("says what a setting has to be, in the words of the window", async () => {
    const { message } = await testConnection({ port: "many" });
    expectChinese(message);
    expect(message).to.contain("`redisMirrored.port` 不符合要求，应为：1 到 65535 的整数。");
  });

  it("says in Chinese, too, what the engine says of a certificate", async () => {
    const { server, tlsPort } = await startTlsServer();
    const { message } = await testConnection({ host: "127.0.0.1", port: tlsPort, tls: true });
    await server.kill();
    expectChinese(message);
    expect(message).to.match(
      /：服务器的证书被拒绝（[A-Z_]+）：没有受信任的机构为其担保；.*不会发送任何内容，包括密码。/,
    );
  });
});
