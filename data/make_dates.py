#!/usr/bin/env python3
"""The built-in table of pairs ``dates``: dates as people write them, and the same in ISO 8601.

    python data/make_dates.py write [--out data/dates.tsv]
    python data/make_dates.py parse "27th of March 2026" ...    the ISO date of each
    python data/make_dates.py check FILE                        how many pairs of a table are right

The ways to write a date are those of ten languages and of Esperanto, and some that need no
language; names of months and weekdays are spelled as in the Unicode CLDR (but for the capitals
of Esperanto), in the grammatical case of a date. The days are drawn evenly from two thousand
years of the Gregorian calendar, the years before its time included, so a model has to read them
and cannot remember them.

Every date here has one meaning, so all of them can be got right:

- where the month is a number, dots say that the day comes first (27.3.2026), unless the year
  does (2026/3/27). 03/04/2026, which is March in one country and April in another, is not here;
- years have four digits;
- no name of a month is that of another month in another of these languages.

`parse` reads a date from its words and numbers, and knows nothing of the patterns that `write`
draws from. The output is the same on every Python version: the one source of chance is
``random.Random(seed).random()``, whose sequence Python promises to keep.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

SEED = 1
PAIRS = 20_000
TABLE = Path(__file__).with_name("dates.tsv")
HEADER = "source\ttarget\n"
FIRST, LAST = date(1000, 1, 1).toordinal(), date(2999, 12, 31).toordinal()
LOWER, UPPER = 0.15, 0.1  # how many are written without capitals, or in them


@dataclass(frozen=True)
class Language:
    """How dates are written in a language.

    The patterns have fields: {d} and {dd} for the day, {m} and {mm} for the month, with one digit
    and with two; {y} for the year; {month}, {mon}, {weekday} and {day} for names and their short
    forms; {th} and {ordinal} for 27th and twenty-seventh; {er} and {o} for 1er and 1º, which are
    for the first day alone; {roman} for III.
    """

    patterns: str  # separated by |
    months: str = ""
    short_months: str = ""
    weekdays: str = ""  # Monday first
    short_weekdays: str = ""


LANGUAGES = {
    "English": Language(
        "{d} {month} {y}|{th} {month} {y}|{th} of {month} {y}|the {th} of {month}, {y}|"
        "{month} {d}, {y}|{month} {d} {y}|{month} {th}, {y}|{month} the {th}, {y}|"
        "{weekday}, {d} {month} {y}|{weekday} {d} {month} {y}|{weekday}, {month} {d}, {y}|"
        "{weekday} the {th} of {month} {y}|{d} {mon} {y}|{mon} {d}, {y}|{mon} {d} {y}|"
        "{dd}-{mon}-{y}|{dd}{mon}{y}|{day}, {d} {mon} {y}|{day} {mon} {d} {y}|{y} {month} {d}|"
        "{y}-{mon}-{dd}|the {ordinal} of {month}, {y}|{month} {ordinal}, {y}|"
        "{weekday} the {ordinal} of {month} {y}|on the {th} of {month} in the year {y}",
        "January February March April May June July August September October November December",
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "Mon Tue Wed Thu Fri Sat Sun",
    ),
    "German": Language(
        "{d}. {month} {y}|den {d}. {month} {y}|am {d}. {month} {y}|{weekday}, {d}. {month} {y}|"
        "{weekday}, den {d}. {month} {y}|{d}. {mon} {y}|{day}, {dd}.{mm}.{y}|"
        "{weekday}, {d}.{m}.{y}",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez.",
        "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
        "Mo Di Mi Do Fr Sa So",
    ),
    "French": Language(
        "{er} {month} {y}|le {er} {month} {y}|{weekday} {er} {month} {y}|"
        "le {weekday} {er} {month} {y}|{er} {mon} {y}",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
        "lundi mardi mercredi jeudi vendredi samedi dimanche",
    ),
    "Spanish": Language(
        "{d} de {month} de {y}|{d} de {month} del {y}|el {d} de {month} de {y}|"
        "{weekday}, {d} de {month} de {y}|el {weekday} {d} de {month} de {y}|{d} {mon} {y}",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "ene feb mar abr may jun jul ago sept oct nov dic",
        "lunes martes miércoles jueves viernes sábado domingo",
    ),
    "Italian": Language(
        "{d} {month} {y}|{o} {month} {y}|{weekday} {d} {month} {y}|{weekday}, {o} {month} {y}|"
        "{d} {mon} {y}",
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre"
        " dicembre",
        "gen feb mar apr mag giu lug ago set ott nov dic",
        "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    ),
    "Portuguese": Language(
        "{d} de {month} de {y}|{o} de {month} de {y}|em {d} de {month} de {y}|"
        "{weekday}, {d} de {month} de {y}|{d} {mon} {y}",
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        "jan. fev. mar. abr. mai. jun. jul. ago. set. out. nov. dez.",
        "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
    ),
    "Dutch": Language(
        "{d} {month} {y}|op {d} {month} {y}|{weekday} {d} {month} {y}|"
        "op {weekday} {d} {month} {y}|{d} {mon} {y}",
        "januari februari maart april mei juni juli augustus september oktober november december",
        "jan feb mrt apr mei jun jul aug sep okt nov dec",
        "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
    ),
    "Swedish": Language(
        "{d} {month} {y}|den {d} {month} {y}|{weekday} {d} {month} {y}|"
        "{weekday} den {d} {month} {y}|{d} {mon} {y}",
        "januari februari mars april maj juni juli augusti september oktober november december",
        "jan. feb. mars apr. maj juni juli aug. sep. okt. nov. dec.",
        "måndag tisdag onsdag torsdag fredag lördag söndag",
    ),
    "Finnish": Language(
        "{d}. {month} {y}|{weekday} {d}. {month} {y}|{weekday} {d}.{m}.{y}",
        "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta"
        " syyskuuta lokakuuta marraskuuta joulukuuta",
        weekdays="maanantaina tiistaina keskiviikkona torstaina perjantaina lauantaina sunnuntaina",
    ),
    "Polish": Language(
        "{d} {month} {y}|{d} {month} {y} r.|dnia {d} {month} {y} r.|{weekday}, {d} {month} {y}|"
        "{d} {roman} {y}",
        "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października"
        " listopada grudnia",
        weekdays="poniedziałek wtorek środa czwartek piątek sobota niedziela",
    ),
    "Esperanto": Language(
        "la {d}-a de {month} {y}|la {d}-a de {month}, {y}|{weekday}, la {d}-a de {month} {y}",
        "januaro februaro marto aprilo majo junio julio aŭgusto septembro oktobro novembro"
        " decembro",
        weekdays="lundo mardo merkredo ĵaŭdo vendredo sabato dimanĉo",
    ),
    "numbers": Language(
        "{y}-{mm}-{dd}|{y}{mm}{dd}|{y}/{mm}/{dd}|{y}/{m}/{d}|{dd}.{mm}.{y}|{d}.{m}.{y}|"
        "{d}. {m}. {y}|{d}.{roman}.{y}|{y}年{m}月{d}日|{y}년 {m}월 {d}일"
    ),
}
CHOICES = ("English", *LANGUAGES)  # English twice as often as each of the others
# What is hard to read, as it has words of its own or no gaps, is written more often than the rest.
HARD, HARD_WEIGHT = ("{ordinal}", "{roman}", "{y}{mm}{dd}"), 4

ROMAN = "I II III IV V VI VII VIII IX X XI XII"
ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth"
    " fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first"
    " twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth twenty-seventh"
    " twenty-eighth twenty-ninth thirtieth thirty-first"
)

# What `parse` knows: the number of each name of a month, and of each word for a day.
MONTHS = {
    name.rstrip(".").lower(): number
    for language in LANGUAGES.values()
    for names in (language.months, language.short_months, ROMAN)
    for number, name in enumerate(names.split(), 1)
}
DAYS = {word: number for number, word in enumerate(ORDINALS.split(), 1)}


def render(day: date, language: Language, pattern: str) -> str:
    """A date, written as a pattern of a language says."""

    def name(names: str, number: int) -> str:
        return names.split()[number] if names else ""

    d, m = day.day, day.month
    ending = "th" if d in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(d % 10, "th")
    return pattern.format(
        d=d, dd=f"{d:02}", m=m, mm=f"{m:02}", y=day.year, roman=name(ROMAN, m - 1),
        th=f"{d}{ending}", ordinal=name(ORDINALS, d - 1), er="1er" if d == 1 else d,
        o="1º" if d == 1 else d,
        month=name(language.months, m - 1), mon=name(language.short_months, m - 1),
        weekday=name(language.weekdays, day.weekday()),
        day=name(language.short_weekdays, day.weekday()),
    )  # fmt: skip


def parse(text: str) -> str | None:
    """The ISO date that a text says; None where it says none, or may say several."""
    words = re.findall(r"\d+|[^\W\d_]+(?:-[^\W\d_]+)*", text.lower())
    numbers = [word for word in words if word.isdecimal()]
    if len(numbers) == 1 and len(numbers[0]) == 8:
        numbers = [numbers[0][:4], numbers[0][4:6], numbers[0][6:]]
    years = [number for number in numbers if len(number) == 4]
    months = [MONTHS[word] for word in words if word in MONTHS]
    days = [DAYS[word] for word in words if word in DAYS]
    others = [int(number) for number in numbers if len(number) <= 2]
    if not months and len(others) == 2:
        if numbers[0] not in years and "." not in text:
            return None
        if numbers[0] not in years:
            others.reverse()  # the day comes first
        months, others = others[:1], others[1:]
    days += others
    if not (len(years) == len(months) == len(days) == 1 and len(numbers) <= 3):
        return None
    try:
        return date(int(years[0]), months[0], days[0]).isoformat()
    except ValueError:
        return None


def weighted(patterns: Sequence[str]) -> list[str]:
    """The patterns to draw from: hard ones stand in it several times."""
    return [
        pattern
        for pattern in patterns
        for _ in range(HARD_WEIGHT if any(field in pattern for field in HARD) else 1)
    ]


def pairs() -> dict[str, str]:
    """The dates of the table, all distinct, with the ISO date of each."""
    chance = random.Random(SEED)

    def draw(choices: Sequence[str]) -> str:
        return choices[int(chance.random() * len(choices))]

    drawn: dict[str, str] = {}
    while len(drawn) < PAIRS:
        language = LANGUAGES[draw(CHOICES)]
        day = date.fromordinal(FIRST + int(chance.random() * (LAST - FIRST + 1)))
        text = render(day, language, draw(weighted(language.patterns.split("|"))))
        case = chance.random()
        text = text.lower() if case < LOWER else text.upper() if case > 1 - UPPER else text
        drawn[text] = day.isoformat()
    return drawn


def check(table: str) -> str:
    """How many of a table's pairs are right, and the first ones that are wrong, a line each.

    Other columns may follow, as `attn generate --tsv` prints them.
    """
    rows = [line.split("\t") for line in table.removeprefix(HEADER).splitlines()]
    wrong = [row for row in rows if len(row) < 2 or parse(row[0]) != row[1]]
    report = [f"{len(rows) - len(wrong):,} of {len(rows):,} dates are right"]
    return "\n".join([*report, *(f"wrong: {' -> '.join(row[:2])}" for row in wrong[:10])])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0 when done, 2 when a file cannot be read or written."""
    parser = argparse.ArgumentParser(description="The built-in dates.")
    commands = parser.add_subparsers(dest="command", required=True)
    writer = commands.add_parser("write", help="write dates.tsv")
    writer.add_argument("--out", type=Path, default=TABLE, metavar="FILE")
    reader = commands.add_parser("parse", help="print the ISO date that a text says")
    reader.add_argument("dates", nargs="+", metavar="DATE")
    checker = commands.add_parser("check", help="say how many pairs of a table are right")
    checker.add_argument("table", type=Path, metavar="FILE", help="lines of a date, a tab, ISO")
    options = parser.parse_args(arguments)
    try:
        if options.command == "write":
            rows = (f"{source}\t{target}\n" for source, target in pairs().items())
            options.out.write_text(HEADER + "".join(rows), encoding="utf-8", newline="\n")
        elif options.command == "check":
            print(check(options.table.read_text(encoding="utf-8")))
        else:
            for text in options.dates:
                print(f"{text}: {parse(text) or 'not a date with one meaning'}")
    except OSError as error:
        print(f"make_dates: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
