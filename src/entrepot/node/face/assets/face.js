// What every page gets when JavaScript runs; each page works without it.
"use strict";

addEventListener("DOMContentLoaded", () => {
  // The summary of errors takes the focus, so that it is read first.
  document.querySelector("[data-focus]")?.focus();

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = button.dataset.done;
    });
  }
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
  // A form is sent once, however often its button is pressed.
  for (const form of document.querySelectorAll("form[method=post]")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
      setTimeout(() => delete form.dataset.sent, 3000);
    });
  }
  // Documents are hashed here and stay here: only their SHA-256 goes into the form.
  for (const chooser of document.querySelectorAll("input[data-hash-into]")) {
    chooser.removeAttribute("name");
    chooser.addEventListener("change", async () => {
      const field = document.getElementById(chooser.dataset.hashInto);
      const lines = field.value.split("\n").filter((line) => line.trim());
      for (const file of chooser.files) {
        const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
        lines.push([...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join(""));
      }
      field.value = [...new Set(lines)].join("\n");
      chooser.value = "";
    });
  }
  for (const part of document.querySelectorAll("[data-needs-script]")) part.hidden = false;
});
