"""A sentence in each of several scripts, with what makes it hard to show."""

SENTENCES = {
    "Russian": "Старый кот читал письмо.\n",
    "Chinese": "\u3000\u3000天地玄黄，宇宙洪荒。\n",  # wide, without blanks, indented by U+3000
    "Arabic": "القطة الصغيرة قرأت كتابًا\n",  # from right to left, with marks
    "Persian": "بچه\u200cهای کوچک می\u200cخوانند\n",  # with non-joiners
    "Hindi": "छोटी बिल्ली पढ़ती है।\n",  # with combining marks
    "emoji": "👩\u200d👩\u200d👧 ❤\ufe0f 👍🏽 🇩🇪\n",  # with joiners
}
