// Fetches what the atlas draws and then lets its own script draw it. The script reads its data from
// an element, as in the self-contained page of `entrepot atlas`.

const place = document.getElementById("data");
const waiting = document.getElementById("atlas-waiting");

async function load() {
  for (;;) {
    const response = await fetch(place.dataset.from);
    if (response.status === 200) return response.text();
    if (response.status !== 202) throw new Error(String(response.status));
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
}

try {
  place.textContent = await load();
  waiting.hidden = true;
  await import("/law/atlas/parts/page.js");
} catch {
  waiting.textContent = waiting.dataset.failed;
}
