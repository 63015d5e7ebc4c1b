// What the page says, in Chinese and in English; each written by itself.
const WORDS = {
  zh: {
    brand: "人情 · 游乐场", title: "人情 · 游乐场", chats: "聊天", people: "换个人看看", add_person: "加个人", panel_short: "幕后", back: "返回",
    simulation: "热闹一下", simulation_tip: "让粉丝们自己聊起来", clock_tip: "时间与意外", process_tip: "机器人的进程", kill_tip: "拔掉机器人的电源，看它会不会丢东西",
    tab_live: "幕后", tab_weather: "时间与意外", tab_log: "日志",
    calls: "机器人做了什么", remembered: "它记住了什么", rows_down: "机器人没在运行。它知道的都好好存在磁盘上。", rows_wait: "机器人还没说它记得什么。", live: "实时",
    interactions: "互动", fans: "粉丝", letters_sent: "已说的话", letters_waiting: "要说的话", inbox_waiting: "待处理", dead: "处理不了",
    influencer: "博主", admin: "管理员", fan: "粉丝", bot: "机器人", you: "你", owner: "群主", member: "成员", channel: "频道", left: "不在群里", kicked: "被移出", restricted: "受限",
    private: "私聊", group: "群", supergroup: "群", members: n => `${n} 位成员`, subscribers: n => `${n} 位订阅者`,
    running: "运行中", starting: "启动中", killed: "被杀死了", crashed: "崩溃了", stopped: "已停止", stopping: "正在停止", none: "没有机器人",
    process_h: "机器人", process_p: "杀掉它，过一会儿它会自己回来。什么都不会丢；正要说出口的那一句，最多再说一遍。", kill: "kill -9", stop: "好好停下", start_it: "启动", restarts: n => `已重启 ${n} 次`,
    say: "说点什么…", say_channel: "发一条频道消息…", send: "发送", emoji: "表情", photo: "图片", start: "开始", join: "加入", leave: "离开", unblock: "解除屏蔽", block: "屏蔽机器人",
    join_group: "加入群聊", join_channel: "订阅频道", you_left: "你还不在这里面，加入之后就能说话。", channel_mute: "频道里只有管理员能发言", cannot_say: "你现在不能在这里发言",
    reply: "回复", edit: "编辑", remove: "删除", forward: "转发", pin: "置顶", unpin: "取消置顶", copy: "复制文字", more: "更多", cancel: "取消", ok: "好", copied: "已复制",
    edited: "已编辑", forwarded_from: name => `转发自 ${name}`, only_you: "只有你能看到", deleted: "已删除的消息", pinned: "置顶消息",
    photo_word: "图片", video: "视频", audio: "音乐", voice: "语音", document: "文件", sticker: "贴纸", animation: "动图", video_note: "视频消息", dice: "骰子", poll: "投票", album: "相册",
    typing: "正在输入…", pick_chat: "挑一个聊天", pick_chat_p: "左边是这个人的聊天；换个人，看到的就是那个人的世界。", no_messages: "还没有消息", press_start: "点下面的“开始”，机器人才能给你发消息。",
    forward_to: "转发到哪里？", new_group: "建一个群", new_group_name: "群名", new_channel: "建一个频道", create: "建好", add_bot: "把机器人拉进来", promote: "设为管理员", demote: "取消管理员", kick: "移出", mute: "禁言", unmute: "解除禁言", knocks: "想进群", let_in: "放行", turn_away: "谢绝", voice: "以谁的身份说话", myself: "我自己", invite: "拉人进来", members_h: "成员",
    bot_answer: "机器人", button_other: "这种按钮在游乐场里还没有。", no_answer: "机器人还没有回应。它醒来之后会处理。", open_link: "打开这个链接？", open: "打开", external: "这是一个外部链接，游乐场不会替你打开。",
    name: "名字", language: "语言", role: "身份", add_person_h: "加一个人", add: "加进来", name_hint: "比如：林小满 🌱",
    clock_h: "时间", clock_p: "群里的一天从北京时间 0 点开始。把时间往前拨，看看明天会怎样。", hour: "+1 小时", morning: "到明早 8:00", day: "+1 天", week: "+7 天", speed: "快慢", real: "正常", times: n => `×${n}`, back_to_now: "回到现在",
    faults_h: "意外", faults_p: "让 Telegram 出点状况，看机器人怎么应付。", fault_429: "说太快了 (429)", fault_403: "被拒收 (403)", fault_400: "请求有误 (400)", fault_500: "服务器出错 (500)", fault_lost_answer: "发出去了，回执丢了", fault_timeout_before: "没发出去就断线", fault_timeout_after: "发出去后断线", fault_drop_before: "连接断开", fault_slow: "很慢", fault_wrong_json: "乱码回答", fault_migrate: "群升级", fault_times: "接下来几次", fault_method: "哪个方法", any_send: "任何发送", all_calls: "任何调用", fault_clear: "全部清除", fault_active: (kind, method, left) => `${kind} · ${method} · 还剩 ${left} 次`, fault_set: "已埋好",
    simulation_h: "热闹的粉丝们", simulation_p: "他们聊天、签到、点按钮、回应、转发、进进出出。", pace: "每分钟", per_minute: n => `${n} 件事`,
    unruly_h: "捣蛋的更新", unruly_p: "有的重复送达，有的带着没见过的字段，有的整个没见过。", flood_h: "发言限速", flood_p: "和 Telegram 一样：同一个群每分钟 20 条，每秒全局 30 条。", on: "开", off: "关",
    guide_h: "你是新来的粉丝", guide_join: "进群：点“加入群聊”", guide_checkin: "发“签到”，或点签到按钮", guide_look: "右边看看机器人做了什么、记住了什么", guide_kill: "签到时点 kill -9，看它醒来后接着说", guide_other: "换成小鹿或管理员，看看他们看到的",
    today: "今天", yesterday: "昨天", zone: "北京时间", disconnected: "和游乐场断开了，正在重连…", too_big: "图片太大了（最多 8 MB）。", nobody: "还没有人", none_yet: "还没有",
    s_joined: (who, by) => by && by !== who ? `${by} 邀请 ${who} 进群` : `${who} 进群了`, s_left: (who, by) => by && by !== who ? `${by} 把 ${who} 移出了群` : `${who} 离开了群`, s_title: (who, by, t) => `${by} 把群名改成了“${t}”`, s_pinned: (who, by, t) => `${by} 置顶了：${t}`, s_created: (who, by, t) => `${by} 建了“${t}”`, s_upgraded: () => "群升级成了超级群", s_photo: (w, by) => `${by} 换了群头像`, s_other: (w, by, t) => t || "系统消息",
    ok_result: "好", lost: "丢了", requested: "已经敲门，等管理员放行。", lint: "Telegram 会悄悄忽略这些：", roles: { fan: "粉丝", influencer: "博主", admin: "管理员" }, chosen: name => `现在你是 ${name}`, reply_keyboard_hide: "收起键盘", waiting: "等待中", blocked_note: "你屏蔽了这个机器人",
    k_message: "消息", k_command: "命令", k_reply: "回复", k_media: "图片", k_forward: "转发", k_edit: "编辑", k_channel_post: "频道", k_channel_edit: "频道编辑", k_comment: "评论", k_press: "按钮", k_inline_query: "内联", k_inline_chosen: "内联", k_reaction: "回应", k_reaction_count: "回应数", k_vote: "投票", k_poll: "投票", k_join: "进群", k_leave: "离开", k_member: "成员", k_join_request: "申请", k_block: "屏蔽", k_unblock: "解除屏蔽", k_bot_member: "机器人", k_service: "系统", k_migration: "群升级", k_boost: "助力", k_unboost: "助力", k_payment: "付款", k_other: "其他",
  },
  en: {
    brand: "Renqing · playground", title: "Renqing · playground", chats: "Chats", people: "Be someone else", add_person: "Add", panel_short: "Backstage", back: "Back",
    simulation: "Liven it up", simulation_tip: "Let the fans talk by themselves", clock_tip: "Time and trouble", process_tip: "The bot's process", kill_tip: "Pull the plug on the bot and see whether anything is lost",
    tab_live: "Backstage", tab_weather: "Time & trouble", tab_log: "Log",
    calls: "What the bot did", remembered: "What it remembers", rows_down: "The bot is down. What it knew is kept on disk.", rows_wait: "The bot has not said yet what it remembers.", live: "live",
    interactions: "interactions", fans: "fans", letters_sent: "letters said", letters_waiting: "letters to say", inbox_waiting: "waiting", dead: "given up",
    influencer: "influencer", admin: "admin", fan: "fan", bot: "bot", you: "you", owner: "owner", member: "member", channel: "channel", left: "not here", kicked: "removed", restricted: "restricted",
    private: "private", group: "group", supergroup: "group", members: n => `${n} member${n === 1 ? "" : "s"}`, subscribers: n => `${n} subscriber${n === 1 ? "" : "s"}`,
    running: "running", starting: "starting", killed: "killed", crashed: "crashed", stopped: "stopped", stopping: "stopping", none: "no bot",
    process_h: "The bot", process_p: "Kill it, and it comes back by itself. Nothing is lost; the one reply that was on its way may be said once more.", kill: "kill -9", stop: "Stop gently", start_it: "Start", restarts: n => `restarted ${n} ×`,
    say: "Say something…", say_channel: "Post to the channel…", send: "Send", emoji: "Emoji", photo: "Photo", start: "Start", join: "Join", leave: "Leave", unblock: "Unblock", block: "Block the bot",
    join_group: "Join the group", join_channel: "Join the channel", you_left: "You are not in here yet. Join to talk.", channel_mute: "Only admins post in a channel", cannot_say: "You cannot write here now",
    reply: "Reply", edit: "Edit", remove: "Delete", forward: "Forward", pin: "Pin", unpin: "Unpin", copy: "Copy text", more: "More", cancel: "Cancel", ok: "OK", copied: "Copied",
    edited: "edited", forwarded_from: name => `Forwarded from ${name}`, only_you: "Only you can see this", deleted: "Deleted message", pinned: "Pinned message",
    photo_word: "Photo", video: "Video", audio: "Music", voice: "Voice message", document: "File", sticker: "Sticker", animation: "GIF", video_note: "Video message", dice: "Dice", poll: "Poll", album: "Album",
    typing: "is typing…", pick_chat: "Pick a chat", pick_chat_p: "On the left are this person's chats. Be someone else, and you see the world as they do.", no_messages: "No messages yet", press_start: "Press Start below, so that the bot may write to you.",
    forward_to: "Forward to…", new_group: "New group", new_group_name: "Group name", new_channel: "New channel", create: "Create", add_bot: "Add the bot", promote: "Make admin", demote: "No longer admin", kick: "Remove", mute: "Mute", unmute: "Unmute", knocks: "wants to join", let_in: "Let in", turn_away: "Turn away", voice: "Speak as", myself: "Myself", invite: "Add people", members_h: "Members",
    bot_answer: "The bot", button_other: "The playground does not know this kind of button yet.", no_answer: "The bot has not answered yet. It will when it wakes up.", open_link: "Open this link?", open: "Open", external: "An outside link; the playground does not open it for you.",
    name: "Name", language: "Language", role: "Role", add_person_h: "Add a person", add: "Add", name_hint: "e.g. Maya 🌱",
    clock_h: "Time", clock_p: "The community's day begins at midnight in Shanghai. Move the clock and see what tomorrow brings.", hour: "+1 hour", morning: "to tomorrow 8:00", day: "+1 day", week: "+7 days", speed: "Pace", real: "real", times: n => `×${n}`, back_to_now: "Back to now",
    faults_h: "Trouble", faults_p: "Let Telegram misbehave, and see how the bot copes.", fault_429: "Too fast (429)", fault_403: "Blocked (403)", fault_400: "Bad request (400)", fault_500: "Server error (500)", fault_lost_answer: "Sent, but the receipt is lost", fault_timeout_before: "Cut off before sending", fault_timeout_after: "Cut off after sending", fault_drop_before: "Connection drops", fault_slow: "Very slow", fault_wrong_json: "Garbled answer", fault_migrate: "Group upgrades", fault_times: "How often", fault_method: "Which method", any_send: "sendMessage", all_calls: "any call", fault_clear: "Clear all", fault_active: (kind, method, left) => `${kind} · ${method} · ${left} left`, fault_set: "Set",
    simulation_h: "Lively fans", simulation_p: "They talk, check in, press, react, forward, come and go.", pace: "Per minute", per_minute: n => `${n} things`,
    unruly_h: "Unruly updates", unruly_p: "Some come twice, some bring unknown fields, some are of an unknown kind.", flood_h: "Speed limits", flood_p: "Like Telegram's: 20 messages a minute in a group, 30 a second in all.", on: "On", off: "Off",
    guide_h: "You are a new fan", guide_join: "Join the group", guide_checkin: "Say “签到” or /checkin, or press the button", guide_look: "On the right: what the bot did and what it remembers", guide_kill: "Press kill -9 while it answers; watch it carry on", guide_other: "Be Lulu or her admin: see what they see",
    today: "Today", yesterday: "Yesterday", zone: "Shanghai", disconnected: "Lost touch with the playground; trying again…", too_big: "That picture is too large (8 MB at most).", nobody: "Nobody yet", none_yet: "Nothing yet",
    s_joined: (who, by) => by && by !== who ? `${by} added ${who}` : `${who} joined`, s_left: (who, by) => by && by !== who ? `${by} removed ${who}` : `${who} left`, s_title: (who, by, t) => `${by} renamed this to “${t}”`, s_pinned: (who, by, t) => `${by} pinned: ${t}`, s_created: (who, by, t) => `${by} made “${t}”`, s_upgraded: () => "The group became a supergroup", s_photo: (w, by) => `${by} changed the picture`, s_other: (w, by, t) => t || "Service message",
    ok_result: "ok", lost: "lost", requested: "You knocked; an admin has to let you in.", lint: "Telegram would silently ignore:", roles: { fan: "fan", influencer: "influencer", admin: "admin" }, chosen: name => `You are ${name} now`, reply_keyboard_hide: "Hide keyboard", waiting: "waiting", blocked_note: "You blocked this bot",
    k_message: "message", k_command: "command", k_reply: "reply", k_media: "media", k_forward: "forward", k_edit: "edit", k_channel_post: "post", k_channel_edit: "post edited", k_comment: "comment", k_press: "button", k_inline_query: "inline", k_inline_chosen: "inline", k_reaction: "reaction", k_reaction_count: "reactions", k_vote: "vote", k_poll: "poll", k_join: "joined", k_leave: "left", k_member: "member", k_join_request: "asks to join", k_block: "blocked", k_unblock: "unblocked", k_bot_member: "the bot", k_service: "service", k_migration: "upgraded", k_boost: "boost", k_unboost: "boost ended", k_payment: "payment", k_other: "other",
  },
};

export const LANGUAGES = [
  ["zh-hans", "简体中文"], ["zh-hant", "繁體中文"], ["en", "English"], ["ja", "日本語"], ["ko", "한국어"], ["ru", "Русский"],
  ["ar", "العربية"], ["he", "עברית"], ["es", "Español"], ["de", "Deutsch"], ["id", "Indonesia"],
];

let locale = "zh";
export const setLocale = (to) => { locale = to === "en" ? "en" : "zh"; };
export const getLocale = () => locale;
/** The words for `key`; words with slots take their values as further arguments. */
export function t(key, ...slots) {
  const word = WORDS[locale][key] ?? WORDS.zh[key];
  if (word === undefined) return key;
  return typeof word === "function" ? word(...slots) : word;
}
export const knows = (key) => key in WORDS.zh;

const FORMATS = new Map();
function format(options, zone) {
  const key = JSON.stringify([locale, options, zone]);
  if (!FORMATS.has(key)) FORMATS.set(key, new Intl.DateTimeFormat(locale === "zh" ? "zh-CN" : "en-GB", { timeZone: zone, ...options }));
  return FORMATS.get(key);
}
export const hours = (ms, zone) => format({ hour: "2-digit", minute: "2-digit", hour12: false }, zone).format(ms);
export const seconds = (ms, zone) => format({ hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }, zone).format(ms);
export const dayKey = (ms, zone) => new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(ms);
export function dayName(ms, now, zone) {
  if (dayKey(ms, zone) === dayKey(now, zone)) return t("today");
  if (dayKey(ms, zone) === dayKey(now - 86400000, zone)) return t("yesterday");
  return format({ month: "long", day: "numeric", weekday: "short" }, zone).format(ms);
}
export const dateLine = (ms, zone) => [format({ month: "numeric", day: "numeric", weekday: "short" }, zone).format(ms), hours(ms, zone)];
