// Times as Discord writes them, by the sandbox's clock.

const FORMATS = {
  t: { timeStyle: "short" }, T: { timeStyle: "medium" }, d: { dateStyle: "short" }, D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" }, F: { dateStyle: "full", timeStyle: "short" },
};
const STEPS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
let offset = 0;

/** Set the sandbox's time, in seconds since 1970. */
export function setClock(seconds) { offset = seconds * 1000 - Date.now(); }

export function now() { return new Date(Date.now() + offset); }

export function clockTime(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(undefined, { timeStyle: "short" });
}

export function day(seconds) {
  return new Date(seconds * 1000).toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long" });
}

/** Write every <time> of Discord's below an element. */
export function writeTimes(root) {
  for (const element of root.querySelectorAll("time[data-seconds]")) {
    const at = Number(element.dataset.seconds);
    const ahead = at - now() / 1000;
    if (element.dataset.style === "R") {
      const [unit, size] = STEPS.find(([, size]) => Math.abs(ahead) >= size) ?? STEPS.at(-1);
      element.textContent = relative.format(Math.round(ahead / size), unit);
    } else {
      element.textContent = new Date(at * 1000).toLocaleString(undefined, FORMATS[element.dataset.style]);
    }
  }
}
