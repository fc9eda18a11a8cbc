"""Made-up secrets of every kind, valid in form and of no use: put together when the tests run, the same ones every time.

A kind makes (text, needle): the text as it is found in the wild, and the part of it that nobody else may learn. Kinds
that only their name gives away (a W&B key looks like any digest) come with that name in their text.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass

LOWER, UPPER, DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
ALNUM = LOWER + UPPER + DIGITS
HEX = DIGITS + "abcdef"
URL_SAFE = ALNUM + "-_"

Made = tuple[str, str]


class Maker:
    """Random text of one kind, decided by the kind and the number alone."""

    def __init__(self, kind: str, number: int) -> None:
        self.random = random.Random(f"{kind} {number}")

    def of(self, letters: str, count: int) -> str:
        """Mixed as generators mix: at least a digit and a letter of each case that ``letters`` has."""
        while True:
            text = "".join(self.random.choice(letters) for _ in range(count))
            classes = [set(one) for one in (LOWER, UPPER, DIGITS) if set(one) & set(letters)]
            if count < 8 or all(set(text) & one for one in classes):
                return text

    def base64(self, count: int) -> str:
        return base64.b64encode(bytes(self.random.randrange(256) for _ in range(count))).decode()

    def word(self) -> str:
        """A password as people choose them."""
        head = self.random.choice(
            ["Winter", "hunter", "Tr0ub4dor", "korova", "Passw0rt", "letme1n", "dragon", "s3same"]
        )
        return head + self.of(DIGITS + "!$", 4) + self.of(LOWER, 3)


@dataclass(frozen=True)
class Secret:
    kind: str
    text: str
    needle: str


def whole(text: str) -> Made:
    return text, text


def prefixed(prefix: str, letters: str, count: int) -> Callable[[Maker], Made]:
    return lambda make: whole(prefix + make.of(letters, count))


def named(name: str, letters: str, count: int) -> Callable[[Maker], Made]:
    """Only its name says what it is."""

    def made(make: Maker) -> Made:
        value = make.of(letters, count)
        return f"{name}={value}", value

    return made


def jwt(make: Maker) -> Made:
    parts = [json.dumps({"alg": "HS256", "typ": "JWT"}), json.dumps({"sub": make.of(DIGITS, 8), "iat": 1700000000})]
    encoded = [base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts]
    return whole(".".join([*encoded, make.of(URL_SAFE, 43)]))


def private_key(label: str) -> Callable[[Maker], Made]:
    def made(make: Maker) -> Made:
        body = make.base64(96)
        return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----", body

    return made


def url_password(scheme: str, tail: str) -> Callable[[Maker], Made]:
    def made(make: Maker) -> Made:
        password = make.word().replace("!", "x")
        return f"{scheme}://svc{make.of(LOWER, 3)}:{password}@{tail}", password

    return made


def url_token(head: str, tail: str, letters: str, count: int) -> Callable[[Maker], Made]:
    def made(make: Maker) -> Made:
        value = make.of(letters, count)
        return f"{head}{value}{tail}", value

    return made


def connection_string(form: str) -> Callable[[Maker], Made]:
    def made(make: Maker) -> Made:
        value = make.base64(48) if "AccountKey" in form or "SharedAccess" in form else make.word()
        return form.format(value), value

    return made


def basic(make: Maker) -> Made:
    value = base64.b64encode(f"svc:{make.word()}".encode()).decode()
    return f"Authorization: Basic {value}", value


def sas(make: Maker) -> Made:
    value = make.of(ALNUM, 40) + "%3D"
    return f"https://acct.blob.core.windows.net/models/m?sv=2022-11-02&sp=r&sig={value}", value


def presigned(make: Maker) -> Made:
    value = make.of(HEX, 64)
    return f"https://bucket.s3.amazonaws.com/m.tar?X-Amz-Expires=300&X-Amz-Signature={value}", value


def docker_auth(make: Maker) -> Made:
    value = base64.b64encode(f"svc:{make.of(ALNUM, 18)}".encode()).decode()
    return json.dumps({"auths": {"registry.example.com": {"auth_token": value}}}), value


def after(head: str, value: str) -> Made:
    return head + value, value


def json_field(make: Maker) -> Made:
    value = make.of(LOWER + DIGITS, 20)
    return json.dumps({"user": "svc", "pass" + "word": value}), value


def webhook(make: Maker) -> Made:
    value = f"T{make.of(UPPER + DIGITS, 8)}/B{make.of(UPPER + DIGITS, 8)}/{make.of(ALNUM, 24)}"
    return "https://hooks.slack" + f".com/services/{value}", value


AWS_FORM = UPPER + "234567"

KINDS: dict[str, Callable[[Maker], Made]] = {
    "aws-access-key": prefixed("AK" + "IA", AWS_FORM, 16),
    "aws-temporary-key": prefixed("AS" + "IA", AWS_FORM, 16),
    "aws-secret-key": lambda make: whole(make.of(ALNUM + "/+", 40).replace("//", "aB")),
    "aws-session-token": lambda make: whole("IQoJb3Jpb" + "mlu"[0:0] + make.base64(90).replace("/", "x")),
    "github-classic": prefixed("gh" + "p_", ALNUM, 36),
    "github-oauth": prefixed("gh" + "o_", ALNUM, 36),
    "github-server": prefixed("gh" + "s_", ALNUM, 36),
    "github-fine-grained": lambda make: whole("github_" + "pat_" + make.of(ALNUM, 22) + "_" + make.of(ALNUM, 59)),
    "gitlab-personal": prefixed("gl" + "pat-", URL_SAFE, 20),
    "gitlab-deploy": prefixed("gl" + "dt-", URL_SAFE, 20),
    "gitlab-runner": prefixed("gl" + "rt-", URL_SAFE, 20),
    "slack-bot": lambda make: whole("xox" + f"b-{make.of(DIGITS, 12)}-{make.of(DIGITS, 12)}-{make.of(ALNUM, 24)}"),
    "slack-app": lambda make: whole("xap" + f"p-1-A{make.of(UPPER + DIGITS, 10)}-{make.of(DIGITS, 13)}-{make.of(HEX, 64)}"),
    "slack-webhook": webhook,
    "stripe-live": prefixed("sk_" + "live_", ALNUM, 24),
    "stripe-restricted": prefixed("rk_" + "live_", ALNUM, 24),
    "stripe-webhook": prefixed("wh" + "sec_", ALNUM, 32),
    "huggingface": prefixed("hf" + "_", LOWER + UPPER, 34),
    "wandb": named("WANDB_API_" + "KEY", HEX, 40),
    "npm": prefixed("np" + "m_", ALNUM, 36),
    "npmrc": url_token("//registry.npmjs.org/:_auth" + "Token=", "", ALNUM, 36),
    "pypi": prefixed("pypi-" + "AgEIcHlwaS5vcmc", URL_SAFE, 60),
    "sendgrid": lambda make: whole("S" + f"G.{make.of(URL_SAFE, 22)}.{make.of(URL_SAFE, 43)}"),
    "twilio": prefixed("S" + "K", HEX, 32),
    "google-api": prefixed("AI" + "za", URL_SAFE, 35),
    "google-oauth": prefixed("ya" + "29.", URL_SAFE, 60),
    "google-client": prefixed("GOC" + "SPX-", URL_SAFE, 28),
    "azure-storage": connection_string(
        "DefaultEndpointsProtocol=https;AccountName=models;Account" + "Key={};EndpointSuffix=core.windows.net"
    ),
    "azure-service-bus": connection_string(
        "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccess" + "Key={}"
    ),
    "azure-client": lambda make: whole(f"{make.of(ALNUM, 3)}{make.of(DIGITS, 1)}Q~{make.of(ALNUM + '-._~', 34)}"),
    "azure-sas": sas,
    "aws-presigned": presigned,
    "openai": prefixed("sk-" + "proj-", ALNUM, 48),
    "anthropic": prefixed("sk-" + "ant-api03-", ALNUM, 80),
    "groq": prefixed("gs" + "k_", ALNUM, 52),
    "nvidia": prefixed("nv" + "api-", URL_SAFE, 64),
    "databricks": prefixed("da" + "pi", HEX, 32),
    "digitalocean": prefixed("do" + "p_v1_", HEX, 64),
    "docker-hub": prefixed("dck" + "r_pat_", URL_SAFE, 27),
    "docker-config": docker_auth,
    "vault": prefixed("hv" + "s.", ALNUM, 24),
    "terraform": lambda make: whole(f"{make.of(ALNUM, 14)}.atlas" + f"v1.{make.of(ALNUM, 67)}"),
    "grafana": prefixed("gls" + "a_", ALNUM, 32),
    "newrelic": prefixed("NR" + "AK-", UPPER + DIGITS, 27),
    "shopify": prefixed("shp" + "at_", HEX, 32),
    "square": prefixed("sq0" + "atp-", URL_SAFE, 22),
    "mailgun": prefixed("ke" + "y-", LOWER + DIGITS, 32),
    "mailchimp": lambda make: whole(make.of(HEX, 32) + "-us" + "14"),
    "telegram": lambda make: whole(f"{make.of('123456789', 9)}:A" + f"A{make.of(URL_SAFE, 33)}"),
    "discord": lambda make: whole(f"M{make.of(ALNUM, 23)}.{make.of(ALNUM, 6)}.{make.of(URL_SAFE, 38)}"),
    "linear": prefixed("lin_" + "api_", ALNUM, 40),
    "figma": prefixed("fig" + "d_", URL_SAFE, 40),
    "pulumi": prefixed("pu" + "l-", HEX, 40),
    "sentry": prefixed("sntr" + "ys_", ALNUM, 60),
    "rubygems": prefixed("ruby" + "gems_", HEX, 48),
    "artifactory": prefixed("AK" + "Cp", ALNUM, 69),
    "age": prefixed("AGE-SECRET-" + "KEY-1", UPPER + DIGITS, 58),
    "jwt": jwt,
    "rsa-key": private_key("RSA PRI" + "VATE KEY"),
    "openssh-key": private_key("OPENSSH PRI" + "VATE KEY"),
    "postgres-url": url_password("postgres", "db/prod"),
    "mongodb-url": url_password("mongodb+srv", "cluster0.example.net/models"),
    "redis-url": url_password("redis", "cache:6379/0"),
    "https-url": url_password("https", "models.example.com/m.tar"),
    "index-url": url_token("https://__token__:", "@pkgs.example.com/simple", ALNUM, 24),
    "libpq": connection_string("host=db user=svc pass" + "word={} dbname=prod"),
    "ado-net": connection_string("Server=db;Database=prod;User Id=svc;Pass" + "word={};"),
    "bearer": lambda make: after("Authorization: Bear" + "er ", make.of(ALNUM, 32)),
    "basic-auth": basic,
    "cookie": lambda make: after("Cookie: session" + "id=", make.of(LOWER + DIGITS, 26)),
    "x-api-key": lambda make: after("X-Api-" + "Key: ", make.of(LOWER + DIGITS, 24)),
    "json-field": json_field,
    "netrc": lambda make: after("machine pkgs.example.com login svc pass" + "word ", make.word()),
    "crypt-hash": lambda make: whole("$2b$" + f"12${make.of(ALNUM + './', 53)}"),
    "random-mixed": lambda make: whole(make.of(ALNUM, 40)),
    "random-lower": lambda make: whole(make.of(LOWER + DIGITS, 48)),
    "random-url-safe": lambda make: whole(make.of(URL_SAFE, 43)),
    "ethereum-key": prefixed("0" + "x", HEX, 64),
}  # fmt: skip


def secret(kind: str, number: int) -> Secret:
    text, needle = KINDS[kind](Maker(kind, number))
    return Secret(kind, text, needle)


def secrets(number: int) -> list[Secret]:
    """One of each kind; another ``number``, other ones."""
    return [secret(kind, number) for kind in KINDS]


# The four plants that leaked from other tools, each in its own variable.
PEERS = {
    "API_TOKEN": "apitok-" + "PLANTED1",
    "DATABASE_URL": "postgres://svc:" + "dbpass-PLANTED2@db/prod",
    "MYAPP_CFG": "gh" + "p_" + "PLANTED3a1B2c3D4e5F6g7H8i9J0k1L2m3N4",
    "AWS_SECRET_ACCESS_KEY": "aws-" + "PLANTED4",
}
