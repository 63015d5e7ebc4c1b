"""What the simulated fans say: talk of a singer's and illustrator's fan group, by language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Talk:
    """One topic: somebody opens it and others, perhaps, answer. `{…}` are slots (see SLOTS)."""

    opening: str
    answers: tuple[str, ...] = ()


SLOTS: dict[str, dict[str, tuple[str, ...]]] = {
    "zh": {
        "song": (
            "《林间》",
            "《慢慢走》",
            "《雨停了》",
            "《晚风信》",
            "《第七棵树》",
            "《小夜灯》",
        ),
        "work": (
            "那张雪地小鹿",
            "新头像",
            "《森林邮局》那组",
            "雨天那张",
            "猫和窗台",
            "去年的台历",
        ),
        "city": ("杭州", "成都", "武汉", "广州", "南京", "哈尔滨", "厦门", "台北"),
        "food": ("小馄饨", "烤红薯", "螺蛳粉", "豆花", "糖炒栗子", "肠粉", "关东煮"),
    },
    "en": {
        "song": ("“Lin Jian”", "“Walk Slowly”", "“After the Rain”", "“Night Lamp”"),
        "work": ("the deer in the snow", "the forest post office", "the rainy window", "the cat"),
        "city": ("Leeds", "Toronto", "Manila", "Berlin", "Melbourne", "Singapore"),
        "food": ("ramen", "pancakes", "soup", "dumplings", "leftover pizza"),
    },
}

TALKS: dict[str, tuple[Talk, ...]] = {
    "zh": (
        Talk(
            "昨晚又循环了一晚上{song}",
            ("同循环，副歌那句直接破防", "我是前奏一响就不行了", "建议睡觉（我也没睡）"),
        ),
        Talk(
            "有没有人跟我一样，喜欢{work}喜欢到设成壁纸",
            ("举手", "我锁屏就是这张", "求一张原图哈哈"),
        ),
        Talk("{city}下雨了，适合听{song}", ("羡慕，我们这边热得要命", "雨天+这首=绝配", "带伞呀")),
        Talk(
            "今天加班到现在，打开群看到大家心情好一点",
            ("抱抱，快去吃点热的", "辛苦啦", "快下班快下班"),
        ),
        Talk("刚考完试！感觉还行", ("恭喜解放！", "接好运", "今晚可以安心听歌了")),
        Talk(
            "小鹿上次直播说的那支笔是什么牌子来着",
            ("好像是樱花的 0.3", "我记得是随手拿的圆珠笔哈哈", "去翻翻频道，应该有写"),
        ),
        Talk(
            "试着临摹了一下{work}，画成了驴",
            ("哈哈哈哈发出来看看", "驴也可爱", "第一张都这样，多画几张就好了"),
        ),
        Talk(
            "我妈今天问我天天听的是谁，我把她拉入坑了",
            ("阿姨好！", "下次带阿姨一起来群里", "这就是安利的力量"),
        ),
        Talk(
            "周边到了！包装好用心，还有手写卡", ("我的还在路上", "卡片写的啥可以说吗", "羡慕哭了")
        ),
        Talk(
            "有人在{city}吗，想一起去看展",
            ("我在！周末可以", "坐标隔壁城市，能赶过去", "求带我一个"),
        ),
        Talk("刚进群，先跟大家问个好", ("欢迎欢迎", "欢迎～群里很安静，随便聊", "先去签个到呀")),
        Talk(
            "听说明年要出第二张专辑？", ("没官宣呢，别传啦", "等小鹿自己说", "反正我先把钱包备好")
        ),
        Talk("今天签到了吗各位", ("签了", "刚签，差点忘了", "连续好多天了，不敢断")),
        Talk("晚饭吃了{food}，满足", ("看饿了", "你们怎么总在深夜发这个", "我也想吃")),
        Talk("我家猫听到{song}就会趴到音箱旁边", ("它也是粉丝", "求猫片", "猫：这首我熟")),
        Talk(
            "把{song}的前奏扒下来了，吉他，弹得很烂", ("想听！", "厉害了，有谱吗", "录一段录一段")
        ),
        Talk(
            "今天地铁上看到有人手机壁纸是小鹿的画，没敢打招呼",
            ("哈哈哈可能就是群里的人", "下次对暗号：林间小屋", "社恐现场"),
        ),
        Talk("换季好困啊，大家注意身体", ("你也是", "多喝热水（不是）", "已经感冒了呜呜")),
        Talk(
            "最近在学水彩，纸怎么选",
            ("新手用 300g 细纹就够", "别买太贵的，练手要紧", "小鹿以前说过她用的是棉浆"),
        ),
        Talk(
            "那首歌词里“第七棵树”到底是哪棵树",
            ("采访里说是她外婆家门口的", "我一直以为是随便写的", "有故事的树"),
        ),
        Talk("明天早八，先睡了，晚安", ("晚安", "晚安，好梦", "早八人保重")),
        Talk(
            "大家第一次听小鹿的歌是哪一首呀",
            ("{song}，坐公交的时候随机到的", "室友外放，我问她这是谁", "忘了，但是一听就没走"),
        ),
        Talk(
            "今天心情不太好，来这里待一会儿",
            ("待着，我们陪你", "想说就说，不想说就听歌", "给你发个抱抱"),
        ),
        Talk("有没有人想一起拼单买画册，省运费", ("我要一本", "加我", "上次错过了，这次一定")),
        Talk("楼下桂花开了，好香", ("北方人流下羡慕的泪水", "拍张照！", "可以做桂花酒酿了")),
        Talk(
            "我发现{work}角落里藏了一只松鼠",
            ("真的！我看了一年没发现", "每张都有小彩蛋的", "我去找找别的"),
        ),
        Talk(
            "准备给小鹿写封信，大家有什么想一起说的吗",
            ("帮我说一句谢谢", "就说我们会一直慢慢等", "写上注意休息"),
        ),
        Talk("上班摸鱼看群，被老板看到了", ("老板：这是谁，也给我听听", "哈哈哈哈", "节哀")),
        Talk("终于抢到票了！！手都在抖", ("恭喜！！我没抢到", "现场替我多喊两声", "求分享攻略")),
        Talk("{song}的伴奏有人有吗，想在公司年会唱", ("勇士", "频道置顶里有", "记得录像")),
        Talk(
            "刚跑完五公里，歌单全是小鹿，越跑越慢", ("慢慢走，名副其实", "她的歌适合散步", "笑死")
        ),
        Talk("今天是我入坑一周年", ("周年快乐！", "一周年老粉了", "时间过得好快")),
        Talk("家里停电了，只剩手机和{song}", ("还挺浪漫", "省着点电", "小夜灯用上了")),
        Talk(
            "想问问新来的怎么领积分",
            ("发“签到”就行，每天一次", "点机器人那个按钮也可以", "连着签会多一点"),
        ),
        Talk("画画的时候大家听什么", ("就听{song}", "白噪音", "听播客，最后什么也没画")),
        Talk(
            "有人会修图吗，把我和小鹿的合照里的路人去掉", ("私我", "路人：？", "留着吧，也是缘分")
        ),
        Talk(
            "今天降温了，群里还有{city}的朋友吗，多穿点",
            ("收到，已经穿秋裤", "我们这儿还在穿短袖", "谢谢提醒"),
        ),
        Talk("给大家看看我做的手账，主题是林间小屋", ("好看！！", "胶带是哪里买的", "手好巧")),
    ),
    "en": (
        Talk(
            "Had {song} on repeat all evening and I regret nothing",
            ("same here", "that chorus, every time", "my neighbours know it by heart now"),
        ),
        Talk(
            "Hi from {city}! Just found this group",
            ("welcome!", "hello, pull up a chair", "don't forget to check in, it's fun"),
        ),
        Talk(
            "Tried to draw {work}. It looks like a potato with ears",
            ("post it, we love potatoes", "first tries are like that", "potatoes are cute too"),
        ),
        Talk(
            "Does anyone have a translation of {song}?",
            (
                "there is one in the channel somewhere",
                "I can do a rough one tonight",
                "the second verse is hard to translate",
            ),
        ),
        Talk(
            "What pen does Lulu use for the small sketches?",
            (
                "a 0.3 fineliner I think",
                "she said whatever is on the desk, haha",
                "check the pinned post",
            ),
        ),
        Talk(
            "My print arrived today and I may have cried",
            ("show us!", "the card inside is so sweet", "mine is still at customs"),
        ),
        Talk(
            "Rainy day in {city}, tea, and {song}. Life is good",
            ("perfect combination", "jealous, it's 35 degrees here", "which tea?"),
        ),
        Talk(
            "Anyone else listening from a weird time zone?",
            ("4 a.m. gang", "good morning from {city}", "what is sleep"),
        ),
        Talk(
            "Found the hidden squirrel in {work}!",
            ("wait, there's a squirrel?", "there is one in every picture", "took me a year"),
        ),
        Talk(
            "Learning Chinese just to understand the lyrics. Day 40",
            ("加油!", "that is dedication", "we can practise here if you like"),
        ),
        Talk(
            "Dinner: {food}. Soundtrack: {song}",
            ("a balanced diet", "now I'm hungry", "10/10 evening"),
        ),
        Talk(
            "First exam done, three to go",
            ("good luck!", "you've got this", "reward yourself with a song"),
        ),
        Talk(
            "Is there a second album coming?",
            ("nothing official yet", "patience, she'll tell us", "my wallet is ready"),
        ),
        Talk(
            "My cat sits by the speaker whenever {song} comes on",
            ("a fan of taste", "cat tax please", "the cat knows"),
        ),
        Talk(
            "Good night everyone, be kind to yourselves", ("good night!", "sleep well", "you too")
        ),
        Talk(
            "How do the points work?",
            (
                "say 签到 or use /checkin once a day",
                "a streak gives you a little more",
                "the bot will tell you",
            ),
        ),
        Talk(
            "Drew for the first time in months today",
            ("so happy for you", "what did you draw?", "it comes back quickly"),
        ),
        Talk(
            "Anyone going to the show in {city}?",
            ("me! let's meet at the entrance", "sold out, sadly", "please film the last song"),
        ),
        Talk("Feeling a bit low, so I came here", ("glad you did", "sit with us", "sending a hug")),
        Talk(
            "One year since I found Lulu's songs",
            ("happy anniversary!", "time flies", "here's to many more"),
        ),
        Talk(
            "What should I listen to first, to show a friend?",
            ("{song}, always", "start with the live version", "anything with the piano"),
        ),
    ),
    "ja": (
        Talk("初めまして、日本から来ました🌸", ("ようこそ！", "よろしくお願いします")),
        Talk("今日も{song}を聴きながら絵を描いています", ("いいですね", "見てみたいです")),
        Talk("みなさん、おやすみなさい", ("おやすみなさい〜",)),
        Talk("原画展、東京でもやってほしいな", ("ほんとに！", "絶対行きます")),
    ),
    "ru": (
        Talk("Всем привет из Казани 🌲", ("Привет!", "Рада, что нас тут больше одной")),
        Talk("Слушаю {song} третий час подряд", ("Понимаю", "Лучшая песня для вечера")),
        Talk(
            "Кто-нибудь пробовал рисовать в её стиле?",
            ("Пробую, получается так себе", "Главное — начать"),
        ),
    ),
    "ar": (
        Talk("مساء الخير يا أصدقاء 🌙", ("مساء النور", "أهلًا بك")),
        Talk("هذه الأغنية {song} تريحني بعد يوم طويل", ("وأنا كذلك", "صوتها هادئ جدًا")),
        Talk("من أين تشترون أقلام الرسم؟", ("من المتجر القريب 😄", "الأرخص يكفي للبداية")),
    ),
    "he": (
        Talk("ערב טוב לכולם 🌿", ("ערב טוב!", "ברוכים הבאים")),
        Talk("שומעת את {song} בדרך לעבודה", ("גם אני", "שיר מושלם לבוקר")),
    ),
    "ko": (
        Talk("안녕하세요, 새로 들어왔어요 🌱", ("반가워요!", "어서 오세요")),
        Talk("오늘도 {song} 들으면서 퇴근해요", ("수고했어요", "저도요")),
    ),
    "es": (
        Talk(
            "Hola desde Valencia, ¡qué grupo tan tranquilo!",
            ("¡Bienvenida!", "Aquí se está muy bien"),
        ),
        Talk("{song} me salva los lunes", ("A mí también", "Y los martes")),
    ),
}

MORNING: dict[str, tuple[str, ...]] = {
    "zh": (
        "早上好呀",
        "早，今天也要好好吃饭",
        "早安～先签到再上班",
        "早起的鸟儿有歌听",
        "早，昨晚睡得好吗",
        "今天周几来着，早",
        "早早早",
    ),
    "en": (
        "good morning!",
        "morning all",
        "morning, coffee first",
        "good morning from the bus",
        "rise and shine",
    ),
    "ja": ("おはようございます",),
    "ru": ("Доброе утро!",),
    "ar": ("صباح الخير",),
    "he": ("בוקר טוב",),
}
NIGHT: dict[str, tuple[str, ...]] = {
    "zh": (
        "晚安各位",
        "我先撤了，明天见",
        "睡前最后一首歌，听完就睡",
        "还有人醒着吗",
        "夜猫子报到",
        "困了困了，晚安",
        "今晚月亮好圆",
    ),
    "en": (
        "good night",
        "anyone still awake?",
        "night owls, report in",
        "one last song and then bed",
    ),
    "ja": ("おやすみなさい",),
    "ru": ("Спокойной ночи",),
    "ar": ("تصبحون على خير",),
    "he": ("לילה טוב",),
}
SHORT: dict[str, tuple[str, ...]] = {
    "zh": (
        "哈哈哈哈",
        "确实",
        "好可爱",
        "+1",
        "笑死",
        "同意",
        "真的吗",
        "蹲一个",
        "学到了",
        "好耶",
        "冲",
        "收到",
        "太真实了",
        "呜呜呜",
        "绝了",
        "没错",
        "抱抱",
        "懂你",
        "6",
        "来了来了",
        "🥹",
        "❤️",
        "🌱🌱🌱",
        "👀",
    ),
    "en": (
        "haha",
        "so true",
        "same",
        "aww",
        "+1",
        "wait, really?",
        "love this",
        "agreed",
        "lol",
        "this!",
        "🥹",
        "❤️",
        "👀",
        "🌱",
    ),
    "ja": ("わかります", "かわいい", "✨"),
    "ru": ("Согласна", "Ага", "❤️"),
    "ar": ("صحيح", "جميل جدًا", "❤️"),
    "he": ("נכון", "איזה יופי", "❤️"),
    "ko": ("맞아요", "ㅋㅋㅋ"),
    "es": ("jajaja", "totalmente"),
}
TO_PERSONA: dict[str, tuple[str, ...]] = {
    "zh": (
        "谢谢小助手～",
        "今天也记得我呀",
        "好的好的",
        "嘿嘿",
        "小助手辛苦啦",
        "收到！",
        "下次我早点来",
        "耶，又多了一天",
        "你也好好休息",
        "明天见",
    ),
    "en": (
        "thank you!",
        "yay, one more day",
        "see you tomorrow",
        "hehe",
        "thanks, little helper",
        "got it!",
    ),
    "ja": ("ありがとう！",),
    "ru": ("Спасибо!",),
    "ar": ("شكرًا لك",),
    "he": ("תודה!",),
    "ko": ("고마워요!",),
    "es": ("¡gracias!",),
}
CHECK_IN = {
    "zh": ("签到", "签到", "签到", "打卡"),
    "zh-hant": ("簽到", "打卡"),
    "other": ("/checkin", "签到"),
}
HELLO: dict[str, tuple[str, ...]] = {
    "zh": ("大家好，新人报到", "你好呀，我是听歌过来的", "终于进群了", "请多关照～"),
    "en": ("hi everyone, new here", "hello! came for the songs", "finally joined"),
    "ja": ("はじめまして！",),
    "ru": ("Всем привет!",),
    "ar": ("السلام عليكم",),
    "he": ("שלום לכולם",),
    "ko": ("안녕하세요!",),
    "es": ("¡Hola a todos!",),
}
WELCOME: dict[str, tuple[str, ...]] = {
    "zh": ("欢迎欢迎", "欢迎新朋友 🌱", "来啦，随便坐", "欢迎～先去签个到呀", "又多一个听歌的人"),
    "en": ("welcome!", "hi there, make yourself at home", "welcome to the house in the woods"),
    "ja": ("ようこそ！",),
    "ru": ("Добро пожаловать!",),
    "ar": ("أهلًا وسهلًا",),
    "he": ("ברוכים הבאים!",),
    "ko": ("환영해요!",),
    "es": ("¡Bienvenida!",),
}
TO_BOT: dict[str, tuple[str, ...]] = {
    "zh": ("签到", "我的积分有多少", "/help", "你会一直记得我吗", "今天有点累", "谢谢你每天都在"),
    "en": ("/checkin", "/help", "how many days do I have?", "thank you for remembering me"),
    "ja": ("/checkin", "こんにちは"),
    "ru": ("/checkin", "Привет"),
    "ar": ("/checkin", "مرحبًا"),
    "he": ("/checkin", "שלום"),
    "ko": ("/checkin", "안녕하세요"),
    "es": ("/checkin", "hola"),
}
REACTIONS = ("👍", "❤", "🔥", "🎉", "😁", "🥰", "👏", "😢", "🤩", "🙏")
LONG_WORD = "嗷" + "呜" * 60
