"""What the operating system lends to a program: locale, time zone, hash seed, mathematics library."""

from __future__ import annotations

from envdiff.settings.model import Facts, Setting, quoted


def hash_seed(facts: Facts) -> Setting:
    """The seed of Python's ``hash()`` on strings: a number, or new with every start."""
    name = "PYTHONHASHSEED"
    explains = (f"env.{name}", "python.hash_randomization")
    text = facts.env(name)
    unread = facts.why_unread(f"env.{name}")
    if unread:
        return Setting("hash_seed", None, "", explains, unread)
    if text in (None, "", "random"):
        return Setting("hash_seed", "random", quoted(name, text), explains)
    return Setting("hash_seed", str(text), quoted(name, text), explains)


def decimal_point(facts: Facts) -> Setting:
    """How C and C++ code that asks the locale writes numbers; Python itself does not ask it unless told."""
    return _locale(facts, "decimal_point", "numeric", "LC_NUMERIC", _point_of)


def character_encoding(facts: Facts) -> Setting:
    """The encoding and collation that the locale asks for."""
    return _locale(facts, "encoding", "ctype", "LC_CTYPE", _encoding_of)


# Languages in which ICU maps letters otherwise than everywhere else.
OWN_LETTERS = ("az", "el", "hy", "lt", "tr")


def letter_case(facts: Facts) -> Setting:
    """The language whose rules ICU maps letters by, where a graph lower-cases or upper-cases UTF-8; ``any`` for most."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    explains = tuple(f"env.{name}" for name in names)
    unread = facts.why_unread(*explains)
    if unread:
        return Setting("letter_case", None, "", explains, unread)
    name, text = next(((name, facts.env(name)) for name in names if facts.env(name)), ("LANG", None))
    language = (text or "")[:2].lower()
    return Setting("letter_case", language if language in OWN_LETTERS else "any", quoted(name, text), explains)


def _locale(facts: Facts, name: str, fact: str, variable: str, meaning) -> Setting:  # type: ignore[no-untyped-def]
    explains = ("env.LC_ALL", "env.LANG", "env.LANGUAGE", f"env.{variable}", f"os.locale.{fact}", f"os.locale.{name}")
    told = facts.text(f"os.locale.{name}")
    text = facts.text(f"os.locale.{fact}")
    if text is None and told is None:
        unread = facts.why_unread("env.LANG")
        if unread:
            return Setting(name, None, "", explains, unread)
        text = next((facts.env(v) for v in ("LC_ALL", variable, "LANG") if facts.env(v)), "C")
    return Setting(name, told or meaning(text or "C"), f"the locale is {text or 'C'}", explains)


def _point_of(locale: str) -> str:
    # Languages that write 3,14; the rest of the world's locales, C and POSIX write 3.14.
    comma = ("de", "fr", "es", "it", "pt", "nl", "da", "sv", "nb", "nn", "fi", "pl", "cs", "sk", "ru", "uk", "tr", "el",
             "hu", "ro", "bg", "hr", "sr", "sl", "lt", "lv", "et", "id", "vi", "ca", "is")  # fmt: skip
    language, _, rest = locale.partition("_")
    swiss_or_mexican = rest.startswith(("CH", "MX", "US", "GT", "HN", "NI", "PA", "PE", "PR", "SV", "DO"))
    return "," if language in comma and not swiss_or_mexican else "."


def _encoding_of(locale: str) -> str:
    if "." in locale:
        return locale.partition(".")[2].partition("@")[0].lower().replace("-", "")
    return "ascii" if locale in ("C", "POSIX") else "by-locale"


def timezone(facts: Facts) -> Setting:
    """The zone in which local times are read and written."""
    explains = ("env.TZ", "os.timezone")
    zone = facts.env("TZ") or facts.text("os.timezone")
    if zone is None:
        unread = facts.why_unread("os.timezone") or "no zone was found"
        return Setting("timezone", None, "", explains, unread)
    aliases = {"Etc/UTC", "UTC", "Universal", "Zulu", "Etc/Universal", "Etc/Zulu", "UTC0", "GMT0", "Etc/UCT", "UCT"}
    name = "UTC" if zone.lstrip(":") in aliases else zone.lstrip(":")
    return Setting("timezone", name, quoted("TZ", facts.env("TZ")), explains)


def libm(facts: Facts) -> Setting:
    """The C library, whose mathematics functions compute float64 sines, cosines and powers."""
    explains = ("os.libc.name", "os.libc.version")
    name, version = facts.text("os.libc.name"), facts.text("os.libc.version")
    if name is None:
        return Setting("libc", None, "", explains, facts.why_unread("os.libc.name") or "the C library was not found")
    return Setting("libc", f"{name} {version or ''}".strip(), "the C library of the system", explains)
