/** The worker portal's script: the task page, and the language on the help page. */

import { TaskPage } from "./page.ts";
import { Service } from "./service.ts";

const start = document.getElementById("start");
if (start) {
  const page = new TaskPage(JSON.parse(start.textContent ?? "{}"));
  void page.run();
}
const language = document.querySelector<HTMLSelectElement>("#language select");
language?.addEventListener("change", async () => {
  const service = new Service(language.dataset.path ?? "", language.dataset.token ?? "");
  await service.ask("/settings", { language: language.value });
  location.reload();
});
