"""Nothing secret leaves the machine, and ordinary settings do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from probe_capture import load_probe, quiet_environment, run_probe, tree

probe = load_probe()

SECRETS = {
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "github": "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "gitlab": "glpat-" + "x9Yz8Wv7Ut6Sr5Qp4On3",
    "slack": "xoxb-" + "123456789012-abcdefghijkl",
    "openai": "sk-" + "abcdEFGH1234ijklMNOP5678",
    "huggingface": "hf_" + "AbCdEfGhIjKlMnOpQrStUvWx",
    "google": "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
    "google-oauth": "ya29." + "a0AfH6SMBx",
    "jwt": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxIn0.c2ln",
    "pem": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "url": "https://alice:" + "s3cret@models.example.com/m",
    "url-user": "s3://" + "token@bucket/x",
    "npm": "npm_" + "abcdefghijklmnopqrstuvwxyz0123456789",
    "pypi": "pypi-" + "AgEIcHlwaS5vcmcCJDAwMDAwMDAw",
    "docker": "dckr_pat_" + "abcDEF123",
    "sas": "https://x.blob.core.windows.net/m?sv=2020&sig=" + "abc%2Fdef",
    "pair": "host=db password=" + "hunter22",
    "header": "Authorization: Bearer " + "abc.def",
    "random": "q8Zr3Lk0Vw7Yb2Nc5Xd9Fg4Hj6Mt1Ps",
}
ORDINARY = [
    "sha256:" + "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "6f03384c2e3c38887dd3ba5a24b2e18c17e2f0e0",
    "v2.21.0-rc1-5-ga481b10260d",
    "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
    "--xla_gpu_deterministic_ops=true",
    "/opt/venv/lib/python3.11/site-packages/numpy.libs/libscipy_openblas64_-32a4b2a6.so",
    "glibc.cpu.hwcaps=-AVX2_Usable,-FMA_Usable",
    "granularity=fine,verbose,compact,1,0",
    ":4096:8",
    "Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz",
    "GPU-0,GPU-1",
    "/models/tokenizer/1",
    "/models/efficientnet_v2_B0_imagenet21k_ft1k_Classification/1",
    "/opt/sk-learn-environment-two/bin/python",
    "InceptionResNetV2KerasApplicationsModel",
    "OpenBLAS 0.3.31.188.0  USE64BITINT DYNAMIC_ARCH NO_AFFINITY Haswell MAX_THREADS=64",
]


@pytest.mark.parametrize("kind", sorted(SECRETS))
def test_a_secret_is_known_by_its_shape(kind: str) -> None:
    assert probe.withhold("", SECRETS[kind])


@pytest.mark.parametrize("value", ORDINARY)
def test_ordinary_values_pass(value: str) -> None:
    assert probe.withhold("", value) is None


@pytest.mark.parametrize(
    "name", ["API_TOKEN", "DB_PASSWORD", "apiKey", "aws_secret_access_key", "PGPASSWORD", "session-id", "sig", "AUTH"]
)
def test_a_secret_is_known_by_its_name(name: str) -> None:
    assert probe.withhold(name, "1")


@pytest.mark.parametrize(
    "name", ["TF_XLA_FLAGS", "tensorflow_session_parallelism", "signature_name", "TOKENIZERS_PARALLELISM", "model_name"]
)
def test_names_that_only_look_so(name: str) -> None:
    assert probe.withhold(name, "1") is None


def test_no_allowed_variable_is_withheld_for_its_name() -> None:
    assert [name for name in probe.ENV_NAMES if probe.withhold(name, "1")] == []


def test_command_lines_keep_their_form() -> None:
    words = ["serve", "--port=8500", "--api_key=abc", "--token", "def", "-e", "DB_PASSWORD=ghi", "--model", "/m"]
    safe, reasons = probe.safe_command([*words, SECRETS["url"]])
    assert safe == [
        *["serve", "--port=8500", "--api_key=[withheld]", "--token", "[withheld]"],
        *["-e", "DB_PASSWORD=[withheld]", "--model", "/m", "[withheld]"],
    ]
    assert len(reasons) == 4


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        ("/home/alice/venv/bin/python", "~/venv/bin/python"),
        ("/Users/alice/m", "~/m"),
        (r"C:\Users\alice\m", r"~\m"),
        ("/root/.keras", "~/.keras"),
        ("--model=/home/alice/m:/home/bob/n", "--model=~/m:~/n"),
        ("/rootfs/home/x", "/rootfs/home/x"),
    ],
)
def test_home_directories_do_not_name_their_owner(path: str, hidden: str) -> None:
    assert probe.hide_home(path) == hidden


def test_planted_secrets_never_appear(interpreter, tmp_path: Path) -> None:
    """In allowed variables, other variables, asked-for variables, the label and a package's source URL."""
    site = tmp_path / "site"
    url = json.dumps({"url": SECRETS["url"], "vcs_info": {"vcs": "git"}})
    tree(site, {"mine-1.0.dist-info/METADATA": "Name: mine\nVersion: 1.0\n", "mine-1.0.dist-info/direct_url.json": url})
    env = quiet_environment(tmp_path, PYTHONPATH=str(site), MY_TOKEN=SECRETS["github"])
    for number, value in enumerate(SECRETS.values()):
        env[f"OMP_X{number}"] = env[f"OTHER_{number}"] = value
    arguments = ["--static", "--label", SECRETS["openai"], "--env", "MY_TOKEN", "OTHER_0"]
    captured = run_probe(interpreter("3.11"), *arguments, env=env, cwd=tmp_path)
    text = captured.stdout.decode()
    assert [kind for kind, value in SECRETS.items() if value in text] == []
    assert captured.facts["origins.mine"] == "vcs"
    assert set(captured.document["withheld"]["env"]) >= {"MY_TOKEN", "OMP_X0", "OTHER_0", "OTHER_3"}
    assert captured.document["withheld"]["env.MY_TOKEN"] == ["its name says that it is a secret"]
    assert captured.document["subject"]["label"] == "(withheld)"
