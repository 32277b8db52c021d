/** What is shown over the page: the answer of a preview, and short notices. */
import type { Answer } from "./control";
import type { CrowdToast } from "./elements/furniture";
import { word } from "./words";

/** Show the answer that would have been sent. */
export function showAnswer(answer: Answer): void {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", word("your_answer"));
  dialog.className = "crowd-answer";
  dialog.style.cssText = "max-width: 40rem; width: 90%; background: var(--labeling-back); color: var(--labeling-text)";
  const title = document.createElement("p");
  title.textContent = word("your_answer");
  const text = document.createElement("pre");
  text.style.cssText = "white-space: pre-wrap; overflow-wrap: anywhere";
  text.textContent = JSON.stringify(answer, null, 2);
  const close = document.createElement("button");
  close.textContent = word("close");
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  dialog.append(title, text, close);
  document.querySelector("dialog.crowd-answer")?.remove();
  document.body.append(dialog);
  dialog.showModal();
}

/** Show a sentence for a few seconds. */
export function showNotice(text: string): void {
  const toast = document.createElement("crowd-toast") as CrowdToast;
  toast.text = text;
  toast.duration = 6000;
  document.body.append(toast);
  toast.show();
  setTimeout(() => toast.remove(), 7000);
}
