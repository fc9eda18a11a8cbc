"""Values that look a little like secrets and are none: what fingerprints are full of."""

from __future__ import annotations

import base64
import hashlib
import random
import uuid

ROLL = random.Random("innocents")


def digest(kind: str, number: int) -> str:
    return hashlib.new(kind, f"{kind} {number}".encode()).hexdigest()


def innocents() -> dict[str, list[str]]:
    """By group; 500 and more in all."""
    few = range(12)
    identity = [str(uuid.UUID(int=random.Random(number).getrandbits(128), version=4)) for number in range(24)]
    return {
        "digests": [digest(kind, n) for kind in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512") for n in few],
        "labelled digests": [f"sha256:{digest('sha256', n)}" for n in few] + [f"md5={digest('md5', n)}" for n in few],
        "record digests": [
            "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(str(n).encode()).digest()).decode().rstrip("=") for n in few
        ] + ["sha512-" + base64.b64encode(hashlib.sha512(str(n).encode()).digest()).decode() for n in few],
        "images": [
            form.format(digest("sha256", n))
            for n in few
            for form in (
                "tensorflow/serving@sha256:{}", "tensorflow/serving:2.19.1@sha256:{}",
                "registry.example.com:5000/team/serving:1.4@sha256:{}", "docker-pullable://tensorflow/serving@sha256:{}",
            )
        ],
        "build ids": [digest("sha1", 100 + n) for n in range(20)],
        "uuids": [*identity[:12], *(f"GPU-{one}" for one in identity[12:18]), *(f"MIG-{one}" for one in identity[18:])],
        "git": [f"v2.{n}.0-rc1-{n}-g{digest('sha1', n)[:11]}" for n in few] + [f"2.{n}.0.dev0+g{digest('sha1', n)[:9]}" for n in few],
        "versions": [
            "2.21.0", "2.15.0.post1", "1.26.4+mkl", "9.1.0.70-1+cuda12.2", "0.3.31.188.0", "12.4.127", "2.36-9+deb12u10",
            "6.1.0-27-cloud-amd64", "5.15.0-1052-azure", "4.18.0-553.el8_10.x86_64", "3.11.7 (main, Dec  8 2023, 18:56:58)",
            "[GCC 12.2.0]", "[Clang 18.1.8 ]", "1.2.4_git20230717-r4", "2.17.0-rc0", "25.10.1", "20240722.0", "r0-2e09a2b5",
        ],
        "conda": [f"py3{n}h{digest('md5', n)[:7]}_{n}" for n in few] + [f"2.{n}.0 cuda120py311h{digest('md5', n)[:7]}_20{n}" for n in few],
        "library paths": [
            form.format(digest("md5", n)[:8])
            for n in few
            for form in (
                "/opt/venv/lib/python3.11/site-packages/numpy.libs/libscipy_openblas64_-{}.so",
                "/usr/lib/python3/dist-packages/pillow.libs/libjpeg-{}.so.62.4.0",
                "/opt/conda/pkgs/libblas-3.9.0-{}_openblas/lib/libblas.so.3",
            )
        ],
        "paths": [
            "/models/efficientnet_v2_B0_imagenet21k_ft1k_Classification/1", "/opt/sk-learn-environment-two/bin/python",
            "/nix/store/1b9p07z77phvv2hf6gm9f28syp39f1ag-python3-3.11.7/bin/python3", "/models/tokenizer/1",
            "/var/lib/docker/overlay2/" + digest("sha256", 7) + "/merged", "/kubepods/burstable/pod" + identity[0],
            "/mnt/models/BERT-Base_uncased_L-12_H-768_A-12/00000123", "s3://models-eu-central-1/resnet50/3",
            "gs://acme-models/prod/v12/saved_model", "hdfs://namenode:8020/models/m/1", "/usr/lib/x86_64-linux-gnu/libtcmalloc.so.4",
            "https://storage.googleapis.com/tensorflow/keras-applications/resnet/resnet50_weights_tf_dim_ordering_tf_kernels.h5",
            "git+https://github.com/tensorflow/text.git@v2.15.0", "git+ssh://git@github.com/acme/models.git", "http://localhost:8501/v1/models/m",
        ],
        "cpu": [
            "Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz", "AMD EPYC 7763 64-Core Processor", "Apple M1 Max", "GenuineIntel",
            "avx512_vpopcntdq", "avx512_vp2intersect", "arch_capabilities", "tsc_deadline_timer", "amx_tile", "avx512_bitalg",
            "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ht syscall nx",
            "AVX2 AVX512F AVX512_VNNI AVX512_BF16 FMA", "glibc.cpu.hwcaps=-AVX2_Usable,-FMA_Usable", "0-3,8,12-15",
        ],
        "flags": [
            "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit", "--xla_gpu_deterministic_ops=true", "--xla_gpu_autotune_level=0",
            "--xla_dump_to=/tmp/dump --xla_dump_hlo_pass_re=.*", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
            "--xla_gpu_enable_latency_hiding_scheduler=true --xla_gpu_enable_triton_gemm=false", "granularity=fine,verbose,compact,1,0",
            "--xla_disable_hlo_passes=fusion,layout-assignment,constant_folding", ":4096:8", "all,dispatch=1,profile_create", "AVX512_CORE_AMX",
            "--xla_backend_optimization_level=3 --xla_llvm_disable_expensive_passes=true", "max_tokens=4096", "num_tokens: 32000", "GPU-0,GPU-1",
            "matmul_precision=BF16_BF16_F32", "stream:0,1", "proclist=[0-15],explicit", "cpu_allocator=bfc;gpu_allocator=cuda_malloc_async",
        ],
        "numbers": [str(n) for n in (0, 1, 2, 4, 8, 16, 64, 128, 4096, 65536, 8388608, 1700000000)] + ["0.95", "1e-07", "True", "false", "0xfff"],
        "locale": ["C.UTF-8", "en_US.UTF-8", "de_DE@euro", "zh_CN.GB18030", "POSIX", "Europe/Berlin", "America/Argentina/Buenos_Aires",
                   "CET-1CEST,M3.5.0,M10.5.0/3", "<+0330>-3:30", "UTC", "debian 12", "ubuntu 22.04", "rhel 9.3"],
        "operations": [
            "FusedBatchNormV3×53", "StatefulPartitionedCall/serving_default", "Conv2DBackpropFilter", "QuantizedConv2DWithBiasSumAndReluAndRequantize",
            "ResizeNearestNeighborGrad", "StatelessRandomUniformFullIntV2", "TensorListConcatLists", "InceptionResNetV2KerasApplicationsModel",
            "block5a_expand_activation", "TFRobertaForSequenceClassification", "MobileNetV3Small_Imagenet_1K", "EfficientNetV2B0Preprocessing",
            "serving_default: x DT_FLOAT [?, 224, 224, 3] -> y DT_FLOAT [?, 1000]", "token_and_position_embedding: Embedding",
            "attention/self/key/kernel float32 [768, 768]", "bert/embeddings/token_type_embeddings float32 [2, 768]", "input_tokens:0",
        ],
        "names": [f"serving-7d9f8b6c5d-x{n}v4q" for n in few] + [digest("sha256", 40 + n)[:12] for n in few]
        + ["cpython-311-x86_64-linux-gnu", "manylinux_2_17_x86_64.manylinux2014_x86_64", "tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl"],
        "container ids": [digest("sha256", 60 + n) for n in range(20)],
        "times": [f"2026-11-{n + 1:02}T15:00:00Z" for n in few] + [f"20261122T1719{n:02}Z" for n in few],
        "tags": [f"{n}.{n}.0-gpu-jupyter-py3{n}-cuda12.{n}-cudnn9" for n in few] + [f"nightly-2026.11.{n}-g{digest('sha1', n)[:8]}" for n in few],
    }  # fmt: skip


def every() -> list[str]:
    return [value for values in innocents().values() for value in values]
