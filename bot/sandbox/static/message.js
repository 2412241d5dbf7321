// A message, as an element.
import { attachment, component, media } from "./components.js";
import { avatar, h, rich } from "./dom.js";
import { clockTime, writeTimes } from "./times.js";

function embed(data) {
  const element = h("div", { class: "embed" },
    h("div", {},
      data.title ? rich("h3", "", data.title) : null,
      data.html ? rich("div", "text", data.html) : null,
      data.fields.length ? h("div", { class: "fields" }, data.fields.map((field) =>
        h("div", { class: field.inline ? "inline" : "" }, rich("b", "", field.name), rich("div", "text", field.html)))) : null,
      data.image ? media(data.image, "image/png", "") : null,
      data.footer ? h("p", { class: "footer" }, data.footer) : null));
  if (data.color) element.style.setProperty("--accent", data.color);
  return element;
}

function replyLine(reply, jump) {
  if (!reply.author) return h("p", { class: "reply" }, "↪ The message is gone");
  return h("button", { type: "button", class: "reply", onclick: () => jump(reply.id), "aria-label": `In reply to ${reply.author}` },
    "↪ ", h("b", {}, reply.author), " ", reply.html ? rich("span", "", reply.html) : null, reply.picture ? " 🖼" : null);
}

/** Draw a message. `deeds` has what one can do: use, more, reply, react, profile and jump. */
export function drawMessage(message, { entities, follows, deeds }) {
  const { author } = message;
  const element = h("article", {
    class: ["message", follows && "follows", message.ephemeral && "ephemeral", message.failed && "failed"].filter(Boolean).join(" "),
    id: `message-${message.id}`, tabIndex: -1, "aria-label": `${author.name}, ${clockTime(message.seconds)}`,
  },
  message.reply ? replyLine(message.reply, deeds.jump) : null,
  message.asker && !message.reply ? h("p", { class: "reply" }, "↪ ", h("b", {}, message.asker), " used a command") : null,
  follows ? null : avatar(author),
  h("div", { class: "body" },
    follows ? null : h("header", {},
      deeds.profile && !author.bot
        ? h("button", { type: "button", class: "name", "aria-haspopup": "menu", onclick: (event) => deeds.profile(author, event.currentTarget) }, author.name)
        : h("span", { class: "name" }, author.name),
      author.bot ? h("span", { class: "badge" }, "APP") : null,
      h("time", {}, clockTime(message.seconds))),
    message.thinking ? h("p", { class: "thinking" }, `${author.name} is thinking…`) : null,
    message.html ? rich("div", "text", message.html) : null,
    message.edited && !author.bot ? h("small", {}, "(edited)") : null,
    h("div", { class: "attachments", "data-count": message.attachments.length }, message.attachments.map(attachment)),
    message.embeds.map(embed),
    message.components.map((part) => component(part, entities, (action) => deeds.use(message, action))),
    message.reactions.length ? h("div", { class: "reactions" }, message.reactions.map(({ emoji, count, mine }) =>
      h("button", { type: "button", "aria-label": `${emoji}, ${count}`, "aria-pressed": String(mine), onclick: () => deeds.react(message, emoji) }, `${emoji} ${count}`))) : null,
    message.ephemeral ? h("p", { class: "only" }, "👁 Only you can see this") : null),
  message.pending ? null : h("div", { class: "tools" },
    author.bot && message.attachments.length && !message.ephemeral
      ? h("button", { type: "button", "data-key": "star", "aria-label": "Star this dream", title: "Star: enough of them bring it to #hall-of-fame", onclick: () => deeds.react(message, "⭐") }, "⭐") : null,
    message.ephemeral ? null : h("button", { type: "button", "data-key": "reply", "aria-label": `Reply to ${author.name}`, title: "Reply", onclick: () => deeds.reply(message) }, "↩"),
    h("button", { type: "button", "data-key": "more-menu", "aria-label": `More for ${author.name}’s message`, title: "Apps and more", "aria-haspopup": "menu", onclick: (event) => deeds.more(message, event.currentTarget) }, "⋯")));
  writeTimes(element);
  return element;
}
