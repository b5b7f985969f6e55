// Upload with a bar: the file goes as the body of one request, so that neither side holds it whole.
// Without this script the form itself sends it.

const form = document.getElementById("upload");
const bar = document.getElementById("upload-progress");
const problem = document.getElementById("upload-problem");

function tell(text) {
  problem.hidden = false;
  document.getElementById("upload-error").textContent = text;
  bar.hidden = true;
  form.querySelector("button").disabled = false;
}

form.addEventListener("submit", (event) => {
  const file = form.elements.table.files[0];
  if (!file) return;
  event.preventDefault();
  problem.hidden = true;
  bar.hidden = false;
  form.querySelector("button").disabled = true;
  const request = new XMLHttpRequest();
  request.open("POST", `/port/upload?name=${encodeURIComponent(file.name)}`);
  request.setRequestHeader("content-type", "application/octet-stream");
  request.setRequestHeader("x-csrf-token", form.elements[form.dataset.tokenField].value);
  request.setRequestHeader("accept", "application/json");
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.querySelector("progress").value = total ? loaded / total : 0;
    const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
    bar.querySelector("span").textContent = form.dataset.sending
      .replace("{done}", megabytes(loaded))
      .replace("{total}", megabytes(total));
  });
  request.addEventListener("load", () => {
    if (request.status === 201) {
      location.assign(JSON.parse(request.responseText).location);
      return;
    }
    // The answer to a refusal is a page; its first fact says what is wrong.
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    tell(page.querySelector(".facts dd")?.textContent?.trim() || form.dataset.failed);
  });
  request.addEventListener("error", () => tell(form.dataset.failed));
  request.send(file);
});
