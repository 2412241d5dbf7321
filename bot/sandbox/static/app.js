// The page: whose eyes it sees with, which channel is open, and what stands in it.
import { setUpComposer } from "./composer.js";
import { $, avatar, h, plain } from "./dom.js";
import { showForm } from "./form.js";
import { showMenu } from "./menu.js";
import { drawMessage } from "./message.js";
import { act, follow, get } from "./server.js";
import { clockTime, day, now, setClock, writeTimes } from "./times.js";
import { setUpTrouble } from "./trouble.js";
import { setUpTry } from "./try.js";

const QUICK = ["❤️", "👍", "😮", "⭐"];
const FOLLOWS_SECONDS = 300;
const NEAR_END = 120; // pixels
const log = $("messages");
let following = true;

const setting = await get("/setting");
let person = "Alice";
let stop = () => {};
let channels = [], channel = null;
let said = new Map(); // by channel: the messages by id, in their order
let read = new Map(); // by person and channel: the newest message that was seen
let known = { slash: [], message: [], user: [], entities: { users: [], roles: [], channels: [] } };
let pending = [], sending = Promise.resolve();
let standing = { faults: [] };

const place = () => ({ as: person, channel: channel?.id });

// Notices

let noticeEnds;
function complain(sentence) {
  $("notice").textContent = sentence;
  $("notice").hidden = false;
  clearTimeout(noticeEnds);
  noticeEnds = setTimeout(() => { $("notice").hidden = true; }, 10000);
}

// Doing

async function use(message, action) {
  const at = place();
  try { show(await act({ ...at, message: message?.id, ...action }), at); } catch (error) { complain(error.message); }
}

function show(answer, at) {
  if (answer.form) showForm(answer, at, known.entities, (next) => show(next, at));
}

/** Send one after the other, so that they arrive in order; a message stands in the channel at once. */
function send(action, files = {}) {
  const at = place();
  makeRoom();
  const ghost = action.do === "send" && {
    id: `pending-${Math.random()}`, pending: true, at, author: setting.people.find(({ name }) => name === person),
    seconds: now() / 1000, html: "", text: action.text, attachments: [], embeds: [], components: [], reactions: [],
  };
  if (ghost) { pending.push(ghost); draw(true); }
  sending = sending.then(async () => {
    try { show(await act({ ...at, ...action }, files), at); } catch (error) {
      complain(error.message);
      if (ghost && action.text && !$("text").value) $("text").value = action.text;
    }
    if (ghost) { pending = pending.filter((other) => other !== ghost); draw(); }
  });
}

/** Close what one can try where the window is small: it would hide the answer. */
function makeRoom() {
  if (innerWidth < 700 || innerHeight < 700) tryPanel.toggle(false);
}

const deeds = {
  use,
  reply: (message) => composer.reply(message),
  jump: (id) => {
    const element = $(`message-${id}`);
    if (!element) return complain("That message is gone, or in another channel.");
    element.scrollIntoView({ block: "center" });
    element.focus();
  },
  react: (message, emoji) => {
    const on = !message.reactions.some((one) => one.emoji === emoji && one.mine);
    use(message, { do: "react", emoji, on });
  },
  profile: (author, anchor) => {
    const items = known.user.map((name) => [name, () => use(null, { do: "menu", name, user: author.id })]);
    showMenu(anchor, [[`Be ${author.name}`, () => become(author.name)], ...items].filter(([, action], at) => at || setting.people.some(({ name }) => name === author.name)));
  },
  more: (message, anchor) => {
    const apps = message.ephemeral ? [] : known.message.map((name) => [`Apps › ${name}`, () => use(message, { do: "menu", name })]);
    const emojis = message.ephemeral ? [] : QUICK.map((emoji) => [`React ${emoji}`, () => deeds.react(message, emoji)]);
    const items = [
      ...apps, ...emojis,
      ["Copy text", () => navigator.clipboard?.writeText(message.text || plain(message.html))],
    ];
    if (message.mine || (person === "Admin" && channel.kind !== "dm")) items.push(["Delete message", () => use(message, { do: "delete" })]);
    showMenu(anchor, items);
  },
};

const composer = setUpComposer({ place, commands: () => known, send, complain });
const showTrouble = setUpTrouble(complain);
const tryPanel = setUpTry(setting, (preset, file) => {
  send({ do: "send", text: `!dream ${preset}` }, { file: [file] });
}, complain);

// Seeing

function become(name) {
  if (!setting.people.some((other) => other.name === name)) return;
  person = name;
  said = new Map();
  channels = [];
  $("channels").inert = true;  // until this person's are there
  composer.leave();
  for (const input of document.querySelectorAll("#people input")) input.checked = input.value === name;
  stop();
  stop = follow(person, take, (isThere) => {
    if (!isThere) complain("The sandbox does not answer; it may have ended.");
    else $("notice").hidden = true;
  });
}

function take(news, isFirst) {
  if (isFirst) said = new Map();
  setClock(news.seconds);
  standing = news;
  if (news.channels) channels = news.channels;
  for (const [id, { order, messages }] of Object.entries(news.changed ?? {})) {
    const before = said.get(id) ?? new Map();
    const newer = new Map(messages.map((message) => [message.id, message]));
    said.set(id, new Map(order.map((key) => [key, newer.get(key) ?? before.get(key)])));
    if (isFirst && !read.has(`${person} ${id}`)) read.set(`${person} ${id}`, order.at(-1) ?? "0");
  }
  if (news.channels) {
    const same = channels.find(({ id }) => id === channel?.id);
    const wanted = same ?? channels.find(({ kind, name }) => kind === channel?.kind && name === channel?.name) ?? channels[0];
    if (wanted) openChannel(wanted);
  } else if (news.changed?.[channel?.id]) draw();
  drawChannels();
  tick();
}

async function openChannel(next) {
  const isOther = channel?.id !== next.id;
  if (channel && isOther) makeRoom();
  channel = next;
  $("channel-name").textContent = (channel.kind === "dm" ? "@" : "#") + channel.name;
  $("topic").textContent = channel.topic || (channel.kind === "dm" ? `You and ${channel.name}, alone` : "");
  $("text").placeholder = `Message ${$("channel-name").textContent}`;
  document.title = `${$("channel-name").textContent} · Dreambot’s sandbox`;
  if (isOther) { $("messages").replaceChildren(); drawn.clear(); composer.leave(); }
  draw(isOther);
  drawChannels();
  try { known = await get(`/commands?as=${encodeURIComponent(person)}&channel=${channel.id}`); } catch (error) { complain(error.message); }
  draw();
}

function drawChannels() {
  const groups = Map.groupBy ? Map.groupBy(channels, ({ server }) => server ?? "Direct message") : grouped(channels);
  const buttons = [...groups].map(([server, list]) => h("section", { "aria-label": server }, h("h2", {}, server), list.map((item) => {
    const newest = [...(said.get(item.id) ?? new Map()).keys()].at(-1) ?? "0";
    const isOpen = item.id === channel?.id;
    if (isOpen) read.set(`${person} ${item.id}`, newest);
    const isUnread = BigInt(newest) > BigInt(read.get(`${person} ${item.id}`) ?? "0");
    return h("button", {
      type: "button", class: [item.kind, isUnread && "unread"].filter(Boolean).join(" "), "data-channel": item.id,
      "aria-current": isOpen ? "page" : undefined, onclick: () => { openChannel(item); showSidebar(false); },
    }, item.kind === "dm" ? "@ " : "# ", item.name, isUnread ? h("span", { class: "dot" }, h("span", { class: "sr" }, "unread")) : null);
  })));
  const focused = document.activeElement?.closest("#channels [data-channel]")?.dataset.channel;
  $("channels").replaceChildren(...buttons);
  $("channels").inert = !channels.length;
  if (focused) $("channels").querySelector(`[data-channel="${focused}"]`)?.focus();
}

function grouped(list) {
  const groups = new Map();
  for (const item of list) {
    const key = item.server ?? "Direct message";
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return groups;
}

/** Scroll to the end, unless the person has scrolled away from it. */
function followOn() {
  if (following) log.scrollTop = log.scrollHeight;
}

const drawn = new Map(); // the elements of the open channel, by message, with what they were drawn from

/** Bring the open channel up to date, one message after the other, without touching those that are as they were. */
function draw(toEnd = false) {
  if (toEnd) following = true;
  const list = [...(said.get(channel?.id) ?? new Map()).values(), ...pending.filter(({ at }) => at.channel === channel?.id && at.as === person)];
  const wanted = [];
  let before = null;
  for (const message of list) {
    const isNewDay = !before || day(before.seconds) !== day(message.seconds);
    const follows = !isNewDay && before.author.id === message.author.id && !message.reply && !message.asker && message.seconds - before.seconds < FOLLOWS_SECONDS && before.ephemeral === message.ephemeral;
    if (isNewDay) wanted.push([`day-${day(message.seconds)}`, "", () => h("p", { class: "day" }, h("span", {}, day(message.seconds)))]);
    const shape = JSON.stringify([message, follows, known.message, person]);
    wanted.push([message.id, shape, () => {
      const element = drawMessage(message, { entities: known.entities, follows, deeds });
      if (message.pending) { element.classList.add("pending"); element.querySelector(".body").append(h("div", { class: "text" }, message.text || "…")); }
      return element;
    }]);
    before = message;
  }
  const keys = new Set(wanted.map(([key]) => key));
  for (const [key, { element }] of drawn) if (!keys.has(key)) { element.remove(); drawn.delete(key); }
  let at = null;
  for (const [key, shape, make] of wanted) {
    const old = drawn.get(key);
    let element = old?.element;
    if (!old || old.shape !== shape) {
      element = make();
      if (old) replace(old.element, element);
      drawn.set(key, { element, shape });
    }
    const next = at ? at.nextSibling : log.firstChild;
    if (next !== element) log.insertBefore(element, next);
    at = element;
  }
  followOn();
}

/** Put a message's new element in the old one's place: what had the focus has it again, pictures do not flicker. */
function replace(old, element) {
  const key = old.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const covers = [...old.querySelectorAll(".spoilered")].map((box) => box.classList.contains("shown"));
  const image = old.querySelector(".attachments img");
  const next = element.querySelector(".attachments img");
  if (image && next) {
    next.parentElement.style.minHeight = `${image.offsetHeight}px`;
    next.addEventListener("load", () => { next.parentElement.style.minHeight = ""; }, { once: true });
  }
  old.replaceWith(element);
  if (covers.some(Boolean)) element.querySelectorAll(".spoilered .cover").forEach((cover, at) => covers[at] && cover.click());
  if (key) element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

function tick() {
  const at = now() / 1000;
  const time = `${day(at)}, ${clockTime(at)}`;
  $("clock").textContent = clockTime(at);
  $("clock").classList.toggle("ahead", standing.ahead > 0);
  $("waking").hidden = standing.ready !== false;
  showTrouble(standing, time);
}

// The rest of the page

/** Where the window is narrow, show the channels and people over the rest, which then takes neither focus nor presses. */
function showSidebar(open) {
  const wasOpen = document.body.classList.contains("sidebar-open");
  document.body.classList.toggle("sidebar-open", open);
  $("open-sidebar").setAttribute("aria-expanded", open);
  document.querySelector("main").inert = open;
  if (open) $("channels").querySelector("[aria-current]")?.focus();
  else if (wasOpen) $("open-sidebar").focus();
}

$("people").append(...setting.people.map((other) => h("label", {},
  h("input", { type: "radio", name: "person", value: other.name, checked: other.name === person, onchange: () => become(other.name) }),
  avatar(other), h("span", {}, other.name))));
$("open-sidebar").addEventListener("click", () => showSidebar(true));
addEventListener("pointerdown", (event) => { if (!event.target.closest("#sidebar")) showSidebar(false); });
matchMedia("(max-width: 760px)").addEventListener("change", () => showSidebar(false));
$("theme").addEventListener("click", () => {
  const isDark = getComputedStyle(document.documentElement).getPropertyValue("--is-dark").trim() === "1";
  document.documentElement.dataset.theme = localStorage.theme = isDark ? "light" : "dark";
});
if (localStorage.theme) document.documentElement.dataset.theme = localStorage.theme;

let lastTop = 0;
log.addEventListener("scroll", () => {
  // A picture that has just loaded moves the end away; only scrolling up means that a person wants to read there.
  if (log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END) following = true;
  else if (log.scrollTop < lastTop) following = false;
  lastTop = log.scrollTop;
  $("newest").hidden = following;
});
for (const event of ["load", "loadedmetadata"]) log.addEventListener(event, followOn, true);
new ResizeObserver(followOn).observe(log);
$("newest").addEventListener("click", () => { following = true; followOn(); });
log.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-channel], a[href^='https://discord.com/channels/']");
  const hidden = event.target.closest(".spoiler");
  if (hidden) hidden.classList.add("shown");
  if (!link) return;
  event.preventDefault();
  const [id, message] = link.dataset.channel ? [link.dataset.channel] : link.href.split("/").slice(-2);
  const wanted = channels.find((item) => item.id === id);
  if (!wanted) return complain(`${person} does not see that channel.`);
  openChannel(wanted);
  if (message) deeds.jump(message);
});
log.addEventListener("keydown", (event) => {
  if ((event.key === "Enter" || event.key === " ") && event.target.classList.contains("spoiler")) { event.target.classList.add("shown"); event.preventDefault(); }
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape") showSidebar(false);
  if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey && document.activeElement === document.body) $("text").focus();
});
setInterval(() => { tick(); writeTimes(log); }, 5000);
if (innerHeight >= 600) tryPanel.toggle(true);
become(person);
