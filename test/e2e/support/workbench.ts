import type { Locator, Page } from "playwright-core";
import { until } from "../../support/until.js";

/** VS Code, as a person sees it. Everything waits for what it needs to see. */
export class Workbench {
  readonly page: Page;
  readonly #quickInput: Locator;
  readonly #notificationCenter: Locator;

  constructor(page: Page) {
    this.page = page;
    this.#quickInput = page.locator(".quick-input-widget");
    this.#notificationCenter = page.locator(".notifications-center");
  }

  async open(url: string): Promise<void> {
    await this.page.goto(url);
    await this.page.locator(".monaco-workbench .part.statusbar").waitFor();
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.page.locator(".monaco-workbench .part.statusbar").waitFor();
  }

  /** The mirror's item in the status bar. */
  get statusItem(): Locator {
    return this.page.locator('[id="redis-mirrored.redis-mirrored.redisMirrored.status"] .statusbar-item-label');
  }

  /** What is read aloud of it: how the mirror is, since when, why, and what to do. */
  async status(): Promise<string> {
    return (await this.statusItem.getAttribute("aria-label")) ?? "";
  }

  /** The answer is the status bar's once it matches. */
  async untilStatus(expected: RegExp): Promise<string> {
    let status = "";
    try {
      return await until(
        `the status bar says ${expected}`,
        async () => {
          status = await this.status();
          return expected.test(status) && status;
        },
        20_000,
      );
    } catch (error) {
      throw new Error(`Expected the status bar to say ${expected}, got: ${status}`, { cause: error });
    }
  }

  /** From the palette, by its whole title: "Redis Mirror: Sync Now". */
  async runCommand(title: string): Promise<void> {
    const entry = this.#quickInput.locator(`.monaco-list-row[aria-label^="${title}"]`).first();
    await until(
      `the palette has ${title}`,
      async () => {
        await this.page.keyboard.press("F1");
        const isThere = await this.#lookFor(title, entry).then(
          () => true,
          () => false,
        );
        // It lists what was there when it was opened, and extensions may come later.
        if (!isThere) await this.page.keyboard.press("Escape");
        return isThere;
      },
      20_000,
    );
    await entry.click();
  }

  /** @throws Error where it is not there, or an editor that opened just then has closed the palette. */
  async #lookFor(title: string, entry: Locator): Promise<void> {
    await this.#quickInput.locator("input.input").fill(`>${title}`, { timeout: 2_000 });
    await entry.waitFor({ timeout: 3_000 });
  }

  /** Of a list that is open, the first entry that says so; one that begins with an icon is read with its name first. */
  async pick(label: string): Promise<void> {
    const entry = this.#quickInput.locator(`.monaco-list-row[aria-label*="${label}"]`).first();
    await entry.click();
  }

  /** The entry at an index, from 0. */
  async pickNth(index: number): Promise<void> {
    await this.#quickInput.locator(`.monaco-list-row[data-index="${index}"]`).click();
  }

  /** The entries of the list under a title, each as it is read aloud. */
  async quickPick(title: string): Promise<string[]> {
    await this.#quickInput.locator(".quick-input-title").getByText(title).waitFor();
    const rows = this.#quickInput.locator(".monaco-list-row");
    await rows.first().waitFor();
    return rows.evaluateAll((elements) => elements.map((element) => element.getAttribute("aria-label") ?? ""));
  }

  /** Into the box that is open, and on. */
  async type(text: string): Promise<void> {
    await this.#quickInput.locator("input.input").fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** The notification that contains a text, once there is one. */
  async notification(text: string | RegExp): Promise<Locator> {
    const found = this.page.locator(".notification-list-item").filter({ hasText: text }).first();
    const bell = this.page.locator("[id='status.notifications'] .statusbar-item-label");
    await until(
      `a notification says ${text}`,
      async () => {
        if (await found.isVisible()) return true;
        // Where many come within a second VS Code shows some only below its bell.
        const isRinging = await bell.locator(".codicon-bell-dot").isVisible();
        if (isRinging && !(await this.#notificationCenter.isVisible())) await bell.click();
        return found.isVisible();
      },
      20_000,
    );
    return found;
  }

  async clearNotifications(): Promise<void> {
    if (await this.#notificationCenter.isVisible())
      await this.#notificationCenter.locator(".codicon-notifications-clear-all").click();
    const toasts = this.page.locator(".notification-toast");
    await until("no notification is left", async () => {
      if ((await toasts.count()) === 0) return true;
      const button = toasts.last().locator(".codicon-notifications-clear");
      // It is visible only under the pointer; and some go by themselves just then.
      await button.dispatchEvent("click", undefined, { timeout: 1_000 }).catch(() => {});
      return false;
    });
  }

  /** The text of the editor that is open, as far as it is in view. */
  async editorText(): Promise<string> {
    const lines = this.page.locator(".editor-instance .view-lines").last();
    return (await lines.innerText()).replaceAll("\u00a0", " ");
  }

  /** Below the icon of that name at the left. */
  async openView(name: string): Promise<void> {
    await this.page.locator(`.activitybar .action-item a[aria-label^="${name}"]`).click();
  }

  /** What is shown beside what the pointer rests on. */
  get hover(): Locator {
    return this.page.locator(".monaco-hover:visible");
  }

  /** So that its lines can be read whole. */
  async widenSideBar(): Promise<void> {
    const { x, width, height } = (await this.page.locator(".part.sidebar").boundingBox())!;
    await this.page.mouse.move(x + width + 2, height / 2);
    await this.page.mouse.down();
    await this.page.mouse.move(x + width + 110, height / 2, { steps: 4 });
    await this.page.mouse.up();
  }

  /** The lines of the view that is open, as they are read. */
  get treeRows(): Locator {
    return this.page.locator(".sidebar .monaco-list-row");
  }

  /** The question that nothing can be done beside. */
  get dialog(): Locator {
    return this.page.locator(".monaco-dialog-box");
  }

  async answer(button: string): Promise<void> {
    await this.dialog.getByRole("button", { name: button, exact: true }).click();
  }
}
