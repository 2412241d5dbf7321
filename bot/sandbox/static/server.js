// All that the page says to the server and hears from it.

async function answer(response) {
  if (response.ok) return response.json();
  const text = await response.text();
  let error = text || "The sandbox did not answer.";
  try { error = JSON.parse(text).error; } catch { /* it was no JSON: the sentence itself */ }
  throw new Error(error);
}

async function request(...args) {
  try {
    return await fetch(...args);
  } catch {
    throw new Error("The sandbox has ended. Start it again with dreambot sandbox.");
  }
}

export async function get(path) {
  return answer(await request(path));
}

export async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return answer(await request(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** Do something as a person in a channel; files are lists by the name of their field. */
export async function act(action, files = {}) {
  const form = new FormData();
  form.append("action", JSON.stringify(action));
  for (const [name, list] of Object.entries(files)) for (const file of list) form.append(name, file, file.name);
  return answer(await request("/action", { method: "POST", body: form }));
}

/** Follow what a person sees; returns how to stop. */
export function follow(person, onNews, onState) {
  const stream = new EventSource(`/events?as=${encodeURIComponent(person)}`);
  let isFirst = true;
  stream.onopen = () => { isFirst = true; onState(true); };
  stream.onerror = () => onState(false);
  stream.onmessage = (event) => { onNews(JSON.parse(event.data), isFirst); isFirst = false; };
  return () => stream.close();
}
