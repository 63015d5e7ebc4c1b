// The playground's page: who we are, which chat we look at, and what happens behind it, live.
import { t, knows, setLocale, getLocale, LANGUAGES, hours, seconds, dayKey, dayName, dateLine } from "./words.js";
import { el, icon, avatar, message as drawMessage, gist, rich, nameColour } from "./draw.js";

const $ = (id) => document.getElementById(id);
const store = {
  get(key, otherwise) { try { return JSON.parse(localStorage.getItem(`renqing.${key}`)) ?? otherwise; } catch { return otherwise; } },
  set(key, value) { try { localStorage.setItem(`renqing.${key}`, JSON.stringify(value)); } catch { /* private windows may refuse; nothing depends on it */ } },
};
const EMOJI = "😀 😂 🥹 😊 😍 🥰 😘 😎 🤔 😴 😭 😡 👍 👎 👏 🙏 💪 👀 ❤️ 💔 🔥 ✨ 🎉 🎁 🌸 🌱 🌲 🦌 🐱 🐶 ☕ 🍰 🎂 🎤 🎵 🎨 ✏️ 📸 🌙 ☀️ 🌧 ⭐".split(" ");
const QUICK = ["👍", "❤️", "🔥", "🎉", "😂", "😢", "🙏"];
const BARE = { "❤️": "❤" };
const METHODS = ["sendMessage", "answerCallbackQuery", "editMessageText", "getUpdates", "sendPhoto", "setMessageReaction", "deleteMessage", "*"];
const FAULTS = ["429", "403", "400", "500", "lost_answer", "timeout_before", "timeout_after", "drop_before", "slow", "wrong_json"];

const now = { state: null, as: store.get("as", null), key: store.get("key", null), chat: null, draft: new Map(), voices: new Map(), about: null, unread: new Map(), seen: "", typing: null, faultMethod: "sendMessage", faultTimes: 1 };
const params = new URLSearchParams(location.search);
setLocale(params.get("lang") ?? store.get("lang", (navigator.language || "zh").toLowerCase().startsWith("zh") ? "zh" : "en"));

// ---------------------------------------------------------------- talking to the server
async function ask(path, options) {
  const answer = await fetch(path, options);
  const body = await answer.json().catch(() => ({ error: `HTTP ${answer.status}` }));
  if (!answer.ok) throw new Error(body.error ?? `HTTP ${answer.status}`);
  return body;
}
/** Does something as the chosen person; a refusal is shown and answered with null. */
async function act(what, fields = {}) {
  try {
    return await ask("act", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ act: what, as: now.as, ...fields }) });
  } catch (error) {
    toast(error.message, "error");
    return null;
  }
}
const later = (wait, job) => {
  let timer = 0;
  return () => { if (!timer) timer = setTimeout(() => { timer = 0; job(); }, wait); };
};

// ---------------------------------------------------------------- small pieces
function toast(text, kind = "") {
  const node = el(`div.toast${kind ? `.${kind}` : ""}`, { dir: "auto" }, text);
  $("toasts").append(node);
  setTimeout(() => node.remove(), Math.min(9000, 2600 + 60 * text.length));
}
function sheet(build) {
  const dialog = $("dialog");
  if (dialog.open) dialog.close();
  dialog.replaceChildren(build(() => dialog.close()));
  dialog.showModal();
}
function closeMenu() { const menu = $("menu"); if (menu.hidden) return; menu.hidden = true; menu.replaceChildren(); now.menuBack?.focus?.(); now.menuBack = null; }
function openMenu(x, y, items, top) {
  const menu = $("menu");
  now.menuBack = document.activeElement;
  menu.replaceChildren(...(top ? [top] : []), ...items.filter(Boolean).map(([label, run, red]) =>
    el(`button${red ? ".red" : ""}`, { type: "button", role: "menuitem", onclick: () => { closeMenu(); run(); } }, label)));
  menu.hidden = false;
  const box = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(x, innerWidth - box.width - 8))}px`;
  menu.style.top = `${Math.max(8, y + box.height > innerHeight - 8 ? y - box.height : y)}px`;
  menu.querySelector("button")?.focus();
}
const person = (id) => now.state?.people.find((one) => one.id === id);
const bot = () => now.state?.bots[0];
const zone = () => now.state?.zone ?? "Asia/Shanghai";
const clockNow = () => { const c = now.clock; return c ? c.now + (performance.now() - c.got) * c.speed : Date.now(); };
const languageName = (code) => LANGUAGES.find(([one]) => one === code)?.[1] ?? code;

// ---------------------------------------------------------------- words of the frame
function drawFrame() {
  document.documentElement.lang = getLocale();
  document.title = t("title");
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-tip]")) node.title = t(node.dataset.tip);
  $("language").textContent = getLocale() === "zh" ? "EN" : "中文";
  $("language").lang = getLocale() === "zh" ? "en" : "zh";
  for (const [id, key] of [["left", "people"], ["middle", "chats"], ["right", "panel_short"]]) $(id).setAttribute("aria-label", t(key));
}

// ---------------------------------------------------------------- state
async function loadState() {
  let state;
  try { state = await ask(`state${now.as ? `?as=${now.as}` : ""}`); } catch { return; }
  if (now.as && state.as !== now.as && person(now.as)) return;
  now.state = state;
  if (!person(now.as)) { now.as = state.as; now.key = null; }
  setClock(state.clock);
  if (!now.key || !(state.dialogs.some((one) => one.key === now.key) || state.places.some((one) => one.key === now.key))) now.key = state.first;
  store.set("as", now.as);
  drawAll();
}
const refreshState = later(250, loadState);
/** People came, went or changed: the lists are drawn anew, the rest of the page stays as it is. */
const refreshPeople = later(250, async () => {
  let state;
  try { state = await ask(`state?as=${now.as}`); } catch { return; }
  if (state.as !== now.as) return;
  const { people, bots, dialogs, places, joined } = state;
  Object.assign(now.state, { people, bots, dialogs, places, joined });
  drawMe(); drawChats(); drawPeople(); drawGuide();
});
/** Replaces what is shown only when something about it changed, so that open menus and focus stay. */
function redraw(node, print, ...children) {
  if (node.print === print) return;
  const focus = document.activeElement?.closest?.("li")?.parentNode === node ? [...node.children].indexOf(document.activeElement.closest("li")) : -1;
  node.print = print;
  node.replaceChildren(...children);
  if (focus >= 0) node.children[focus]?.querySelector("button")?.focus();
}
function drawAll() {
  drawFrame(); drawMe(); drawChats(); drawPeople(); drawProcess(now.state.process); drawSimulation(now.state.simulation);
  drawRemembered(now.state.remembered, true); drawCalls(now.state.calls, true); drawLog(now.state.process.log ?? []); drawLint(now.state.lint); drawWeather(); drawGuide(); drawClock();
}
function drawMe() {
  const me = person(now.as);
  if (!me) return;
  redraw($("me"), JSON.stringify([me, getLocale()]),
    avatar(me.id, me.name),
    el("div.me-text", null, el("b", null, el("bdi", null, me.name)), el("span", null, [t(me.role), me.username ? `@${me.username}` : null].filter(Boolean).join(" · "))),
    el("select", { "aria-label": t("language"), title: t("language"), onchange: (event) => act("language", { language: event.target.value }) },
      [...LANGUAGES, ...(LANGUAGES.some(([code]) => code === me.language) ? [] : [[me.language, me.language]])].map(([code, name]) => el("option", { value: code, selected: code === me.language, lang: code }, name))));
}
function drawChats() {
  const state = now.state;
  const keys = new Set(state.dialogs.map((one) => one.key));
  const all = [...state.dialogs, ...state.places.filter((one) => !keys.has(one.key))];
  redraw($("chats"), JSON.stringify([all, now.key, [...now.unread], getLocale()]), ...all.map((one) => {
    const unread = now.unread.get(`${now.as}:${one.key}`);
    const side = one.last ? hours(one.last.at, zone()) : "";
    const text = one.last ? `${one.last.sender && !one.last.service && one.type !== "private" && one.type !== "channel" ? `${one.last.sender}: ` : ""}${gist(one.last)}` : one.member ? t("none_yet") : t(one.type === "channel" ? "join_channel" : one.type === "private" ? "start" : "join_group");
    return el("li", null, el("button", { type: "button", "data-key": one.key, "aria-current": one.key === now.key ? "true" : null, onclick: () => openChat(one.key) },
      avatar(one.avatar, one.title, { group: one.type !== "private", photo: one.photo }),
      el("span.row-text", null, el("span.row-name", null, el("bdi", null, one.title)), el("span.row-last", { dir: "auto" }, text)),
      el("span.row-side", null, side, unread ? el("span.unread", null, unread > 99 ? "99+" : String(unread)) : one.type === "private" ? el("span.badge.bot", null, t("bot")) : one.type === "channel" ? el("span.badge", null, t("channel")) : el("span"))));
  }), el("li", null, el("button", { type: "button", onclick: askNewGroup }, el("span.avatar.group", { style: { background: "var(--sunk)", color: "var(--soft)" } }, "＋"), el("span.row-text", null, el("span.row-last", null, t("new_group"))))));
}
const RANK = { fan: 2, admin: 1, influencer: 0 };
function drawPeople() {
  const people = [...now.state.people].sort((a, b) => (b.visitor ? 1 : 0) - (a.visitor ? 1 : 0) || RANK[a.role] - RANK[b.role]);
  redraw($("people"), JSON.stringify([people, now.as, getLocale()]), ...people.map((one) => el("li", null, el("button", { type: "button", "data-person": one.id, "aria-current": one.id === now.as ? "true" : null, onclick: () => become(one.id) },
    avatar(one.id, one.name, { small: true }), el("span.row-text", null, el("span.row-name", null, el("bdi", null, one.name)), el("span.row-last", null, languageName(one.language))),
    el("span.row-side", null, one.visitor ? el("span.badge.you", null, t("you")) : one.role !== "fan" ? el(`span.badge.${one.role}`, null, t(one.role)) : null)))));
}
async function become(id) {
  if (id === now.as) return;
  keepDraft();
  now.as = id; now.about = null; now.chat = null; now.seen = "";
  store.set("as", id);
  tick("other");
  await loadState();
  if (innerWidth > 720) await loadChat(true);
  else document.body.dataset.view = "people";
}

// ---------------------------------------------------------------- one chat
function keepDraft() { const box = $("foot").querySelector("textarea"); if (box) now.draft.set(`${now.as}:${now.key}`, box.value); }
async function openChat(key) {
  keepDraft();
  const pushed = document.body.dataset.view !== "chat" && innerWidth <= 720;
  now.key = key; now.about = null; now.seen = ""; now.chat = null; now.typing = null;
  store.set("key", key);
  now.unread.delete(`${now.as}:${key}`);
  document.body.dataset.view = "chat";
  if (pushed) history.pushState({ view: "chat" }, "");
  drawChats();
  await loadChat(true);
  if (innerWidth > 720) $("foot").querySelector("textarea")?.focus({ preventScroll: true });
}
let asked = 0;
async function loadChat(jump = false) {
  if (!now.key || !now.as) return;
  const turn = ++asked;
  let chat;
  try { chat = await ask(`chat/${encodeURIComponent(now.key)}?as=${now.as}`); } catch (error) { if (turn === asked) toast(error.message, "error"); return; }
  if (turn !== asked) return;
  now.chat = chat;
  drawChat(jump);
}
const refreshChat = later(60, () => loadChat(false));

function drawChat(jump) {
  const chat = now.chat;
  const subtitle = now.typing ? el("span.typing", null, `${bot()?.name ?? t("bot")} ${t("typing")}`)
    : el("span", null, chat.type === "private" ? `@${chat.username} · ${t("bot")}` : chat.type === "channel" ? t("subscribers", chat.members) : t("members", chat.members));
  redraw($("chat-head"), JSON.stringify([chat.key, chat.title, chat.photo, chat.members, subtitle.textContent, getLocale()]),
    el("button.icon-button.back", { type: "button", "aria-label": t("back"), onclick: goBack }, icon("back")),
    avatar(chat.avatar, chat.title, { group: chat.type !== "private", photo: chat.photo }),
    el("div.row-text", null, el("b", null, el("bdi", null, chat.title)), subtitle),
    el("button.icon-button.phone-panel", { type: "button", "aria-label": t("panel_short"), onclick: openPanel }, icon("panel")),
    el("button.icon-button", { type: "button", "aria-label": t("more"), "aria-haspopup": "menu", onclick: (event) => chatMenu(event.currentTarget) }, icon("dots")));
  const pinned = $("pinned");
  pinned.hidden = !chat.pinned;
  if (chat.pinned) { pinned.replaceChildren("📌", el("span", { dir: "auto" }, gist(chat.pinned))); pinned.onclick = () => flash(chat.pinned.id); }
  drawFoot();
  drawMessages(jump);
}
function drawMessages(jump) {
  const chat = now.chat, list = $("messages"), stream = $("stream");
  const atEnd = jump || stream.scrollHeight - stream.scrollTop - stream.clientHeight < 90;
  const before = new Map([...list.children].filter((node) => node.dataset.id).map((node) => [node.dataset.id, node]));
  const place = `${now.as}:${now.key}:${getLocale()}`;
  const same = now.seen === place;
  now.seen = place;
  const nodes = [];
  let day = "";
  const sticks = (a, b) => a && b && !a.service && !b.service && a.sender.id === b.sender.id && a.mine === b.mine && Math.abs(b.at - a.at) < 240000 && dayKey(a.at, zone()) === dayKey(b.at, zone()) && a.ephemeral === b.ephemeral;
  chat.messages.forEach((one, n) => {
    const today = dayKey(one.at, zone());
    if (today !== day) { day = today; nodes.push(el("li.day", null, dayName(one.at, clockNow(), zone()))); }
    const first = !sticks(chat.messages[n - 1], one), last = !sticks(one, chat.messages[n + 1]);
    const print = JSON.stringify([one, first, last]);
    const old = same ? before.get(String(one.id)) : null;
    if (old && old.print === print) { old.classList.remove("new"); nodes.push(old); return; }
    const node = drawMessage(one, { first, last, zone: zone(), group: chat.type !== "private", on: HANDS, fresh: same && !old });
    node.print = print;
    if (old?.querySelector(".spoiler.open")) node.querySelectorAll(".spoiler").forEach((spoiler) => spoiler.classList.add("open"));
    nodes.push(node);
  });
  if (!chat.messages.length) nodes.push(el("li.nothing", null, el("b", null, t("no_messages")), chat.about ? el("p", { dir: "auto" }, chat.about) : null, chat.type === "private" ? t("press_start") : chat.member ? "" : t("you_left")));
  list.classList.toggle("alone", chat.type === "private");
  const focus = document.activeElement?.closest?.("#messages") ? document.activeElement : null;
  list.replaceChildren(...nodes);
  if (focus?.isConnected) focus.focus({ preventScroll: true });
  now.atEnd = atEnd;
  if (atEnd) { stream.scrollTop = stream.scrollHeight; $("to-end").hidden = true; } else if (same) $("to-end").hidden = false;
}
// Pictures that load and a foot that grows must not push the newest message out of sight.
const stick = new ResizeObserver(() => { if (now.atEnd) $("stream").scrollTop = $("stream").scrollHeight; });
stick.observe($("messages")); stick.observe($("stream"));
function flash(id) {
  const node = $("messages").querySelector(`[data-id="${CSS.escape(String(id))}"]`);
  if (!node) return;
  node.scrollIntoView({ block: "center", behavior: "smooth" });
  node.classList.remove("flash"); void node.offsetWidth; node.classList.add("flash");
}
/** Links into Telegram itself (bots, groups, invitations) lead somewhere in the playground. */
const INSIDE = /^(https?:\/\/)?(t|telegram)\.me\/|^tg:\/\//i;
async function openInside(url) {
  if (!INSIDE.test(url)) return false;
  const found = await act("open", { url });
  if (found?.inside === false) toast(t("requested"));
  else if (found) { await loadState(); await openChat(found.chat); if (found.message) flash(found.message); }
  return true;
}
const HANDS = {
  quote: flash,
  react: (one, emoji) => act("react", { chat: now.key, message: one.id, emoji }),
  async press(one, row, col, button, node) {
    if (button.kind === "url" && await openInside(button.url)) return;
    if (button.kind === "other") return toast(t("button_other"));
    if (button.kind === "url") return sheet((close) => el("div.sheet", null, el("h3", null, t("open_link")), el("p", { dir: "ltr" }, button.url), el("p", null, t("external")),
      el("div.actions", null, el("button.button", { type: "button", onclick: close }, t("cancel")), el("a.button.main", { href: /^(https?|tg):/i.test(button.url) ? button.url : "#", target: "_blank", rel: "noopener noreferrer", onclick: close, style: { display: "inline-grid", placeItems: "center", textDecoration: "none" } }, t("open")))));
    if (button.kind === "copy") { await navigator.clipboard?.writeText(button.copy ?? "").catch(() => {}); return toast(t("copied")); }
    if (node.getAttribute("aria-busy")) return;
    node.setAttribute("aria-busy", "true");
    const done = await act("press", { chat: now.key, message: one.id, row, col });
    node.removeAttribute("aria-busy");
    if (!done) return;
    if (!done.answer) toast(t("no_answer"));
    else if (done.answer.text && done.answer.alert) sheet((close) => el("div.sheet", null, el("h3", null, bot()?.name ?? t("bot_answer")), el("p", { dir: "auto" }, done.answer.text), el("div.actions", null, el("button.button.main", { type: "button", autofocus: true, onclick: close }, t("ok")))));
    else if (done.answer.text) toast(done.answer.text);
    tick("checkin");
  },
  more(one, x, y) {
    if (one.service) return;
    const mineNow = new Set((one.reactions ?? []).filter((r) => r.mine).map((r) => r.emoji));
    const quick = now.chat.member ? el("div.quick", null, QUICK.map((emoji) => { const bare = BARE[emoji] ?? emoji; return el(`button${mineNow.has(bare) ? ".on" : ""}`, { type: "button", "aria-label": emoji, onclick: () => { closeMenu(); HANDS.react(one, mineNow.has(bare) ? null : bare); } }, emoji); })) : null;
    const box = () => $("foot").querySelector("textarea");
    openMenu(x, y, [
      now.chat.can_say && !one.ephemeral && [t("reply"), () => { now.about = { reply: one }; drawFoot(); box()?.focus(); }],
      one.text && [t("copy"), () => navigator.clipboard?.writeText(one.text).then(() => toast(t("copied")), () => {})],
      !one.ephemeral && [t("forward"), () => askForward(one)],
      now.chat.can_pin && !one.ephemeral && [now.chat.pinned?.id === one.id ? t("unpin") : t("pin"), () => act(now.chat.pinned?.id === one.id ? "unpin" : "pin", { chat: now.key, message: one.id })],
      one.mine && one.text && !one.forward && [t("edit"), () => { now.about = { edit: one }; drawFoot(); const area = box(); if (area) { area.value = one.text; area.dispatchEvent(new Event("input")); area.focus(); } }],
      (one.mine || now.chat.can_delete) && [t("remove"), () => act("delete", { chat: now.key, message: one.id }), true],
    ], quick);
  },
};
function chatMenu(anchor) {
  const chat = now.chat, box = anchor.getBoundingClientRect();
  const there = bot() && chat.people?.some((one) => one.id === bot().id);
  openMenu(box.right - 200, box.bottom + 4, [
    chat.type !== "private" && [t("members_h"), showMembers],
    chat.can_add && bot() && !there && [t("add_bot"), () => act("add_bot", { chat: now.key, bot: bot().id })],
    chat.can_add && [t("invite"), () => askInvite()],
    chat.type === "private" && chat.started && !chat.blocked && [t("block"), () => act("block", { bot: chat.bot }), true],
    chat.type === "private" && chat.blocked && [t("unblock"), () => act("unblock", { bot: chat.bot })],
    chat.type !== "private" && !chat.member && [t("join"), join],
    chat.type !== "private" && chat.member && chat.status !== "creator" && [t("leave"), () => act("leave", { chat: now.key }), true],
  ]);
}
async function join() {
  const done = await act("join", { chat: now.key });
  if (!done) return;
  if (done.inside) tick("join"); else toast(t("requested"));
  await loadChat(true);
}
function showMembers() {
  const chat = now.chat;
  const again = async (what, fields) => { if (await act(what, { chat: now.key, ...fields })) { await loadChat(); showMembers(); } };
  sheet((close) => el("div.sheet", null, el("h3", null, `${t("members_h")} · ${chat.members}`),
    chat.requests?.length ? el("ul.members", null, chat.requests.map((one) => el("li", null, avatar(one.id, one.name, { small: true }), el("span.row-text", null, el("bdi", null, one.name), el("span.row-last", null, t("knocks"))),
      el("button.text-button", { type: "button", style: { margin: 0 }, onclick: () => again("approve", { who: one.id, on: true }) }, t("let_in")), el("button.text-button", { type: "button", style: { margin: 0, color: "var(--red)" }, onclick: () => again("approve", { who: one.id, on: false }) }, t("turn_away"))))) : null,
    el("ul.members", null, chat.people.map((one) => el("li", null, avatar(one.id, one.name, { small: true }), el("span.row-text", null, el("bdi", null, one.name)),
      one.tag ? el("span.faint", null, one.tag) : null,
      one.status === "creator" ? el("span.badge.influencer", null, t("owner")) : one.status === "administrator" ? el("span.badge.admin", null, t("admin")) : one.bot ? el("span.badge.bot", null, t("bot")) : null,
      chat.can_promote && one.status !== "creator" ? el("button.text-button", { type: "button", style: { margin: 0 }, onclick: () => again("promote", { who: one.id, on: one.status !== "administrator" }) }, one.status === "administrator" ? t("demote") : t("promote")) : null,
      chat.can_kick && chat.type === "supergroup" && (one.status === "member" || one.status === "restricted") && !one.bot && one.id !== now.as ? el("button.text-button", { type: "button", style: { margin: 0 }, onclick: () => again("mute", { who: one.id, on: one.status === "member" }) }, one.status === "member" ? t("mute") : t("unmute")) : null,
      chat.can_kick && one.status === "member" && one.id !== now.as ? el("button.text-button", { type: "button", style: { margin: 0, color: "var(--red)" }, onclick: () => again("kick", { who: one.id }) }, t("kick")) : null))),
    el("div.actions", null, el("button.button.main", { type: "button", onclick: close }, t("ok")))));
}
function askForward(one) {
  sheet((close) => el("div.sheet", null, el("h3", null, t("forward_to")), el("ul.rows", { style: { margin: "0 -20px" } }, now.state.dialogs.filter((d) => d.member).map((d) => el("li", null, el("button", { type: "button", onclick: async () => { close(); if (await act("forward", { chat: now.key, message: one.id, to: d.key })) openChat(d.key); } }, avatar(d.avatar, d.title, { small: true, group: d.type !== "private", photo: d.photo }), el("span.row-text", null, el("bdi", null, d.title)))))), el("div.actions", null, el("button.button", { type: "button", onclick: close }, t("cancel")))));
}
function askInvite() {
  const inside = new Set(now.chat.people.map((one) => one.id));
  sheet((close) => el("div.sheet", null, el("h3", null, t("invite")), el("ul.rows.members", null, now.state.people.filter((one) => !inside.has(one.id)).map((one) => el("li", { style: { padding: 0 } }, el("button", { type: "button", onclick: async () => { if (await act("invite", { chat: now.key, who: one.id })) close(); } }, avatar(one.id, one.name, { small: true }), el("span.row-text", null, el("bdi", null, one.name)))))), el("div.actions", null, el("button.button", { type: "button", onclick: close }, t("cancel")))));
}
function form(title, fields, label, submit) {
  sheet((close) => el("form.sheet", { onsubmit: async (event) => { event.preventDefault(); const done = await submit(Object.fromEntries(new FormData(event.currentTarget))); if (done) close(); } },
    el("h3", null, title), fields, el("div.actions", null, el("button.button", { type: "button", onclick: close }, t("cancel")), el("button.button.main", { type: "submit" }, label))));
}
function askNewGroup() {
  form(t("new_group"), [el("label", null, t("new_group_name"), el("input", { name: "title", required: true, maxlength: 128, autocomplete: "off" })),
    el("label", null, " ", el("select", { name: "kind" }, ["supergroup", "group", "channel"].map((kind) => el("option", { value: kind }, kind === "channel" ? t("new_channel") : kind === "group" ? `${t("group")} (basic)` : t("group")))))],
  t("create"), async ({ title, kind }) => { const done = await act("make_group", { title, kind }); if (done) { await loadState(); openChat(done.chat); } return done; });
}
function askPerson() {
  form(t("add_person_h"), [el("label", null, t("name"), el("input", { name: "name", required: true, maxlength: 64, placeholder: t("name_hint"), autocomplete: "off" })),
    el("label", null, t("language"), el("select", { name: "language" }, LANGUAGES.map(([code, name]) => el("option", { value: code, lang: code }, name)))),
    el("label", null, t("role"), el("select", { name: "role" }, ["fan", "admin"].map((role) => el("option", { value: role }, t(role)))))],
  t("add"), async (fields) => { const done = await act("add_person", fields); if (done) { toast(t("chosen", fields.name)); await become(done.person); } return done; });
}

// ---------------------------------------------------------------- the foot: write, press, choose
function drawFoot() {
  const chat = now.chat, foot = $("foot");
  const kind = chat.type === "private" ? (chat.blocked ? "blocked" : chat.started ? "say" : "start") : !chat.member ? "join" : chat.can_say ? "say" : chat.type === "channel" ? "mute" : "cannot";
  const big = (label, run, calm) => foot.replaceChildren(el("div.foot-inner", null, el(`button.big-action${calm ? ".calm" : ""}`, { type: "button", disabled: !run, onclick: run }, label)));
  if (kind !== "say") { keepDraft(); foot.dataset.place = ""; }
  if (kind === "start") return big(t("start"), () => act("start", { bot: chat.bot }));
  if (kind === "blocked") return big(t("unblock"), () => act("unblock", { bot: chat.bot }));
  if (kind === "join") return big(t(chat.type === "channel" ? "join_channel" : "join_group"), join);
  if (kind === "mute") return big(t("channel_mute"), null, true);
  if (kind === "cannot") return big(t("cannot_say"), null, true);
  const place = `${now.as}:${now.key}:${getLocale()}`;
  if (foot.dataset.place !== place) { buildComposer(chat); foot.dataset.place = place; }
  const about = foot.querySelector(".about-slot");
  const what = now.about?.reply ?? now.about?.edit;
  about.replaceChildren(...(what ? [el("div.about", null, el("div", null, el("b", null, now.about.edit ? t("edit") : el("bdi", null, what.sender.name)), el("span", { dir: "auto" }, gist(what))), el("button.icon-button", { type: "button", "aria-label": t("cancel"), onclick: dropAbout }, "×"))] : []));
  const voice = foot.querySelector(".voice"), mine = `${now.as}:${now.key}`;
  voice.hidden = !chat.voices?.length;
  const as = chat.voices?.find((one) => one.key === now.voices.get(mine));
  if (!as) now.voices.delete(mine);
  const me = person(now.as);
  if (me) redraw(voice, JSON.stringify([as, me.id, me.name]), avatar(as ? as.key : me.id, as ? as.title : me.name, { small: true, group: Boolean(as), photo: as?.photo }));
  const board = foot.querySelector(".board");
  const rows = chat.keyboard ?? [];
  board.hidden = !rows.length;
  board.replaceChildren(...rows.map((row) => el("div", null, row.map((label) => el("button", { type: "button", onclick: () => say(label) }, el("bdi", null, label))))));
}
function dropAbout() { const edit = now.about?.edit; now.about = null; const area = $("foot").querySelector("textarea"); if (edit && area) area.value = ""; drawFoot(); area?.focus(); }
function buildComposer(chat) {
  const area = el("textarea", { rows: 1, dir: "auto", placeholder: t(chat.type === "channel" ? "say_channel" : "say"), "aria-label": t("say"), enterkeyhint: "send", autocomplete: "off" });
  area.value = now.draft.get(`${now.as}:${now.key}`) ?? "";
  const list = el("div.commands", { role: "listbox", hidden: true });
  let choice = -1;
  const grow = () => { area.style.height = "auto"; area.style.height = `${Math.min(160, area.scrollHeight + 2)}px`; };
  const suggest = () => {
    const match = /^\/(\S*)$/.exec(area.value);
    const found = match ? (now.chat?.commands ?? []).filter((one) => one.command.startsWith(match[1].toLowerCase())) : [];
    choice = found.length ? Math.min(Math.max(choice, 0), found.length - 1) : -1;
    list.hidden = !found.length;
    list.replaceChildren(...found.map((one, n) => el("button", { type: "button", role: "option", "aria-selected": String(n === choice), onclick: () => { area.value = ""; list.hidden = true; say(`/${one.command}`); } }, el("code", null, `/${one.command}`), el("span", null, one.description))));
  };
  area.addEventListener("input", () => { grow(); choice = -1; suggest(); });
  area.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (!list.hidden && (event.key === "ArrowDown" || event.key === "ArrowUp")) { event.preventDefault(); choice += event.key === "ArrowDown" ? 1 : -1; const n = list.children.length; choice = (choice + n) % n; suggest(); return; }
    if (!list.hidden && event.key === "Tab") { event.preventDefault(); area.value = `${list.children[Math.max(choice, 0)].querySelector("code").textContent} `; suggest(); return; }
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); if (!list.hidden && choice >= 0 && list.children[choice].querySelector("code").textContent !== area.value) list.children[choice].click(); else send(); }
    else if (event.key === "ArrowUp" && !area.value) { const mine = now.chat.messages.filter((one) => one.mine && one.text && !one.forward).at(-1); if (mine) { event.preventDefault(); now.about = { edit: mine }; drawFoot(); area.value = mine.text; grow(); } }
  });
  const send = () => { const text = area.value; if (!text.trim()) return; area.value = ""; now.draft.delete(`${now.as}:${now.key}`); list.hidden = true; grow(); say(text); };
  const file = el("input", { type: "file", accept: "image/*", hidden: true, "aria-hidden": "true", tabindex: "-1", onchange: async () => { const one = file.files[0]; file.value = ""; if (one) await sendPhoto(one, area); } });
  const board = el("div.board", { hidden: true });
  $("foot").replaceChildren(el("div.foot-inner", null, list, el("div.about-slot"), el("div.compose", null,
    el("button.icon-button", { type: "button", "aria-label": t("photo"), title: t("photo"), onclick: () => file.click() }, icon("picture")), file,
    el("button.voice.icon-button", { type: "button", hidden: true, "aria-label": t("voice"), title: t("voice"), "aria-haspopup": "menu", onclick: (event) => { const box = event.currentTarget.getBoundingClientRect(), mine = `${now.as}:${now.key}`; openMenu(box.left, box.top - 8, [[t("myself"), () => { now.voices.delete(mine); drawFoot(); }], ...(now.chat.voices ?? []).map((one) => [el("bdi", null, one.title), () => { now.voices.set(mine, one.key); drawFoot(); }])]); } }),
    area,
    el("button.icon-button", { type: "button", "aria-label": t("emoji"), title: t("emoji"), onclick: (event) => { const box = event.currentTarget.getBoundingClientRect(); openMenu(box.right - 310, box.top - 8, [], el("div.emojis", null, EMOJI.map((emoji) => el("button", { type: "button", onclick: () => { const at = area.selectionStart ?? area.value.length; area.setRangeText(emoji, at, area.selectionEnd ?? at, "end"); closeMenu(); area.focus(); grow(); } }, emoji)))); } }, icon("smile")),
    el("button.send", { type: "button", "aria-label": t("send"), title: t("send"), onclick: send }, icon("send"))), board));
  grow();
}
async function say(text) {
  const about = now.about;
  now.about = null;
  drawFoot();
  const done = about?.edit ? await act("edit", { chat: now.key, message: about.edit.id, text }) : await act("say", { chat: now.key, text, reply_to: about?.reply?.id, voice: now.voices.get(`${now.as}:${now.key}`) });
  if (!done) { const area = $("foot").querySelector("textarea"); if (area && !area.value) area.value = text; return; }
  if (/签到|簽到|打卡|\/checkin/.test(text)) tick("checkin");
  await loadChat(true);
}
async function sendPhoto(file, area) {
  if (file.size > 8 * 1024 * 1024) return toast(t("too_big"), "error");
  const body = new FormData();
  body.append("as", String(now.as)); body.append("chat", now.key); body.append("caption", area.value.trim()); body.append("photo", file);
  area.value = "";
  try { await ask("photo", { method: "POST", body }); await loadChat(true); } catch (error) { toast(error.message, "error"); }
}

// ---------------------------------------------------------------- behind the curtain
const SAID = ["text", "caption", "action", "emoji", "tag"];
const QUIET = new Set(["chat_id", "reply_parameters", "parse_mode", "callback_query_id", "offset", "timeout", "limit", "link_preview_options", ...SAID]);
/** What a call says in one line: the words first, then the other parameters that mean something. */
function paramLine(call) {
  const said = SAID.map((name) => call.params[name]).find(Boolean);
  const rest = Object.entries(call.params).filter(([name]) => !QUIET.has(name)).map(([name, value]) => `${name}: ${value}`).join(" · ");
  return [said ? el("span.said", null, said) : null, said && rest ? " — " : "", rest];
}
function feedRow(node) { node.addEventListener("click", () => node.classList.toggle("open")); return node; }
function drawCalls(calls, whole) {
  const feed = $("calls");
  const nodes = calls.filter((one) => one.method.toLowerCase() !== "getupdates" || !one.ok).map((one) => feedRow(el(`li${one.ok ? "" : one.code === 429 ? ".flood" : ".bad"}${one.injected ? ".injected" : ""}${whole ? "" : ".fresh"}`, null,
    el("span.what", null, one.method), el("span.where", null, one.where ? ["→ ", el("bdi", null, one.where)] : ""), el("span.result", null, one.ok ? "" : one.code ? `${one.code}` : t("lost")), el("span.when", null, seconds(one.at, zone())),
    el("span.detail", { dir: "auto" }, one.ok ? null : `${one.code ? one.error ?? "" : ""}${one.injected ? ` [${knows(`fault_${one.injected}`) ? t(`fault_${one.injected}`) : one.injected}]` : ""} `, paramLine(one)))));
  if (whole) feed.replaceChildren(...nodes.reverse()); else feed.prepend(...nodes.reverse());
  while (feed.children.length > 150) feed.lastChild.remove();
  if (!feed.children.length) feed.append(el("li.faint", null, t("none_yet"))); else if (feed.children.length > 1) feed.querySelector(".faint:not(span)")?.remove();
}
function drawRemembered(kept, whole) {
  if (!kept) return;
  const feed = $("remembered");
  const up = kept.up;
  $("remembered-state").textContent = up ? t("live") : "";
  if (kept.totals) {
    $("totals").replaceChildren(...["interactions", "fans", "letters_sent", "letters_waiting", "inbox_waiting", "dead"].filter((name) => name in kept.totals).map((name) => el(`div${name === "dead" && kept.totals[name] ? ".worry" : ""}`, { "data-total": name }, el("b", null, String(kept.totals[name])), el("span", null, t(name)))));
  }
  let asleep = document.querySelector(".asleep");
  if (!up) {
    if (!asleep) { asleep = el("div.asleep", { role: "status" }); $("totals").before(asleep); }
    asleep.textContent = kept.totals ? t("rows_down") : t("rows_wait");
  } else asleep?.remove();
  const nodes = (kept.rows ?? []).map((row) => feedRow(el(`li${whole ? "" : ".fresh"}`, null,
    el("span.kind", null, knows(`k_${row.kind}`) ? t(`k_${row.kind}`) : String(row.kind)), el("span.where", null, el("bdi", null, row.who ?? (row.fan_id ? String(row.fan_id) : ""))), el("span"), el("span.when", null, row.at_ms ? seconds(row.at_ms, zone()) : ""),
    row.text ? el("span.detail", { dir: "auto" }, row.text) : null)));
  if (whole) feed.replaceChildren(...nodes.reverse()); else feed.prepend(...nodes.reverse());
  while (feed.children.length > 150) feed.lastChild.remove();
}
function drawProcess(process) {
  now.state.process = { ...now.state.process, ...process };
  $("process-dot").dataset.state = process.state;
  $("process-text").textContent = t(process.state);
  $("kill").disabled = process.state !== "running";
  $("kill").hidden = process.state === "none";
}
function drawSimulation(simulation) {
  now.state.simulation = simulation;
  $("simulation").setAttribute("aria-checked", String(simulation.on));
}
function drawLog(lines, more = false) {
  const log = $("log");
  const end = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const nodes = lines.map((line) => el(`li${/\[?error|Traceback|CRITICAL/i.test(line) ? ".bad" : /\[?warning/i.test(line) ? ".flood" : ""}`, null, line.replace(/^\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)\.\d+Z \[(\w+)\s*\] */, "$1 $2 ").replace(/ {2,}/g, "  ")));
  if (more) log.append(...nodes); else log.replaceChildren(...nodes);
  while (log.children.length > 400) log.firstChild.remove();
  if (end) log.scrollTop = log.scrollHeight;
}
function drawLint(lint) {
  $("lint").hidden = !lint?.length;
  $("lint").replaceChildren(el("b", null, t("lint")), el("ul", null, (lint ?? []).map((line) => el("li", null, line))));
}
const choice = (label, run, props = {}) => el(`button.choice${props.red ? ".red" : ""}`, { type: "button", onclick: run, "aria-pressed": props.on === undefined ? null : String(props.on) }, label);
function drawWeather() {
  const { simulation, process, faults, flood } = now.state, clock = now.clock;
  const panel = $("panel-weather"), scroll = panel.scrollTop;
  const method = el("select", { "aria-label": t("fault_method"), onchange: (event) => { now.faultMethod = event.target.value; } }, METHODS.map((name) => el("option", { value: name, selected: name === now.faultMethod }, name === "*" ? t("all_calls") : name)));
  const times = el("select", { "aria-label": t("fault_times"), onchange: (event) => { now.faultTimes = Number(event.target.value); } }, [1, 2, 3, 5, 10].map((n) => el("option", { value: n, selected: n === now.faultTimes }, String(n))));
  const pace = el("input", { type: "range", min: 2, max: 120, step: 2, value: simulation.pace, "aria-label": t("pace"), oninput: (event) => { event.target.nextSibling.textContent = t("per_minute", event.target.value); }, onchange: (event) => act("simulation", { pace: Number(event.target.value) }) });
  panel.replaceChildren(
    el("section.card", null, el("h3", null, t("clock_h")), el("p", null, t("clock_p")), el("div.now", { id: "clock-big" }),
      el("div.choices", null, choice(t("hour"), () => act("clock", { advance: 3600 })), choice(t("morning"), () => act("clock", { to: "morning" })), choice(t("day"), () => act("clock", { advance: 86400 })), choice(t("week"), () => act("clock", { advance: 604800 }))),
      el("div.choices", { style: { marginTop: "8px" } }, [1, 60, 600, 3600].map((n) => choice(n === 1 ? t("real") : t("times", n), () => act("clock", { speed: n }), { on: clock?.speed === n })))),
    el("section.card", null, el("h3", null, t("process_h"), " ", el("span.faint", null, t(process.state), process.pid ? ` · pid ${process.pid}` : "", process.restarts ? ` · ${t("restarts", process.restarts)}` : "")), el("p", null, t("process_p")),
      el("div.choices", null, choice(t("kill"), () => act("process", { do: "kill" }), { red: true }), choice(t("stop"), () => act("process", { do: "stop" })), choice(t("start_it"), () => act("process", { do: "start" })))),
    el("section.card", null, el("h3", null, t("faults_h")), el("p", null, t("faults_p")),
      el("label", null, el("span", null, t("fault_method")), method), el("label", null, el("span", null, t("fault_times")), times),
      el("div.choices", null, FAULTS.map((kind) => choice(t(`fault_${kind}`), async () => { if (await act("fault", { kind, method: now.faultMethod, times: now.faultTimes })) toast(t("fault_set")); }))),
      faults.length ? el("ul", null, faults.map((one) => el("li", null, t("fault_active", t(`fault_${one.kind}`), one.method === "*" ? t("all_calls") : one.method, one.times)))) : null,
      faults.length ? el("div.choices", { style: { marginTop: "8px" } }, choice(t("fault_clear"), () => act("fault", { kind: "clear" }), { red: true })) : null),
    el("section.card", null, el("h3", null, t("unruly_h")), el("p", null, t("unruly_p")), el("div.choices", null, choice(t("on"), () => act("unruly", { on: true }), { on: now.state.unruly }), choice(t("off"), () => act("unruly", { on: false }), { on: !now.state.unruly }))),
    el("section.card", null, el("h3", null, t("flood_h")), el("p", null, t("flood_p")), el("div.choices", null, choice(t("on"), () => act("flood", { on: true }), { on: flood }), choice(t("off"), () => act("flood", { on: false }), { on: !flood }))),
    el("section.card", null, el("h3", null, t("simulation_h")), el("p", null, t("simulation_p")), el("label", null, pace, el("span", null, t("per_minute", simulation.pace))), el("div.choices", null, choice(t("on"), () => act("simulation", { on: true }), { on: simulation.on }), choice(t("off"), () => act("simulation", { on: false }), { on: !simulation.on }))));
  panel.scrollTop = scroll;
  drawClock();
}
function setClock(clock) { now.clock = { ...clock, got: performance.now() }; }
function drawClock() {
  if (!now.clock) return;
  const [day, hour] = dateLine(clockNow(), zone());
  $("clock-text").replaceChildren(el("span.clock-day", null, `${day} `), hour);
  $("clock-speed").textContent = now.clock.speed === 1 ? "" : `×${now.clock.speed}`;
  const big = $("clock-big");
  if (big) big.replaceChildren(`${day} ${hour} `, el("small", null, t("zone")));
}
setInterval(drawClock, 1000);

// ---------------------------------------------------------------- the first visit
const STEPS = ["join", "checkin", "look", "kill", "other"];
function tick(step) {
  const done = new Set(store.get("guide", []));
  if (done.has("closed") || done.has(step)) return;
  done.add(step);
  if (step === "checkin") done.add("look");
  store.set("guide", [...done]);
  drawGuide();
}
function drawGuide() {
  const done = new Set(store.get("guide", []));
  if (now.state?.people.some((one) => one.visitor) && now.state.joined) done.add("join");
  if (done.has("closed") || STEPS.every((step) => done.has(step))) return $("guide").replaceChildren();
  $("guide").replaceChildren(el("b", null, t("guide_h")), el("ul", null, STEPS.map((step) => el(`li${done.has(step) ? ".done" : ""}`, null, t(`guide_${step}`)))),
    el("button.icon-button", { type: "button", "aria-label": "×", onclick: () => { store.set("guide", ["closed"]); drawGuide(); } }, "×"));
}

// ---------------------------------------------------------------- the frame's hands
function showTab(name) {
  for (const tab of document.querySelectorAll("[data-tab]")) tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
  for (const one of ["live", "weather", "log"]) $(`panel-${one}`).hidden = one !== name;
  $("guide").hidden = name !== "live";
  if (name === "log") $("log").scrollTop = $("log").scrollHeight;
}
function openPanel() { document.body.dataset.panel = "open"; if (innerWidth <= 1020) $("panel-close").focus(); }
function closePanel() { delete document.body.dataset.panel; }
function goBack() { if (history.state?.view === "chat") history.back(); else document.body.dataset.view = "people"; }
addEventListener("popstate", () => { document.body.dataset.view = "people"; closePanel(); });
for (const tab of document.querySelectorAll("[data-tab]")) {
  tab.addEventListener("click", () => showTab(tab.dataset.tab));
  tab.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
    const tabs = [...document.querySelectorAll("[data-tab]")], next = tabs[(tabs.indexOf(tab) + (event.key === "ArrowRight" ? 1 : 2)) % 3];
    next.focus(); next.click();
  });
}
$("clock").addEventListener("click", () => { showTab("weather"); openPanel(); });
$("process").addEventListener("click", () => { showTab("log"); openPanel(); });
$("kill").addEventListener("click", async () => { if (await act("process", { do: "kill" })) tick("kill"); });
$("simulation").addEventListener("click", () => act("simulation", { on: !now.state?.simulation.on }));
$("language").addEventListener("click", () => { setLocale(getLocale() === "zh" ? "en" : "zh"); store.set("lang", getLocale()); if (now.state) { drawAll(); if (now.chat) drawChat(false); } else drawFrame(); });
$("panel-open").addEventListener("click", openPanel);
$("panel-close").addEventListener("click", closePanel);
$("add-person").addEventListener("click", askPerson);
$("to-end").addEventListener("click", () => { $("stream").scrollTop = $("stream").scrollHeight; });
$("stream").addEventListener("scroll", () => { const s = $("stream"); now.atEnd = s.scrollHeight - s.scrollTop - s.clientHeight < 90; if (now.atEnd) $("to-end").hidden = true; });
$("messages").addEventListener("click", (event) => { const away = event.target.closest("a[href]:not([data-command])"); if (away && INSIDE.test(away.href)) { event.preventDefault(); openInside(away.href); return; } const link = event.target.closest("[data-command]"); if (link) { event.preventDefault(); if (now.chat?.can_say || now.chat?.started) say(link.dataset.command); } });
$("dialog").addEventListener("click", (event) => { if (event.target === $("dialog")) $("dialog").close(); });
addEventListener("pointerdown", (event) => { if (!$("menu").hidden && !event.target.closest("#menu")) closeMenu(); });
addEventListener("keydown", (event) => {
  if (!$("menu").hidden && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    const items = [...$("menu").querySelectorAll("button")];
    items[(items.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : items.length - 1)) % items.length]?.focus();
    event.preventDefault();
    return;
  }
  if (event.key !== "Escape" || event.isComposing) return;
  if (!$("menu").hidden) closeMenu();
  else if ($("dialog").open) return;
  else if (!$("foot").querySelector(".commands")?.hidden && $("foot").querySelector(".commands")) $("foot").querySelector(".commands").hidden = true;
  else if (now.about) dropAbout();
  else if (document.body.dataset.panel) closePanel();
  else if (innerWidth <= 720 && document.body.dataset.view === "chat") goBack();
});

// ---------------------------------------------------------------- live
function listen() {
  const source = new EventSource("events");
  let lost = 0;
  source.onopen = () => { document.querySelector(".offline")?.remove(); if (lost) { lost = 0; refreshState(); refreshChat(); } };
  source.onerror = () => { lost += 1; if (!document.querySelector(".offline")) document.body.prepend(el("div.offline", { role: "status" }, t("disconnected"))); };
  source.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    if (!now.state) return;
    switch (event.type) {
      case "touch": {
        if (event.user && event.user !== now.as) break;
        if (event.typing) { if (event.chat === now.key) { now.typing = true; setTimeout(() => { now.typing = null; if (now.chat) drawChat(false); }, 4000); if (now.chat) drawChat(false); } break; }
        if (event.last) now.typing = null;
        if (event.chat === now.key) refreshChat();
        const dialog = now.state.dialogs.find((one) => one.key === event.chat) ?? now.state.places.find((one) => one.key === event.chat);
        if (!dialog) { refreshPeople(); break; }
        if (event.last) {
          dialog.last = event.last;
          const mine = event.from === now.as;
          const looking = event.chat === now.key && (innerWidth > 720 || document.body.dataset.view === "chat");
          if (dialog.member && !mine && !looking) now.unread.set(`${now.as}:${event.chat}`, (now.unread.get(`${now.as}:${event.chat}`) ?? 0) + 1);
          drawChatsSoon();
        }
        break;
      }
      case "people": refreshPeople(); refreshChat(); break;
      case "call": drawCalls([event.call], false); break;
      case "clock": setClock(event.clock); drawWeather(); break;
      case "process": drawProcess(event.process); drawWeather(); break;
      case "log": drawLog(event.lines, true); break;
      case "remembered": drawRemembered(event, false); if (event.totals) now.state.remembered = { ...now.state.remembered, up: event.up, totals: event.totals, rows: [...(now.state.remembered?.rows ?? []), ...event.rows].slice(-150) }; break;
      case "lint": now.state.lint = event.lint; drawLint(event.lint); break;
      case "simulation": drawSimulation(event.simulation); drawWeather(); break;
      case "faults": now.state.faults = event.faults; now.state.flood = event.flood; now.state.unruly = event.unruly; drawWeather(); break;
      case "reset": refreshState(); refreshChat(); break;
    }
  };
}
const drawChatsSoon = later(200, drawChats);

if (params.has("as")) now.as = Number(params.get("as"));
if (params.has("chat")) now.key = params.get("chat");
drawFrame();
showTab(params.get("tab") ?? "live");
await loadState();
if (now.key && innerWidth > 720) { document.body.dataset.view = "chat"; await loadChat(true); }
else if (params.has("chat")) await openChat(now.key);
listen();
document.documentElement.dataset.ready = "true";
