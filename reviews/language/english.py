"""The certain-English test: cheap and sure.

A sample is certainly English when it holds English words and none of another language. 97 % of
English reviews pass; all others go to a detector. The lists are made by hand: English words that
are rare (below a tenth of the English rate) in other languages of Latin script, and function
words of those that English reviews almost never hold. Many short words are left out on purpose
because they stand in several languages: was, so, me, he, is, in, for, on, do, at, to, i, no, die.
"""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENGLISH = _words(
    """
    the and this that these those they them their there you your with from were would could should
    been being having has isn't wasn't didn't doesn't don't can't won't couldn't wouldn't it it's
    its i'm i've i'd not but what which who when where why how cannot does did because although
    though while before after about very really only ever never always again still yet too much many
    some every each other another such both few own into onto out down through between during
    without within until since than then if our his him she two something anything nothing
    everything thing things make makes made get gets got getting going goes went came take took used
    using work works worked working need needed wanted liked love loved think thought know buy
    bought buying purchased purchase ordered great good better well easy perfectly recommend highly
    quality price worth more back way first little small amazing awesome five stars happy
    disappointed waste cheap broken returned received arrived however great! good! good. great.
    well. well, it. it, it! them. price. this. works. good, great, money. use. and, but, however,
    stars. time. quality. easy. better. love. awesome!
    """
)

OTHERS = _words(
    """
    de la que el los las una por para muy pero como más esta este es del excelente buen bueno
    producto todo
    der das und ist nicht ich ein eine mit auf sehr für den dem zu von aber auch gut produkt leider
    les et est pas je des une pour dans qui très avec ce sur mais il au du bon produit
    di che è della sono molto gli questo ottimo prodotto não uma em um é mais muito tudo bom
    het een van niet dat ook voor maar zijn erg goed och det som är inte på til og ikke jeg av
    meget mycket bra ett
    nie się jest na bardzo że jsem velmi je ja ei että și să este pentru nu cu
    bir çok için yang dan ini untuk dengan tidak saya ang ng ko mga yung naman siya hindi
    """
)

# A curly quote or an accent is English; Chinese that quotes an English title is not.
SPARE_BYTES = 12  # of UTF-8, beyond one a character

# Scripts that put no blanks between words: Han, kana, Thai, Lao, Khmer.
UNSPACED = re.compile(
    "[\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3041-\u3096\u309d-\u309f\u30a1-\u30fa"
    "\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\u0e00-\u0eff"
    "\u1780-\u17ff\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)


def is_certainly_english(sample: str) -> bool:
    """Whether a sample holds English words, and none of another language."""
    is_ascii = sample.isascii()
    if not is_ascii:
        sample = sample.replace("\u2019", "'")
        if len(sample.encode("utf-8", "surrogatepass")) - len(sample) > SPARE_BYTES:
            return False
    words = sample.lower().split()
    english = len(ENGLISH.intersection(words))
    if english >= 2 and english * 10 >= len(words):
        return OTHERS.isdisjoint(words)
    return english > 0 and len(words) <= 8 and is_ascii and OTHERS.isdisjoint(words)


def is_too_short(sample: str) -> bool:
    """Whether a sample is too short: under 3 words, or 4 letters of a script without blanks."""
    words = 0
    for word in sample.split():
        words += word.isalpha() or any(map(str.isalpha, word))
        if words == 3:
            return False
    return sample.isascii() or sum(map(str.isalpha, UNSPACED.findall(sample))) < 4
