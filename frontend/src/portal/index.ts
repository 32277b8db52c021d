/** The worker portal's script: the task page, and the language on the help page. */

import { Service } from "./service";
import { TaskPage } from "./task-page";

const start = document.getElementById("start");
if (start) {
  const page = new TaskPage(JSON.parse(start.textContent ?? "{}"));
  void page.run();
}
const REFRESH_MS = 10_000;
const jobs = document.querySelector("main[data-refresh]");
if (jobs) setInterval(() => void refresh(jobs), REFRESH_MS);
const language = document.querySelector<HTMLSelectElement>("#language select");
language?.addEventListener("change", async () => {
  const service = new Service(language.dataset.path ?? "", language.dataset.token ?? "");
  await service.ask("/settings", { language: language.value });
  location.reload();
});

/** Refresh the list of jobs, unless the person is using it. */
async function refresh(shown: Element): Promise<void> {
  if (document.visibilityState !== "visible" || shown.contains(document.activeElement)) return;
  const response = await fetch(location.href).catch(() => null);
  if (!response?.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const now = page.querySelector("main[data-refresh]");
  if (now && now.innerHTML !== shown.innerHTML) shown.replaceChildren(...now.childNodes);
}
