// Turns what the server tells into elements. Everything a person wrote becomes text nodes, never markup.
import { t, hours, knows } from "./words.js";

/** An element: `el("button.key", {type: "button", onclick}, children…)`; strings become text. */
export function el(spec, props, ...children) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(node.style, value);
    else if (name === "value" || name === "disabled" || name === "hidden" || name === "checked" || name === "selected") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const ICONS = {
  send: "M3.4 20.4 21 12 3.4 3.6 3.4 10l12 2-12 2z",
  smile: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.5 14.2c1.7 2.4 5.3 2.4 7 0M9 9.5v.5M15 9.5v.5",
  picture: "M4 5h16v14H4zM4 16l4.5-4.5 4 4 3-3L20 17M15.5 9.2v.1",
  back: "M15 5l-7 7 7 7",
  dots: "M12 6v.1M12 12v.1M12 18v.1",
  panel: "M4 5h16v14H4zM14.5 5v14",
  plus: "M12 5v14M5 12h14",
};
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", name);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const COLOURS = [["#c2603e", "#a8492a"], ["#4f8a63", "#376e4b"], ["#5a7fae", "#416493"], ["#8f6bab", "#745290"], ["#b98a2f", "#97701f"], ["#3f8d91", "#2b7175"], ["#b95f7e", "#9a4764"], ["#7b7a3f", "#61602c"]];
const INK = ["light-dark(#a8492a,#e8a184)", "light-dark(#2f6a45,#8fd0a5)", "light-dark(#3b608f,#9cc1ee)", "light-dark(#704c8d,#cfb0e6)", "light-dark(#83600f,#e2bd67)", "light-dark(#236b6f,#7fcfd3)", "light-dark(#94405e,#eda3bd)", "light-dark(#5a591f,#c9c884)"];
const shade = (id) => Math.abs(Number(String(id).replace(/\D/g, "")) || 0) % COLOURS.length;
export const nameColour = (id) => INK[shade(id)];
/** The first thing of a name that a person would see as one sign. */
export function initial(name) {
  const clean = String(name).trim();
  if (!clean) return "·";
  const first = [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(clean)][0].segment;
  return first.length > 12 ? [...first][0] : first.toUpperCase();
}
export function avatar(id, name, { small = false, group = false, photo = null } = {}) {
  const [from, to] = COLOURS[shade(id)];
  return el(`span.avatar${small ? ".small" : ""}${group ? ".group" : ""}`, { "aria-hidden": "true", style: { background: `linear-gradient(160deg, ${from}, ${to})` } }, photo ? el("img", { src: photo, alt: "" }) : initial(name));
}

const SAFE_LINK = /^(https?|tg|mailto|tel):/i;
function wrap(entity, inner, text) {
  const plain = (tag) => el(tag, null, inner);
  switch (entity.type) {
    case "bold": return plain("b");
    case "italic": return plain("i");
    case "underline": return plain("u");
    case "strikethrough": return plain("s");
    case "code": return plain("code");
    case "pre": return plain("pre");
    case "blockquote": return plain("blockquote");
    case "expandable_blockquote": return el("blockquote.folded", { onclick: (event) => event.currentTarget.classList.remove("folded") }, inner);
    case "spoiler": return el("span.spoiler", { role: "button", tabindex: "0", onclick: (event) => event.currentTarget.classList.add("open"), onkeydown: (event) => { if (event.key === "Enter") event.currentTarget.classList.add("open"); } }, inner);
    case "text_link": case "url": {
      const href = entity.url ?? (SAFE_LINK.test(text) ? text : `https://${text}`);
      return SAFE_LINK.test(href) ? el("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", title: href }, inner) : el("span", null, inner);
    }
    case "bot_command": return el("a.command", { href: "#", "data-command": text }, inner);
    case "mention": case "hashtag": case "cashtag": case "text_mention": return el("span", { style: { color: "var(--sky)" } }, inner);
    default: return el("span", null, inner);
  }
}
/** Text with Telegram's entities (UTF-16 offsets, as in JavaScript) as nodes; wrong ones are left out. */
export function rich(text, entities = []) {
  const sorted = entities
    .filter((one) => one.length > 0 && one.offset >= 0 && one.offset + one.length <= text.length)
    .sort((a, b) => a.offset - b.offset || b.length - a.length);
  let next = 0;
  const fill = (from, to) => {
    const nodes = [];
    let at = from;
    while (next < sorted.length && sorted[next].offset < to) {
      const entity = sorted[next++];
      if (entity.offset < at) continue;
      if (entity.offset > at) nodes.push(text.slice(at, entity.offset));
      const end = Math.min(entity.offset + entity.length, to);
      nodes.push(wrap(entity, fill(entity.offset, end), text.slice(entity.offset, end)));
      at = end;
    }
    if (at < to) nodes.push(text.slice(at, to));
    return nodes;
  };
  return fill(0, text.length);
}

const MEDIA_SIGNS = { video: "▶", audio: "♫", voice: "🎙", document: "📄", animation: "GIF", video_note: "◉", poll: "📊" };
function media(one) {
  if (one.kind === "photo" && one.url) return el("div.media", null, el("img", { src: one.url, alt: t("photo_word"), loading: "lazy" }));
  if (one.kind === "sticker" || one.kind === "dice") return el("div.sticker", null, one.emoji || "🌿", one.value ? el("small.faint", null, ` ${one.value}`) : null);
  const label = knows(one.kind) ? t(one.kind) : one.kind === "photo" ? t("photo_word") : one.kind;
  return el("div.file", null, el("i", { "aria-hidden": "true" }, MEDIA_SIGNS[one.kind] ?? "📎"),
    el("div", null, el("bdi", null, one.name || label), el("small", null, one.size ? `${label} · ${Math.max(1, Math.round(one.size / 1024))} kB` : label),
      one.options ? one.options.map((option) => el("small", null, `◦ ${option}`)) : null));
}
/** What a message is about in one line, for lists, quotes and pins. */
export function gist(message) {
  if (!message) return "";
  if (message.service) return service(message.service);
  const words = (message.text || "").replace(/\s+/g, " ");
  if (!message.media) return words;
  const kind = message.media.kind;
  const label = kind === "photo" ? t("photo_word") : knows(kind) ? t(kind) : kind;
  return kind === "sticker" || kind === "dice" ? `${message.media.emoji ?? ""} ${label}` : words ? `[${label}] ${words}` : `[${label}]`;
}
export function service(one) {
  const key = `s_${one.kind}`;
  return t(knows(key) ? key : "s_other", (one.who ?? []).join("、"), one.by ?? "", one.text ?? "");
}

const JUMBO = /^(?:\p{Extended_Pictographic}[\u{FE0F}\u{200D}\u{1F3FB}-\u{1F3FF}\p{Extended_Pictographic}]*){1,3}$/u;
/** One message as a list item; `on` holds what happens: press(message, row, col, button), react, more, quote. */
export function message(one, { first, last, zone, group, on, fresh }) {
  if (one.service) return el("li.service", { "data-id": one.id }, el("bdi", null, service(one.service)));
  const mine = one.mine;
  const bare = one.media && (one.media.kind === "sticker" || one.media.kind === "dice") && !one.text;
  const jumbo = !one.media && JUMBO.test(one.text || "");
  const bubble = el(`div.bubble${bare || (jumbo && !one.reply) ? ".bare" : ""}`, null,
    (!mine || one.sender.kind === "chat") && group && first ? el("div.from", { style: { color: nameColour(one.sender.id) } }, el("bdi", null, one.sender.name),
      one.sender.kind === "bot" ? el("span.badge.bot", null, t("bot")) : null, one.sender.tag || one.sender.rank ? el("span.tag", null, el("bdi", null, one.sender.tag || t(one.sender.rank === "creator" ? "owner" : "admin"))) : null) : null,
    one.ephemeral ? el("div.only-you", null, "◌ ", t("only_you")) : null,
    one.forward ? el("div.forwarded", null, t("forwarded_from", one.forward.name)) : null,
    one.reply ? el("button.quote", { type: "button", onclick: () => on.quote(one.reply.id) }, el("b", { dir: "auto" }, one.reply.name), el("span", { dir: "auto" }, gist(one.reply) || t("deleted"))) : null,
    one.media ? media(one.media) : null,
    one.text ? el(`span.text${jumbo ? ".jumbo" : ""}`, { dir: "auto" }, rich(one.text, one.entities)) : null,
    el("span.meta", { title: new Date(one.at).toISOString() }, one.edited ? `${t("edited")} ` : "", hours(one.at, zone)),
    one.reactions?.length ? el("div.reactions", null, one.reactions.map((reaction) =>
      el(`button.reaction${reaction.mine ? ".on" : ""}`, { type: "button", "aria-pressed": String(reaction.mine), onclick: () => on.react(one, reaction.mine ? null : reaction.emoji) }, reaction.emoji, el("span", null, String(reaction.count))))) : null,
  );
  const keys = one.buttons?.length ? el("div.keys", null, one.buttons.map((row, r) => el("div", null, row.map((button, c) =>
    el(`button.key${button.style ? `.${button.style}` : ""}`, { type: "button", disabled: button.disabled, title: button.url ?? null, onclick: (event) => on.press(one, r, c, button, event.currentTarget) },
      el("bdi", null, button.text), button.url ? el("span.out", { "aria-hidden": "true" }, "↗") : null))))) : null;
  return el(`li.message${mine ? ".mine" : ""}${first ? ".first" : ""}${last ? ".last" : ""}${one.ephemeral ? ".ephemeral" : ""}${fresh ? ".new" : ""}`, { "data-id": one.id, oncontextmenu: (event) => { if (window.getSelection()?.isCollapsed !== false) { event.preventDefault(); on.more(one, event.clientX, event.clientY); } } },
    mine ? null : last && group ? avatar(one.sender.id, one.sender.name, { small: true, group: one.sender.kind === "chat", photo: one.sender.photo }) : el("span"),
    el("div.body", { onclick: (event) => { if ((event.pointerType === "touch" || matchMedia("(hover: none)").matches) && !event.target.closest("button, a, .spoiler, blockquote")) on.more(one, event.clientX, event.clientY); } }, bubble, keys),
    el("button.more.icon-button", { type: "button", "aria-label": t("more"), "aria-haspopup": "menu", onclick: (event) => { const box = event.currentTarget.getBoundingClientRect(); on.more(one, box.left, box.bottom); } }, icon("dots")));
}
