import type { Locator, Page } from "playwright-core";
import { until } from "../../support/until.js";

/** VS Code, as a person sees it. Everything waits for what it needs to see. */
export class Workbench {
  readonly page: Page;
  readonly #quickInput: Locator;

  constructor(page: Page) {
    this.page = page;
    this.#quickInput = page.locator(".quick-input-widget");
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

  /** The notification that contains a text. */
  notification(text: string | RegExp): Locator {
    return this.page.locator(".notification-toast").filter({ hasText: text });
  }

  /** All that are shown. */
  async clearNotifications(): Promise<void> {
    const toasts = this.page.locator(".notification-toast");
    for (let left = await toasts.count(); left > 0; left = await toasts.count()) {
      // The button is visible only under the pointer.
      await toasts.last().locator(".codicon-notifications-clear").dispatchEvent("click");
      await until("the notification is gone", async () => (await toasts.count()) < left);
    }
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
