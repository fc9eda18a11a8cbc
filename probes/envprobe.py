"""envprobe: says what one Python/TensorFlow environment is, as one JSON object ("fingerprint") on stdout.

One file, standard library only, Python 3.6 and later, Linux, macOS and Windows. Four ways to use it:

    python envprobe.py [options] > a.json            the interpreter that runs it
    ... | python3 - [options] > a.json               the same, piped into an environment that has no copy of the file
    python envprobe.py --pid N > a.json              another process, read through /proc (Linux)
    import envprobe; envprobe.write("a.json")        the program that imports it: what that program really set

The probe changes nothing in what it observes: it sets no environment variable, writes no file, initialises no GPU
and, inside another program, imports nothing that the program has not imported. TensorFlow is imported in a
child process only; a child that crashes or hangs costs the facts it would have told, never the others.

Facts are flat: a dotted path to a scalar or a list of scalars. What could not be asked stands in "unread" with
the reason; what is or may be a secret stands in "withheld" by name alone. With a compare key there are keyed
digests of it in "compare_key".
"""

# Run as a script, Python puts the script's directory (or the working directory, when piped) first on the module path:
# a json.py lying there must not be imported. Nothing but `sys` may be imported before this.
import sys

# An interpreter that is too old must be able to parse this file, down to Python 2.7, to be told so (a test sees to it).
if sys.version_info < (3, 6):
    _TOO_OLD = "this is Python %d.%d.%d, the probe needs 3.6 or later" % sys.version_info[:3]
    if __name__ != "__main__":
        raise ImportError(_TOO_OLD)
    sys.stderr.write("envprobe: %s; a newer one can read this one's processes: envprobe.py --pid N\n" % _TOO_OLD)
    sys.exit(4)

if __name__ == "__main__" and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]

import json
import os
import re
import stat
import time

VERSION = "1.0"
SCHEMA = "envdiff/fingerprint/1"
USAGE = """usage: envprobe.py [--static] [--label L] [--pid N] [--env NAME ...] [--devices] [--time-limit S] [--indent]
                   [--compare-key FILE]

  --static        do not import TensorFlow
  --label L       the name of this environment in reports
  --pid N         describe the running process N (Linux)
  --env NAME ...  record these environment variables too (values that look like secrets are still withheld)
  --devices       ask TensorFlow for its devices although that loads the GPU driver
  --time-limit S  seconds that importing TensorFlow may take (default 120)
  --indent        indent the JSON
  --compare-key FILE  add a digest, keyed with this file's secret, of what is withheld, so that a report can say
                  whether two sides agree on it; the key is not stored
"""

# ---------------------------------------------------------------------------------------------------------------------
# Tables
# ---------------------------------------------------------------------------------------------------------------------

# Environment variables whose values are kept. Everything else is recorded by name alone. Exact names where the family
# may hold secrets or grows by users' inventions (TF_CONFIG names hosts; TF_SOMETHING_TOKEN is anybody's guess).
ENV_NAMES = frozenset(
    """
    AUTOGRAPH_STRICT_CONVERSION CPU_NUM CUDA_CACHE_DISABLE CUDA_DEVICE_ORDER CUDA_LAUNCH_BLOCKING
    CUDA_MODULE_LOADING CUDA_VERSION CUDA_VISIBLE_DEVICES DYLD_INSERT_LIBRARIES DYLD_LIBRARY_PATH EIGEN_NUM_THREADS
    ENABLE_RUNTIME_UPTIME_TELEMETRY GLIBC_TUNABLES GPU_DEVICE_ORDINAL KERAS_BACKEND KERAS_HOME KERAS_MAX_EPOCHS
    KERAS_MAX_STEPS_PER_EPOCH KERAS_NNX_ENABLED KERAS_TORCH_DEVICE LANG LANGUAGE LD_AUDIT LD_BIND_NOW
    LD_LIBRARY_PATH LD_PRELOAD LD_USE_LOAD_BIAS MODEL_BASE_PATH MODEL_NAME NCCL_VERSION NIX_LD_LIBRARY_PATH
    PYTHONCOERCECLOCALE PYTHONDEVMODE PYTHONDONTWRITEBYTECODE PYTHONHASHSEED PYTHONHOME PYTHONIOENCODING
    PYTHONMALLOC PYTHONNOUSERSITE PYTHONOPTIMIZE PYTHONPATH PYTHONSAFEPATH PYTHONUTF8 PYTHONWARNINGS PYTHON_VERSION
    ROCM_VERSION ROCR_VISIBLE_DEVICES TENSORFLOW_INTER_OP_PARALLELISM TENSORFLOW_INTRA_OP_PARALLELISM
    TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL TF2_BEHAVIOR TF_AUTOTUNE_MIN_WARMUP_ITERATIONS TF_AUTOTUNE_THRESHOLD
    TF_CONV2D_USE_FP16_ACCUMULATE TF_CPP_MAX_VLOG_LEVEL TF_CPP_MIN_LOG_LEVEL TF_CPP_MIN_VLOG_LEVEL TF_CPP_VMODULE
    TF_CPU_ALLOCATOR_USE_BFC TF_CUBLAS_WORKSPACE_LIMIT_IN_MB TF_CUDA_MALLOC_ASYNC_SUPPORTED_PREALLOC
    TF_CUDA_PLATFORM_GPU_DEVICE_SCHEDULE TF_CUDA_VERSION TF_CUDNN_DETERMINISTIC
    TF_CUDNN_DISABLE_CONV_1X1_OPTIMIZATION TF_CUDNN_RESET_RND_GEN_STATE TF_CUDNN_RNN_USE_AUTOTUNE
    TF_CUDNN_RNN_USE_V2 TF_CUDNN_USE_AUTOTUNE TF_CUDNN_USE_FRONTEND TF_CUDNN_USE_RUNTIME_FUSION TF_CUDNN_VERSION
    TF_CUDNN_WORKSPACE_LIMIT_IN_MB TF_CUFFT_WORKSPACE_LIMIT_IN_MB TF_DATA_EXPERIMENT_OPT_IN
    TF_DATA_EXPERIMENT_OPT_OUT TF_DEBUG_CUDNN_RNN TF_DEBUG_CUDNN_RNN_ALGO TF_DEBUG_CUDNN_RNN_USE_TENSOR_OPS
    TF_DETERMINISTIC_ALLOCATOR TF_DETERMINISTIC_OPS TF_DETERMINISTIC_ORDER TF_DEVICE_MIN_SYS_MEMORY_IN_MB
    TF_DIRECTML_KERNEL_CACHE_SIZE TF_DISABLE_CUBLAS_TENSOR_OP_MATH TF_DISABLE_CUDNN_RNN_TENSOR_OP_MATH
    TF_DISABLE_CUDNN_TENSOR_OP_MATH TF_DISABLE_DEPTHWISE_CONV_DETERMINISM_EXCEPTIONS TF_DISABLE_JIT_KERNELS
    TF_DISABLE_MKL TF_DISABLE_RZ_CHECK TF_DISABLE_SCATTER_OP_DETERMINISM
    TF_DISABLE_SEGMENT_REDUCTION_OP_DETERMINISM_EXCEPTIONS TF_ENABLED_DEVICE_TYPES TF_ENABLE_AUTO_MIXED_PRECISION
    TF_ENABLE_AUTO_MIXED_PRECISION_GRAPH_REWRITE TF_ENABLE_COND_V2 TF_ENABLE_CONTROL_FLOW_V2
    TF_ENABLE_CUBLAS_TENSOR_OP_MATH_FP32 TF_ENABLE_CUDNN_RNN_TENSOR_OP_MATH_FP32 TF_ENABLE_CUDNN_TENSOR_OP_MATH_FP32
    TF_ENABLE_FFT_TILING_FORWARD TF_ENABLE_MAXPOOL_NANPROP TF_ENABLE_ONEDNN_OPTS TF_ENABLE_ONEDNN_SPMM
    TF_ENABLE_TENSOR_ARRAY_V2 TF_ENABLE_WHILE_V2 TF_ENABLE_WINOGRAD_NONFUSED TF_ENABLE_ZENDNN_OPTS
    TF_FORCE_GPU_ALLOW_GROWTH TF_FORCE_UNIFIED_MEMORY TF_FORWARD_COMPATIBILITY_DELTA_DAYS TF_FP16_CONV_MODE
    TF_FP16_CONV_USE_FP32_COMPUTE TF_FP16_MATMUL_USE_FP32_COMPUTE TF_FP16_RNN_USE_FP32_COMPUTE
    TF_FUNCTION_JIT_COMPILE_DEFAULT TF_GPU_ALLOCATOR TF_GPU_HOST_MEM_LIMIT_IN_MB TF_GPU_THREAD_COUNT
    TF_GPU_THREAD_MODE TF_GRAPH_CACHING TF_JITRT_FLAGS TF_JIT_CACHE_DIR TF_JIT_COMPILE_REWRITE
    TF_MATMUL_AUTOTUNE_ENABLE TF_MATMUL_AUTOTUNE_MAX_ALGORITHMS TF_MIN_GPU_MULTIPROCESSOR_COUNT
    TF_MKL_ALLOC_MAX_BYTES TF_MKL_OPTIMIZE_PRIMITIVE_MEMUSE TF_NUM_BATCH_THREADS TF_NUM_INTEROP_THREADS
    TF_NUM_INTRAOP_THREADS TF_ONEDNN_ASSUME_FROZEN_WEIGHTS TF_ONEDNN_THREADPOOL_USE_CALLER_THREAD
    TF_ONEDNN_USE_SYSTEM_ALLOCATOR TF_OPTIONALS_IN_GRADIENTS TF_OVERRIDE_GLOBAL_THREADPOOL
    TF_PER_DEVICE_MEMORY_LIMIT_MB TF_PLUGGABLE_DEVICE_LIBRARY_PATH TF_PS_DISABLE_ASYNC_EXECUTOR_GLOBALLY
    TF_RUN_EAGER_OP_AS_FUNCTION TF_SERVING_VERSION_GIT_BRANCH TF_SERVING_VERSION_GIT_COMMIT
    TF_SET_ONEDNN_FPMATH_MODE TF_SYNC_ON_FINISH TF_TENSORRT_VERSION TF_USE_CUBLASLT TF_USE_CUDNN
    TF_USE_CUDNN_BATCHNORM_SPATIAL_PERSISTENT TF_USE_DEEP_CONV2D TF_USE_DEFAULT_CONV_ALGO
    TF_USE_DETERMINISTIC_SEGMENT_REDUCTIONS TF_USE_EIGEN_PARALLEL_FOR_IN_WORK_SHARDER TF_USE_LEGACY_KERAS
    TF_USE_MODULAR_FILESYSTEM TF_USE_NVLINK_FOR_PARALLEL_COMPILATION TF_USE_ROCM_NHWC
    TF_USE_SINGLE_THREAD_MLIR_CONTEXT TF_XLA_FLAGS TF_XLA_SHARDING_FOR_RESOURCE_VARIABLES TZ TZDIR
    VECLIB_MAXIMUM_THREADS XLA_FLAGS XLA_GPU_RUNTIME_USE_CUDA_GRAPHS XLA_PJRT_GPU_HOST_MEMORY_LIMIT_GB
    XLA_PJRT_GPU_HOST_MEMORY_PREALLOCATE
    """.split()
)
# Families of which every member is an ordinary setting of a numerical library, the C library or the locale.
ENV_PREFIXES = tuple(
    """
    ACL_ BLIS_ CUBLAS_ CUBLASLT_ CUDNN_ DML_ DNNL_ GOMP_ GOTO_ HIPBLASLT_ HIP_ HSA_ ITEX_ KMP_ LC_
    MALLOC_ MIOPEN_ MKL_ NPY_ NUMBA_NUM_ NUMEXPR_ NVIDIA_ NVPL_ OMP_ ONEDNN_ OPENBLAS_ ROCBLAS_ TCMALLOC_
    TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_ TF_FLAG_ TF_ROCM_ TF_TRT_
    """.split()
)

# Mapped files that can move a number: TensorFlow, linear algebra, threads, GPU libraries, image and file readers,
# the C runtime and replacements of malloc. Matched against the file name without its version.
LIBRARY_NAMES = frozenset(
    """
    acl accelerate amdhip64 armpl atlas avif blas c c++ cblas cublas cublaslt cuda cudnn cufft cupti cusolver
    cusparse directml dnnl flexiblas gcc_s gfortran gomp hdf5 hsa-runtime64 iomp iomp5 iomp5md jemalloc jpeg
    lapack lapacke m metal_plugin miopen mvec mxnet nccl nvidia-ml nvidia-ptxjitcompiler nvjitlink nvml omp onednn
    onnxruntime openjp2 openvino png quadmath rccl stdc++ system_m tensorflow tfdml_plugin tiff torch torch_cpu
    torch_cuda turbojpeg ucrtbase veclib webp z
    """.split()
)
LIBRARY_PREFIXES = tuple(
    """
    _pywrap_tensorflow_internal arm_compute blis cublas cudart cudnn cufft curand cusolver cusparse hipblas itex
    ld-musl- mimalloc mkl_ msvcp nvinfer nvpl nvrtc onnxruntime_ openblas openvino_ paddle png rocblas rocfft rocrand rocsolver
    scipy_openblas tcmalloc tensorflow_ tensorflowlite vcomp vcruntime zendnn
    """.split()
)
NUMBERED = re.compile(r"^(?P<name>.+?)(?:-[0-9a-f]{8})?(?:-(?P<dashed>\d+(?:\.\d+)+))?\.so(?:\.(?P<so>[\d.]+))?$")
HASHED = re.compile(r"(?:-[0-9a-f]{8})+$")

# How the distribution that provides `tensorflow` is called, and what that says of the build.
TENSORFLOW_NAMES = (
    ("tf-nightly", "nightly"),
    ("tensorflow-rocm", "rocm"),
    ("tensorflow-directml", "directml"),
    ("tensorflow-macos", "macos"),
    ("tensorflow-intel", "intel"),
    ("intel-tensorflow", "intel"),
    ("tensorflow-cpu", "cpu"),
    ("tensorflow-gpu", "cuda"),
)

# C++ functions exported by libtensorflow_framework, newest spelling first; the namespace moved from tensorflow to tsl.
# Flags that read a variable and abort on a value other than 0, 1, true, false name that variable.
FRAMEWORK_SYMBOLS = (
    ("runtime.onednn", "bool", None, ("_ZN10tensorflow12IsMklEnabledEv", "_ZN10tensorflow12IsMKLEnabledEv")),
    (
        "runtime.tf32",
        "bool",
        None,
        ("_ZN3tsl33tensor_float_32_execution_enabledEv", "_ZN10tensorflow33tensor_float_32_execution_enabledEv"),
    ),
    (
        "runtime.threads.resolved",
        "int",
        None,
        ("_ZN3tsl4port14MaxParallelismEv", "_ZN10tensorflow4port14MaxParallelismEv"),
    ),
    (
        "runtime.op_determinism",
        "bool",
        "TF_DETERMINISTIC_OPS",
        ("_ZN3tsl21OpDeterminismRequiredEv", "_ZN10tensorflow21OpDeterminismRequiredEv"),
    ),
    (
        "runtime.op_order_determinism",
        "bool",
        "TF_DETERMINISTIC_ORDER",
        ("_ZN3tsl26OpOrderDeterminismRequiredEv", "_ZN10tensorflow26OpOrderDeterminismRequiredEv"),
    ),
)
# The first question latches what these variables say, for the whole process.
LATCHING = ("runtime.op_determinism", "runtime.op_order_determinism")

WSL_FILE, AMD_FILE = "/dev/dxg", "/dev/kfd"
NVIDIA_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/proc/driver/nvidia/version", WSL_FILE)
# The GPU of a Tegra board (Jetson), which is no PCI device and which NVIDIA's management library does not know there.
TEGRA_FILES = ("/dev/nvhost-gpu", "/dev/nvhost-ctrl-gpu", "/dev/nvgpu")
GPU_FILES = NVIDIA_FILES + TEGRA_FILES + (AMD_FILE,)
WOULD_LOAD_DRIVER = "would load the GPU driver; run with --devices to allow"
NOT_IMPORTED = "the program had not imported TensorFlow"
ENDED = "the process ended before or while it was being read"
STATIC = "not read: --static does not import TensorFlow"
SMALL, LARGE = 1 << 20, 64 << 20  # bytes that are read of a text file, of a library


class Unread(Exception):
    """What was asked for cannot be had here; the text says why in plain words."""


class Gone(Exception):
    """There is no such process."""


# ---------------------------------------------------------------------------------------------------------------------
# Secrets and names: the one place that decides what may leave this machine
# ---------------------------------------------------------------------------------------------------------------------

WITHHELD = "[withheld]"
BY_NAME = "its name says that it is a secret"
NAMED_ALONE = "not a setting that TensorFlow is known to read"
RANDOM = "looks like a random key"

SECRET_NAME = re.compile(
    r"token(?!iz)|secret|passw(?:or)?d|passphrase|passcode|credential|api_?key|authtoken|bearer|cookie|jwt|mnemonic"
    r"|(?:access|account|admin|app|client|deploy|encryption|license|master|private|service|session|shared|signing|ssh"
    r"|storage|subscription|webhook)_?key(?:$|_)|conn(?:ection)?_?str(?:ing)?(?:$|_)|(?:^|_)pass$"
    r"|(?:^|_)(?:pwd|passwd|creds|auth|oauth\d?|authorization|authentication|private|pat|psk|sas|dsn|key|otp)(?:$|_)"
    r"|session_?id|(?:^|_)session$|(?:^|_)(?:signature|sig)$",
    re.I,
)
# A name that speaks of a secret without being one: where it lies, how long it is, how many there are.
ABOUT_A_SECRET = re.compile(
    r"_(?:file|path|dir|directory|folder|type|length|size|count|limit|timeout|ttl|url|uri|endpoint|host|port|algorithm"
    r"|format|version)$|^(?:max|min|num|total)_|tokens?_per_",
    re.I,
)
SWITCH = re.compile(r"^(?:enable|disable|use|require|skip|allow|is|has|no)_", re.I)
TRUTH = ("0", "1", "true", "false", "yes", "no", "on", "off")

# Tokens that say by their form whose they are. Matched with case, where a word begins. Lower bounds on lengths are well
# below the real ones: formats grow, and a token that was cut is still a token.
TOKENS = (
    (
        "looks like a cloud key",
        (
            r"(?:AKIA|ASIA|ABIA|ACCA|LTAI|AKID)[0-9A-Za-z]{12,}|(?:FwoGZXIvYXdz|IQoJb3JpZ2lu)[\w+/=-]{8,}|AIza[\w-]{30,}"
            r"|ya29\.[\w.-]{8,}|GOCSPX-[\w-]{16,}|1//0[\w-]{20,}|[\w~.-]{3}\dQ~[\w~.-]{31,}|AQVN[\w-]{30,}|y[0-3]_[\w-]{30,}"
            r"|do[oprt]_v1_[0-9a-f]{20,}|\d{6,16}-[0-9a-z]{32}\.apps\.googleusercontent|ocid1\.credential\.[\w.-]{8,}"
        ),
    ),
    (
        "looks like a code host's token",
        (
            r"gh[a-z]_[A-Za-z0-9]{16,}|github_pat_\w{8,}|gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|oas|ffct)-[\w.-]{10,}"
            r"|GR1348941[\w-]{10,}|ATBB[A-Za-z0-9]{20,}|AT[AC]TT3[\w=-]{16,}|bkua_[0-9a-f]{16,}|CCIP[A-Z]{2,4}_\w{16,}"
            r"|lin_api_\w{16,}|figd_[\w-]{16,}|PMAK-[\w-]{16,}|ntn_\w{16,}|secret_[A-Za-z0-9]{32,}|pat[A-Za-z0-9]{14}\.\w{16,}"
        ),
    ),
    (
        "looks like a chat or mail token",
        (
            r"xox[a-z](?:\.xox[a-z])?-[\w-]{8,}|xapp-\d-[\w-]{8,}|SG\.[\w-]{10,}\.[\w-]{10,}|(?:SK|AC)[0-9a-f]{32}"
            r"|key-[0-9a-z]{32}|[0-9a-f]{32}-us\d{1,2}\b|\d{8,10}:AA[\w-]{30,}|[MNO][\w-]{22,26}\.[\w-]{6,7}\.[\w-]{25,}"
            r"|re_[A-Za-z0-9]{8}_\w{16,}|EAA[A-Za-z0-9]{40,}"
        ),
    ),
    (
        "looks like a payment key",
        (
            r"[prs]k_(?:live|test)_\w{10,}|whsec_[\w+/=]{16,}|sq0[a-z]{3}-[\w-]{16,}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{16,}"
            r"|EZ[AT]K[a-z0-9]{40,}|access_token\$production\$\w{8,}|shippo_(?:live|test)_\w{16,}"
        ),
    ),
    (
        "looks like an AI service's key",
        (
            r"sk[-_](?=[\w-]{0,80}\d)[\w-]{16,}|hf_[A-Za-z0-9]{16,}|api_org_\w{16,}|gsk_[A-Za-z0-9]{16,}|r8_[A-Za-z0-9]{16,}"
            r"|(?:xai|pplx|nvapi)-[\w-]{16,}|pcsk_\w{16,}|lsv2_[a-z]{2}_\w{16,}|wandb_v\d_\w{16,}|local-[0-9a-f]{40}"
            r"|fw_[A-Za-z0-9]{20,}|jina_[0-9a-f]{16,}\w*|tgp_v1_[\w-]{16,}"
        ),
    ),
    (
        "looks like a package registry's token",
        (
            r"npm_[A-Za-z0-9]{20,}|pypi-[\w-]{16,}|dckr_[a-z]{3}_[\w-]{4,}|rubygems_[0-9a-f]{16,}|oy2[a-z0-9]{40,}"
            r"|CLOJARS_[0-9a-f]{16,}|cio[A-Za-z0-9]{32}\b|AKCp[A-Za-z0-9]{10,}|cmVmd[A-Za-z0-9]{30,}"
        ),
    ),
    (
        "looks like an infrastructure token",
        (
            r"dapi[0-9a-f]{32}|hv[sbr]\.[\w-]{16,}|s\.[A-Za-z0-9]{24}\b|\w{14}\.atlasv1\.\w{8,}"
            r"|dp\.(?:pt|st|ct|sa|scim|audit)\.\w{16,}|gl(?:c|sa)_[\w+/=]{16,}|NR(?:AK|II|JS|AL|RA)-[\w-]{16,}|nfp_\w{16,}"
            r"|HRKU-[\w-]{16,}|fo1_[\w-]{16,}|fm\d_[\w+/=]{16,}|pscale_[a-z]{2,5}_[\w.-]{16,}|sb[pu]_[0-9a-f]{16,}"
            r"|pul-[0-9a-f]{20,}|dt0[a-z]\d\d\.[A-Z0-9]{8,}|sntry[su]_[\w+/=]{16,}|sq[apu]_[0-9a-f]{20,}|CFPAT-[\w-]{16,}"
            r"|sl\.(?:u\.)?[\w-]{30,}|tskey-[\w-]{8,}|API-[A-Z0-9]{24,}|rnd_[A-Za-z0-9]{24,}|ops_eyJ[\w-]{8,}"
        ),
    ),
    ("looks like a JSON web token", r"eyJ[\w-]{6,}\.[\w-]{2,}[\w.-]*|eyJ[A-Za-z0-9+/_-]{20,}={0,2}"),
    ("looks like a password's hash", r"\$(?:2[abxy]|[156]|y|argon2\w{1,2}|apr1|pbkdf2[\w-]{0,10})\$[\w./$=,+-]{8,}"),
    ("looks like a private key", r"AGE-SECRET-KEY-1[0-9A-Z]{8,}|0x[0-9a-f]{64}\b|[xyz]prv[1-9A-HJ-NP-Za-km-z]{20,}"),
)
# What stands around a secret and says that it is one: reason, head (may be shown), the secret.
WORDS = (
    r"(?:passw(?:or)?d|passwd|pwd|passphrase|secret|token(?!iz|s?[\"']?\s{0,2}[=:]\s{0,2}\d)|credentials?|authorization"
    r"|(?:access|account|api|auth|client|encryption|private|secret|shared[_-]?access|signing|storage|subscription)[_-]?key)"
)
NO_SECRET = (
    r"(?!(?:none|null|nil|true|false|yes|no|on|off|\[withheld\]|\*+|\.{3}|x{3,}|\d{1,3}|\$\w+|\$\{[^}]{0,80}\}|<[^>]{0,80}>"
    r"|\[user\]|%\(?\w{0,40}\)?s?|\{\w{0,40}\})(?:[\s\"',;&)}\]]|$))"
)
CONTEXTS = (
    (
        "holds a private key",
        r"",
        r"-----BEGIN(?:[\s\S]{0,20000}?-----END[^-]{0,80}-{0,5}|[\s\S]{0,20000})|PuTTY-User-Key-File[\s\S]{8,}",
    ),
    (
        "holds a user name or password in a URL",
        r"://",
        r"(?!git@|\[withheld\])(?:[^/\s@?#'\"<>]{1,500}|[^/\s@?#:'\"<>]{0,200}:(?!\d{1,5}/)[^\s@'\"<>]{1,500})(?=@)",
    ),
    (
        "holds a user name and a password",
        r"(?:^|(?<=[\s\"'=]))(?=[^\s@]{5,500}@)",
        r"[\w.+-]{1,100}:(?!//|\[withheld\])[^\s@/]{3,300}(?=@(?!sha\d)[\w-]{1,80}(?:\.[\w-]{1,80}){1,8}(?:[:/]|$))",
    ),
    (
        "holds a signed URL",
        (
            r"[?&;](?:sig|sign|signature|x-(?:amz|goog|oss|ms)-[a-z-]{1,40}|(?:access_?|auth_?|id_?|refresh_?)?token|(?:api_?|auth_?)?key"
            r"|code|awsaccesskeyid|googleaccessid|key-pair-id|policy|jwt|hmac|hdnt[sl]|secret|client_secret|password|pwd|auth)="
        ),
        r"(?!\[withheld\])[^&\s'\"<>]{1,4000}",
    ),
    (
        "holds a webhook's address",
        (
            r"(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks|hooks\.zapier\.com/hooks"
            r"|webhook\.office\.com/webhookb?2?|api\.telegram\.org/bot|chat\.googleapis\.com/v1/spaces)[/:]?"
        ),
        r"(?!\[withheld\])[\w./@:?=&%-]{8,}",
    ),
    (
        "holds an Authorization header",
        r"\b(?:(?:proxy-)?authorization|(?:set-)?cookie|x-(?:[a-z]{1,20}-){0,3}(?:key|token|auth))[\"']?\s{0,4}[:=]\s{0,4}[\"']?",
        r"(?!\s{0,4}\[withheld\])[^\"'\r\n]{3,4000}",
    ),
    ("holds a bearer token", r"\bbearer\s{1,4}", r"(?!\[withheld\]|token\b)[\w.~+/=-]{6,4000}"),
    (
        "holds a login",
        r"(?-i:\bBasic\s{1,4})",
        r"(?=\S{0,60}(?:=|\d\S{0,60}[A-Z]|[A-Z]\S{0,60}\d|[A-Z]\S{0,60}[A-Z]))[A-Za-z0-9+/]{8,}={0,2}",
    ),
    ("holds a login", r"\bmachine\s{1,4}\S{1,200}\s{1,4}login\s{1,4}\S{1,200}\s{1,4}password\s{1,4}", r"\S{1,200}"),
    (
        "holds a user name and a password",
        r"(?:^|(?<=\s))(?:-u|--(?:proxy-)?user)[\s=]{1,4}",
        r"(?!\d{1,9}:\d{1,9}(?:\s|$))[^\s:/]{1,100}:[^\s/]{1,200}",
    ),
    (
        "holds a secret",
        WORDS + r"s?\d{0,3}[\"']?\s{0,4}(?:=>|[=:]|%3[AD])\s{0,4}(?:[bru]?[\"'])?",
        NO_SECRET + r"[^\s\"',;&<>]{1,4000}",
    ),
    (
        "holds a secret",
        r"(?:^|(?<=\s))--?[\w-]{0,40}" + WORDS + r"\s{1,4}[\"']?",
        NO_SECRET + r"(?!-)[^\s\"']{1,4000}",
    ),
)
# One of these stands in everything that CONTEXTS describes: most values never meet the large pattern.
SIGNS = (
    "://", "@", "key", "token", "secret", "pass", "pwd", "credential", "auth", "cookie", "bearer", "basic", "-----begin",
    "putty", "hooks", "telegram", "googleapis", "sig", "code=", "policy=", "jwt=", "hmac=", "hdnt", "x-", "machine",
    "accessid=", "key-pair-id", "-u ", "-u=", "user",
)  # fmt: skip
# Key-like words; each is looked at by looks_random().
LONG_WORD = re.compile(r"[A-Za-z0-9+/_=-]{20,}")
DIGEST = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})\Z", re.I)
DIGEST_NAME = re.compile(
    r"(?:^|[._-])(?:sha-?\d{0,3}|md5|digest|checksum|hash|integrity|build_?id|commit|revision)(?:$|[._-])", re.I
)
# A UUID with what it belongs to (GPU-...), and the hash that a directory of the Nix store begins with.
INNOCENT_PART = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=/nix/store/)[0-9a-z]{32}(?=-)", re.I)
LABELLED_DIGEST = re.compile(r"(?:sha-?\d{1,3}|md5|h1|blake2[bs])[-=:]\Z", re.I)
# The 130 pairs of letters that make up 84 % of the pairs in identifiers and file names, and 19 % of random ones.
USUAL_PAIRS = (
    "liibpyonlethteesinerenloclouooacoratusogglgoresrhoudstytdksdsedearhetipaycitcontgechraceetcaalpendedutneantaecnssiag"
    "tyurmeopckfolaelisrtapptioassuplmaunngtocproritstrniomildirmamkanaicodfapononuypexctmprfrssovehanvlsolirssrdhitfdsul"
    "fidaevncpivatuiebuotmovskell"
)
USUAL = frozenset(USUAL_PAIRS[at : at + 2] for at in range(0, len(USUAL_PAIRS), 2))


class Shapes(object):
    """The two tables as one pattern each, compiled when the first value asks: that takes longer than all the rest."""

    compiled = {}

    @classmethod
    def tokens(cls):
        if "tokens" not in cls.compiled:
            shapes = "|".join("(%s)" % shape for _, shape in TOKENS)
            cls.compiled["tokens"] = re.compile(r"(?<![A-Za-z0-9])(?:%s)" % shapes)
        return cls.compiled["tokens"]

    @classmethod
    def contexts(cls):
        if "contexts" not in cls.compiled:
            parts = ("(%s)(%s)" % (head, secret) for _, head, secret in CONTEXTS)
            cls.compiled["contexts"] = re.compile("|".join(parts), re.I)
        return cls.compiled["contexts"]


def spaced(text):
    """`text` with escapes that a word may begin after (%3D, \\n) as spaces, in as many characters."""
    if "%" in text or "\\" in text:
        return re.sub(r"%[0-9A-Fa-f]{2}|\\[nrt]", lambda found: " " * len(found.group()), text)
    return text


def has_sign(text):
    small = text.lower()
    return any(sign in small for sign in SIGNS)


def withhold(name, value):
    """Why `value`, known as `name`, must not be shown; None if it may be."""
    if name and names_a_secret(name, value):
        return BY_NAME
    reason = shape_of_a_secret(value)
    return None if reason == RANDOM and DIGEST_NAME.search(name) else reason


def names_a_secret(name, value):
    """FOO_TOKENIZER, max_tokens=64 and ssl_key_file are ordinary names."""
    name = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).replace("-", "_").replace(".", "_")
    if not SECRET_NAME.search(name) or ABOUT_A_SECRET.search(name):
        return False
    if SWITCH.match(name) and value.lower() in TRUTH:
        return False
    return not (name.lower().endswith("tokens") and value.isdigit())


def shape_of_a_secret(value):
    """Why `value` must not be shown whatever its name; None if its form says nothing."""
    if len(value) < 6:
        return None
    if has_sign(value):
        found = Shapes.contexts().search(value)
        if found:
            return CONTEXTS[(found.lastindex - 1) // 2][0]
    if len(value) < 12:
        return None
    found = Shapes.tokens().search(spaced(value))
    if found:
        return TOKENS[found.lastindex - 1][0]
    if len(value) < 20:
        return None
    return RANDOM if any(is_random_word(found) for found in LONG_WORD.finditer(value)) else None


def masked(text):
    """`text` with every secret in it written as [withheld]: for messages, which are read but not compared."""
    if len(text) < 6:
        return text
    if has_sign(text):
        text = Shapes.contexts().sub(lambda found: found.group(found.lastindex - 1) + WITHHELD, text)
    # From the end, so that earlier places stay where they are.
    for found in reversed(list(Shapes.tokens().finditer(spaced(text)))):
        text = text[: found.start()] + WITHHELD + text[found.end() :]
    return LONG_WORD.sub(lambda found: WITHHELD if is_random_word(found) else found.group(), text)


def is_random_word(found):
    """A word of a path counts part by part; what a digest's name stands before is a digest."""
    word = INNOCENT_PART.sub("", found.group())
    if LABELLED_DIGEST.search(found.string[max(0, found.start() - 8) : found.start()]):
        return False
    labelled = re.match(r"sha-?\d{1,3}[-=_]", word, re.I)
    if labelled and len(word) - labelled.end() in (27, 28, 43, 44, 86, 88, 40, 56, 64, 96, 128):
        return False
    parts = [part for part in re.split(r"[/=_-]+", word) if len(part) >= 20]
    if any(looks_random(part) for part in parts):
        return True
    plain = re.sub(r"[/=_-]+", "", word)
    if len(plain) < 20 or len(plain) == len(word):
        return False
    path = word.startswith("/") or found.string[max(0, found.start() - 1) : found.start()] in ("/", ".", "~")
    return looks_random(plain, 0.5 if path and "/" in word else 0.4 if "/" in word else 0.35, 3)


def looks_random(word, turns_needed=0.0, classes_needed=2):
    """True for text that turns between small letters, capitals and digits as keys do, and whose letters do not follow
    each other as in words. Digests (hexadecimal alone), versions and numbers are not."""
    kinds = [0 if letter.islower() else 1 if letter.isupper() else 2 for letter in word]
    digits = kinds.count(2)
    if (
        len(set(kinds)) < (classes_needed if len(word) >= 24 else 3)
        or digits * 4 > len(word) * 3
        or re.match(r"[0-9a-f]+\Z", word, re.I)
    ):
        return False
    turns = sum(1 for at in range(1, len(kinds)) if kinds[at] != kinds[at - 1])
    small = word.lower()
    pairs = [small[at : at + 2] for at in range(len(word) - 1) if kinds[at] != 2 and kinds[at + 1] != 2]
    usual = sum(1 for pair in pairs if pair in USUAL)
    few = digits <= 2  # FusedBatchNormV3
    if turns < len(word) * max(turns_needed, 0.35 if few else 0.15):
        return False
    return usual < len(pairs) * (0.33 if few else 0.5) or len(pairs) < 3


def tells(value):
    """True for a value that is a secret's own: one found elsewhere is no coincidence."""
    plain = value.strip().lower()
    return len(plain) >= 8 and not plain.startswith(("/", "~", ".")) and not re.match(r"[a-z_ -]+\Z|[\d.:-]+\Z", plain)


def keyed_digest(key, path, name, value):
    """Tells two values equal or different to whoever has the key, and nothing to anybody else. The place is part of it:
    the same password in two places gives two digests."""
    text = "\0".join(("envdiff value", path, name, value))
    return keyed(key, text)[:32]


def keyed(key, text):
    import hashlib
    import hmac

    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def key_id(key):
    """Says whether two digests were made with one key."""
    return keyed(key, "envdiff compare key")[:16]


SHORTEST_KEY = 16


def read_key(path):
    """The key that a file holds, without the line ends around it. Raises Misuse."""
    key, failure = b"", None
    try:
        with open(path, "rb") as file:
            key = file.read(1 << 16).strip()
    except OSError as error:
        failure = reason_of(error)
    if failure:
        raise Misuse("the compare key cannot be read: %s" % failure)
    if len(key) < SHORTEST_KEY:
        raise Misuse("the compare key has fewer than %d bytes; openssl rand -hex 32 makes one" % SHORTEST_KEY)
    return key


def optional_key(path):
    return read_key(path) if path else None


def visible(text):
    """`text` as valid Unicode: what is not UTF-8 becomes a visible escape such as \\xff."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half of a surrogate pair, as file names on Windows may hold
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


HOMES = re.compile(
    r"(^|(?<=[\s=:,;'\"(\[])|(?<=://))(?:(?:/(?:var|usr|export|mnt|nfs|net|data))?/(?:home\d?|homes|Users)/[^/\s:;,'\")\]]+"
    r"|/root(?=[/\s:;,'\"]|$)|/var/root(?=/|$))"
)
WINDOWS_HOMES = re.compile(r"(?:[A-Za-z]:[\\/]+Users|\\home)[\\/]+[^\\/:;\"']+", re.I)
# Accounts that name no person, and words that are folders more often than people.
SERVICE_USERS = frozenset(
    """
    admin ansible app apps bin build builder ci cloud conda container core data docker git home jenkins jovyan lib
    local mambauser model models node nobody opt oracle postgres python root runner serving src srv system tensorflow
    test tester tmp ubuntu user users usr vagrant var vscode worker www
    """.split()
)


def hide_home(text, home=None, user=None):
    """`text` with home directories, which name their owner, written as ~, and its name in other paths as [user]."""
    if home and len(home) > 4 and home != "/root" and home in text:  # /root names nobody; HOMES knows it
        text = re.sub(re.escape(home) + r"(?=[/\\:;\s]|$)", "~", text)
    if "/" in text:
        text = HOMES.sub("~", text)
    if user and user in text and len(user) > 2 and user.lower() not in SERVICE_USERS:
        text = re.sub(r"(?<=[/\\])%s(?=[/\\:;\s]|$)" % re.escape(user), "[user]", text)
    return WINDOWS_HOMES.sub("~", text) if "\\" in text else text


def safe_command(words):
    """A command line without its secrets -> (words, [(name, reason, value)]). Knows --name=value, --name value,
    NAME=VALUE and -u NAME:PASSWORD. A word that holds a secret goes as a whole: a script may hold another beside it."""
    safe, withheld, option = [], [], ""
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        plain_name = bool(equals) and re.match(r"[\w.-]+\Z", name)
        key = name.lstrip("-") if plain_name else option
        reason = withhold(key, value if plain_name else word) if word else None
        if not reason and key in ("u", "user", "proxy-user") and re.match(r"[^:/]+:(?!\d+\Z)[^/]", value or word):
            reason = "holds a user name and a password"
        if reason:
            called = (
                "%s%s" % ("--" if word.startswith("--") or not plain_name else "", key) if key else "word %d" % (at + 1)
            )
            withheld.append((masked(called), reason, value if plain_name else word))
            word = masked(name) + "=" + WITHHELD if plain_name else WITHHELD
        safe.append(word)
        # The next word belongs to this one only if this one is an option that still waits for its value.
        option = word.lstrip("-") if word.startswith("-") and not equals else ""
    return safe, withheld


# ---------------------------------------------------------------------------------------------------------------------
# The record that sections write to
# ---------------------------------------------------------------------------------------------------------------------


class Record(object):
    """The facts of one subject as they are gathered. Every path, value and reason passes the secret filter on its way
    in. With a `key`, what is withheld leaves a keyed digest: {path: {name of the part, "" for the whole: digest}}.
    `known` are values that some name has given away as secrets: they are withheld wherever else they turn up."""

    def __init__(self, home=None, user=None, key=None, known=()):
        self.home, self.user, self.key = home, user, key
        self.known = {value for value in known if tells(value)}
        self.facts, self.unread, self.withheld, self.digests = {}, {}, {}, {}

    def put(self, path, value, name=""):
        """Keep one fact, known to people as `name`; None and "" mean that there is nothing to say."""
        if value is None or value == "":
            return
        path = visible(path)
        if WITHHELD in path:
            self.hide(path, "a part of its name looks like a secret")
        elif shape_of_a_secret(path):
            return self.hide(path, "its name holds a secret", "", json.dumps(value, default=str))
        if isinstance(value, (list, tuple)):
            value = [self._clean(path, item, "item %d" % (at + 1), name) for at, item in enumerate(value)]
            value = [item for item in value if item is not None]
        else:
            value = self._clean(path, value, "", name)
        if value is not None:
            self.facts[path] = value
        return None

    def put_command(self, path, words):
        """A command line: of a word that holds a secret its name stays."""
        words, withheld = safe_command([visible(word) for word in words])
        for name, reason, value in withheld:
            self.hide(path, reason, name, value)
        # Each word has passed the filter; put() would drop a whole word again for a shape that stands in its name.
        for at, word in enumerate(words):
            if any(known in word for known in self.known):
                self.hide(path, "holds what elsewhere has a secret's name", "word %d" % (at + 1), word)
                words[at] = WITHHELD
        self.facts[path] = [self.without_owner(word) for word in words]

    def put_all(self, prefix, values):
        for name in sorted(values):
            self.put("%s.%s" % (prefix, name), values[name])

    def cannot(self, prefix, reason):
        reason = visible(str(reason))
        for value in self.known:
            reason = reason.replace(value, WITHHELD)
        self.unread[masked(visible(prefix))] = self.without_owner(masked(reason))

    def hide(self, path, reason, name="", value=None):
        """Say that something stands at `path` (its part `name`) and why it is not shown."""
        path = masked(visible(path))
        said = visible("%s: %s" % (name, reason) if name else reason)
        reasons = self.withheld.setdefault(path, [])
        if said not in reasons:
            reasons.append(said)
        if reason == BY_NAME and value and tells(value):
            self.known.add(value)
        if self.key and value is not None:
            self.digests.setdefault(path, {})[name] = keyed_digest(self.key, path, name, value)

    def hide_name(self, name, value):
        """An environment variable that is recorded by name alone."""
        name = masked(visible(name))
        self.withheld.setdefault("env", []).append(name)
        if self.key:
            self.digests.setdefault("env." + name, {})[""] = keyed_digest(self.key, "env." + name, "", value)

    def merge(self, document):
        """Take over what a child said; it knows better than what was read from files."""
        for path in document.get("facts", {}):
            self.unread.pop(path, None)
        self.facts.update(document.get("facts", {}))
        self.unread.update(document.get("unread", {}))
        for path, reasons in document.get("withheld", {}).items():
            for reason in reasons:
                self.hide(path, reason)
        for path, digests in document.get("digests", {}).items():
            self.digests.setdefault(path, {}).update(digests)

    def without_owner(self, text):
        return hide_home(text, self.home, self.user)

    def _clean(self, path, value, part, name):
        if isinstance(value, float) and value - value != 0:  # NaN and the infinities are no JSON
            return str(value)
        if value is None or isinstance(value, (bool, int, float)):
            return value
        text = visible(str(value))
        reason = withhold(name, text)
        if not reason and any(known in text for known in self.known):
            reason = "holds what elsewhere has a secret's name"
        if reason:
            self.hide(path, reason, part, text)
            return None
        return self.without_owner(text)


def attempt(record, prefix, function, *arguments):
    """Run one section; whatever goes wrong costs that section alone. Returns the failure, or None."""
    try:
        function(*arguments)
    except Exception as error:  # noqa: BLE001  the one place: a section that fails must not take the others along
        record.cannot(prefix, reason_of(error))
        return error
    return None


def reason_of(error):
    """Plain words for a failure."""
    if isinstance(error, (Unread, Gone)):
        return str(error)
    if isinstance(error, PermissionError):
        return "no permission to read %s: run as the same user or root" % (error.filename or "it")
    if isinstance(error, OSError) and error.strerror:
        return "%s: %s" % (error.filename, error.strerror) if error.filename else error.strerror
    text = str(error).strip().split("\n")[0]
    return "%s: %s" % (type(error).__name__, text[:300]) if text else type(error).__name__


# ---------------------------------------------------------------------------------------------------------------------
# Readers: files below a root, and what only the operating system's own calls tell
# ---------------------------------------------------------------------------------------------------------------------


class Files(object):
    """Read-only files below `root` ("" = the whole machine). Links are followed inside the root only, step by step,
    so that an absolute link of a container is not read on the host. Only regular files are opened."""

    def __init__(self, root=""):
        self.root = root.rstrip("/")
        self._lists, self._real = {}, {}

    def locate(self, path):
        """Where `path` lies on this machine."""
        if not self.root:
            return path
        folder, _, name = path.rpartition("/")
        if folder not in self._real:
            self._real[folder] = self._resolve(folder)
        return self.root + self._resolve(self._real[folder] + "/" + name, known=self._real[folder])

    def inside(self, path):
        """`path` after all links, as it is called inside the root."""
        place = self.locate(path) if self.root else os.path.realpath(path)
        return place[len(self.root) :] or "/"

    def _resolve(self, path, known=""):
        waiting = [part for part in reversed(path[len(known) :].split("/")) if part not in ("", ".")]
        done, links = known, 0
        while waiting:
            part = waiting.pop()
            if part == "..":
                done = done.rpartition("/")[0]
                continue
            try:
                target = os.readlink(self.root + done + "/" + part)
            except OSError:
                done += "/" + part
                continue
            links += 1
            if links > 40:
                raise OSError(40, "too many links", path)
            if target.startswith("/"):
                done = ""
            waiting.extend(step for step in reversed(target.split("/")) if step not in ("", "."))
        return done

    def read(self, path, limit=SMALL):
        """The first `limit` bytes. OSError when there is no such regular file."""
        place = self.locate(path)
        if not stat.S_ISREG((os.lstat if self.root else os.stat)(place).st_mode):
            raise OSError(22, "not a regular file", path)
        with open(place, "br") as file:
            return file.read(limit)

    def text(self, path, limit=SMALL):
        return self.read(path, limit).decode("utf-8", "surrogateescape")

    def text_or(self, path, otherwise=""):
        try:
            return self.text(path)
        except (OSError, ValueError):
            return otherwise

    def names(self, path):
        """The names in a directory; none if it is none."""
        if path not in self._lists:
            try:
                self._lists[path] = sorted(os.listdir(self.locate(path)))
            except (OSError, ValueError):
                self._lists[path] = []
        return self._lists[path]

    def has(self, path):
        try:
            return os.path.lexists(self.locate(path))
        except (OSError, ValueError):
            return False

    def size(self, path):
        return os.stat(self.locate(path)).st_size

    def target(self, path):
        """What a link says, or "" if it is no link."""
        folder, _, name = path.rpartition("/")
        try:
            return os.readlink((self.locate(folder) if self.root else folder) + "/" + name)
        except OSError:
            return ""


class Machine(object):
    """The operating system's answers that no file holds. Tests pass recorded ones."""

    system = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}.get(sys.platform.rstrip("2"), sys.platform)
    if sys.platform == "win32":
        system = "Windows"

    def release(self):
        """(release, machine) of the kernel."""
        if hasattr(os, "uname"):
            answer = os.uname()
            return answer.release, answer.machine
        version = sys.getwindowsversion()
        machine = os.environ.get("PROCESSOR_ARCHITEW6432") or os.environ.get("PROCESSOR_ARCHITECTURE", "")
        return "%d.%d.%d" % version[:3], machine

    def libc(self):
        """The C library as it names itself ("glibc 2.36"), or "" (musl, macOS, Windows)."""
        try:
            return os.confstr("CS_GNU_LIBC_VERSION") or ""
        except (AttributeError, ValueError, OSError):
            return ""

    def logical(self):
        return os.cpu_count()

    def schedulable(self):
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None

    def sysctl(self, name):
        """A macOS kernel value: str, int, or None if there is none of that name."""
        import ctypes

        call = ctypes.CDLL(None).sysctlbyname
        size = ctypes.c_size_t(0)
        if call(name.encode(), None, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
            return None
        data = ctypes.create_string_buffer(size.value or 1)
        if call(name.encode(), data, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
            return None
        if size.value in (4, 8) and not name.endswith(("string", "version", "vendor", "features")):
            return int.from_bytes(data.raw[: size.value], sys.byteorder)
        return data.raw[: size.value].rstrip(b"\0").decode("utf-8", "replace")

    def registry(self, key, value):
        """A value below HKEY_LOCAL_MACHINE, or None."""
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as handle:
                return winreg.QueryValueEx(handle, value)[0]
        except OSError:
            return None

    def feature(self, number):
        """Windows' IsProcessorFeaturePresent."""
        import ctypes

        return bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(number))

    def mapped(self):
        """Paths of the libraries that this process has mapped, where /proc does not tell (macOS, Windows)."""
        return dyld_images() if self.system == "Darwin" else windows_modules()

    def nvml(self):
        """(path, value) pairs from NVIDIA's management library; raises Unread without it. Never calls cuInit."""
        return ask_nvml()


def dyld_images():
    import ctypes

    system = ctypes.CDLL(None)
    system._dyld_get_image_name.restype = ctypes.c_char_p
    names = [system._dyld_get_image_name(number) for number in range(system._dyld_image_count())]
    return [os.fsdecode(name) for name in names if name]


def windows_modules():
    import ctypes

    kernel = ctypes.windll.kernel32
    process = ctypes.c_void_p(-1)  # the pseudo handle of this process
    modules = (ctypes.c_void_p * 4096)()
    needed = ctypes.c_ulong()
    if not kernel.K32EnumProcessModules(process, modules, ctypes.sizeof(modules), ctypes.byref(needed)):
        raise Unread("Windows did not list the modules of the process")
    paths = []
    for module in modules[: min(4096, needed.value // ctypes.sizeof(ctypes.c_void_p))]:
        name = ctypes.create_unicode_buffer(1024)
        if kernel.K32GetModuleFileNameExW(process, ctypes.c_void_p(module), name, 1024):
            paths.append(name.value)
    return paths


def ask_nvml():
    """NVML reads the driver's state without creating a CUDA context."""
    import ctypes

    nvml = None
    try:
        nvml = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
    except OSError:
        pass
    if nvml is None:
        raise Unread("it is not installed")
    status = nvml.nvmlInit_v2()
    if status != 0:
        # 9: driver not loaded; 4: no permission (nvmlReturn_t in nvml.h)
        raise Unread(
            {4: "no permission to ask the NVIDIA driver", 9: "the NVIDIA driver is not loaded"}.get(
                status, "it did not start (code %d)" % status
            )
        )
    try:
        for pair in nvml_facts(nvml, ctypes):
            yield pair
    finally:
        nvml.nvmlShutdown()


def nvml_facts(nvml, ctypes):
    text, number = ctypes.create_string_buffer(96), ctypes.c_int()
    if nvml.nvmlSystemGetDriverVersion(text, ctypes.c_uint(96)) == 0:
        yield "gpu.driver", text.value.decode()
    if nvml.nvmlSystemGetCudaDriverVersion_v2(ctypes.byref(number)) == 0:
        yield "gpu.cuda_driver_version", "%d.%d" % (number.value // 1000, number.value % 1000 // 10)
    count = ctypes.c_uint()
    if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        raise Unread("it did not count the GPUs")
    yield "gpu.count", count.value
    for index in range(count.value):
        device = ctypes.c_void_p()
        if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device)) == 0:
            for name, value in nvml_device(nvml, ctypes, device):
                yield "gpu.%d.%s" % (index, name), value


def nvml_device(nvml, ctypes, device):
    text = ctypes.create_string_buffer(96)
    if nvml.nvmlDeviceGetName(device, text, ctypes.c_uint(96)) == 0:
        yield "name", text.value.decode("utf-8", "replace")
    major, minor = ctypes.c_int(), ctypes.c_int()
    if nvml.nvmlDeviceGetCudaComputeCapability(device, ctypes.byref(major), ctypes.byref(minor)) == 0:
        yield "compute_capability", "%d.%d" % (major.value, minor.value)
    memory = (ctypes.c_ulonglong * 3)()  # nvmlMemory_t: total, free, used
    if nvml.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)) == 0:
        yield "memory", memory[0]
    current, pending = ctypes.c_uint(), ctypes.c_uint()
    if nvml.nvmlDeviceGetMigMode(device, ctypes.byref(current), ctypes.byref(pending)) == 0:
        yield "mig", bool(current.value)


def gnu_build_id(data):
    """The GNU build id in the first bytes of an ELF file, as hex; None if there is none. 32 and 64 bit, both orders."""
    if data[:4] != b"\x7fELF" or len(data) < 64:
        return None
    order = "big" if data[5] == 2 else "little"
    wide = data[4] == 2

    def number(at, size):
        return int.from_bytes(data[at : at + size], order)

    table = number(32, 8) if wide else number(28, 4)
    entry, count = (number(54, 2), number(56, 2)) if wide else (number(42, 2), number(44, 2))
    for index in range(min(count, 128)):
        at = table + index * entry
        if number(at, 4) == 4:  # PT_NOTE
            offset, size = (number(at + 8, 8), number(at + 32, 8)) if wide else (number(at + 4, 4), number(at + 16, 4))
            found = build_id_in_notes(data[offset : offset + size], order)
            if found:
                return found
    return None


def build_id_in_notes(notes, order):
    at = 0
    while at + 12 <= len(notes):
        name, size, kind = (int.from_bytes(notes[at + i : at + i + 4], order) for i in (0, 4, 8))
        start = at + 12 + (name + 3) // 4 * 4
        if kind == 3 and notes[at + 12 : at + 16] == b"GNU\0":
            return "".join("%02x" % byte for byte in bytearray(notes[start : start + size]))
        at = start + (size + 3) // 4 * 4
    return None


class World(object):
    """One subject and where its sections read: the machine, its files, its environment, its module path."""

    def __init__(
        self,
        mode,
        machine=None,
        files=None,
        host=None,
        proc="/proc/self",
        env=None,
        path=None,
        modules=None,
        devices=False,
        time_limit=120.0,
        extra_env=(),
        key=None,
    ):
        self.key = key  # what digests of withheld values are made with; never stored
        self.key_file = None  # where it came from
        self.mode = mode  # full | static | in-process | proc
        self.machine = machine or Machine()
        self.system = self.machine.system
        self.host = host or Files()
        self.files = files or self.host
        self.proc = proc
        self.env = env if env is not None else own_environment()
        self.path = list(sys.path) if path is None else path
        self.modules = modules  # sys.modules of the program that is described; None: the subject is not this process
        self.devices, self.time_limit, self.extra_env = devices, time_limit, frozenset(extra_env)
        self.build = None  # what build_info() has parsed
        self.ticks = None  # when the process that is described started
        self.no_path = "no directory of its module path exists"
        self._packages = None

    @property
    def live(self):
        """True if the subject is the interpreter that runs this."""
        return self.mode != "proc"

    def home(self):
        return self.env.get("HOME") or self.env.get("USERPROFILE") or ""

    def find(self, relative):
        """The first existing `relative` path on the module path, or None."""
        top = relative.split("/")[0]
        for folder in self.path:
            if top in self.files.names(folder) and self.files.has(folder + "/" + relative):
                return folder + "/" + relative
        return None

    def packages(self):
        """{PEP 503 name: Package}, the first on the module path wins, as it does for import."""
        if self._packages is None:
            self._packages = {}
            for folder in self.path:
                for package in packages_in(self.files, folder):
                    self._packages.setdefault(package.name, package)
        return self._packages

    def maps(self):
        """Mapped file paths, in order of first appearance."""
        if self.system != "Linux":
            return self.machine.mapped()
        return mapped_paths(self.host.text(self.proc + "/maps", LARGE))


def mapped_paths(maps):
    seen = {}
    for line in maps.split("\n"):
        at = line.find("/")
        if at > 0:
            seen[line[at:]] = None
    return list(seen)


def own_environment():
    """This process's environment now, bytes that are not UTF-8 kept as surrogates."""
    if not hasattr(os, "environb"):
        return dict(os.environ)
    return {
        name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
        for name, value in os.environb.items()
    }


# ---------------------------------------------------------------------------------------------------------------------
# Installed packages, by listing directories (importlib.metadata costs 25 ms)
# ---------------------------------------------------------------------------------------------------------------------


class Package(object):
    """One installed distribution: PEP 503 name, version, its metadata directory or file, where it was found."""

    def __init__(self, name, version, folder, entry, origin=None):
        if len(name) >= 16:
            name = masked(name)  # before its letters and separators change
        self.name = re.sub(r"[-_.]+", "-", name).lower()
        self.version, self.folder, self.entry, self.origin = version, folder, entry, origin
        self.record = None

    def file(self, name):
        return "%s/%s/%s" % (self.folder, self.entry, name)


def packages_in(files, folder):
    for entry in files.names(folder):
        stem, dot, kind = entry.rpartition(".")
        stem = masked(stem) if len(stem) >= 24 else stem  # before it is taken apart
        if kind in ("dist-info", "egg-info") and dot:
            package = metadata_package(files, folder, entry, stem, kind)
        elif kind == "egg-link":
            package = linked_package(files, folder, entry)
        elif kind == "egg":
            name, _, rest = stem.partition("-")
            package = Package(name, rest.split("-py")[0], folder, entry + "/EGG-INFO")
        else:
            continue
        if package and package.name:
            yield package


def metadata_package(files, folder, entry, stem, kind):
    name, _, version = stem.partition("-")
    if kind == "egg-info":
        version = version.split("-py")[0]
    if not version:  # a source tree, or a backend that leaves the version out of the name
        name, version = name_and_version(files, folder + "/" + entry, name)
    package = Package(name, version, folder, entry)
    if kind == "dist-info":
        package.origin = origin_of(files, files.text_or(package.file("direct_url.json")))
    return package


def name_and_version(files, place, name):
    for candidate in (place + "/METADATA", place + "/PKG-INFO", place):
        text = files.text_or(candidate)
        if text:
            found = dict(re.findall(r"^(Name|Version): *(\S+)", text.split("\n\n")[0], re.M))
            return found.get("Name", name), found.get("Version", "unknown")
    return name, "unknown"


def linked_package(files, folder, entry):
    """setup.py develop: a .egg-link file whose first line names the source tree."""
    name, version = entry[: -len(".egg-link")], "unknown"
    source = files.text_or(folder + "/" + entry).split("\n")[0].strip()
    for candidate in files.names(source) if source else ():
        if candidate.endswith(".egg-info"):
            name, version = name_and_version(files, source + "/" + candidate, name)
    return Package(name, version, folder, entry, at_commit("editable", commit_of(files, checkout_of(files, source))))


def origin_of(files, direct_url):
    """editable, vcs, local or url, when the package did not come from an index. The URL itself may hold a password.

    With the commit where one is known: one version number may stand for any of them.
    """
    if not direct_url:
        return None
    try:
        said = json.loads(direct_url)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    url, place, source = str(said.get("url", "")), said.get("dir_info"), said.get("vcs_info")
    if isinstance(place, dict) and place.get("editable"):
        return at_commit("editable", commit_of(files, checkout_of(files, unquoted(url[len("file://") :]))))
    if "vcs_info" in said:
        commit = str(source.get("commit_id", "")) if isinstance(source, dict) else ""
        return at_commit("vcs", short_commit(commit))
    return "local" if url.startswith("file:") else "url"


def at_commit(kind, commit):
    return "%s %s" % (kind, commit) if commit else kind


def short_commit(text):
    """The first digits of what should be a commit, "" where it is none."""
    return text[:12] if re.match(r"[0-9a-f]{40}([0-9a-f]{24})?$", text) else ""


def checkout_of(files, folder):
    """The folder of the Git checkout that a folder lies in, "" where it lies in none."""
    folder = folder.replace("\\", "/").rstrip("/")
    while folder and not files.has(folder + "/.git"):
        folder = folder.rpartition("/")[0]
    return folder


def commit_of(files, root):
    """The commit that a Git checkout stands at; "" where that cannot be told."""
    git = root + "/.git"
    head = files.text_or(git + "/HEAD").strip() if root else ""
    branch = re.match(r"ref: (refs/[\w./-]+)$", head)
    if not branch:
        return short_commit(head)
    packed = re.findall(r"^(\w+) %s$" % re.escape(branch.group(1)), files.text_or(git + "/packed-refs"), re.M)
    return short_commit(files.text_or("%s/%s" % (git, branch.group(1))).strip() or (packed + [""])[0])


def commits_of(files, folders):
    """Those of the Git checkouts with code of the program's own. Where it is checked out, and under which name, differs
    between machines and is not told; neither a home directory's own repository counts nor the one of this probe."""
    found = set()
    for folder in folders:
        installed = re.search(r"[/\\](?:[Ll]ib(?:64)?[/\\]python|(?:site|dist)-packages)", folder)
        root = "" if installed else checkout_of(files, folder)
        if hide_home(root) != "~" and not files.has(root + "/probes/envprobe.py"):
            found.add(commit_of(files, root))
    return sorted(found - {""}) or None


def unquoted(text):
    """Of a URL's path (importing urllib costs milliseconds)."""
    return re.sub(
        "(?:%[0-9A-Fa-f]{2})+",
        lambda found: bytes(bytearray.fromhex(found.group().replace("%", ""))).decode("utf-8", "surrogateescape"),
        text,
    )


def read_packages(world, record):
    if not world.path:
        raise Unread(world.no_path)
    for name, package in sorted(world.packages().items()):
        record.put("packages." + name, package.version)
        record.put("origins." + name, package.origin)


def read_conda(world, record):
    for prefix in prefixes(world):
        for entry in world.files.names(prefix + "/conda-meta"):
            parts = entry[: -len(".json")].rsplit("-", 2) if entry.endswith(".json") else ()
            if len(parts) == 3:
                record.put("conda." + parts[0].lower().replace(".", "-"), parts[1] + " " + parts[2])


def prefixes(world):
    """Directories that an environment may live in: this interpreter's, or what the module path lies below."""
    if world.live:
        return [sys.prefix]
    return sorted({re.split(r"/lib(?:64)?/python", folder)[0] for folder in world.path if "/python" in folder})


# ---------------------------------------------------------------------------------------------------------------------
# Sections that need no TensorFlow
# ---------------------------------------------------------------------------------------------------------------------


def read_python(world, record):
    build = re.search(r"\((.*?)\)\s*\[(.*?)\]", sys.version.replace("\n", " "))
    put = record.put
    put("python.version", "%d.%d.%d" % sys.version_info[:3] + release_suffix(sys.version_info))
    put(
        "python.implementation",
        {"cpython": "CPython", "pypy": "PyPy"}.get(sys.implementation.name, sys.implementation.name),
    )
    put("python.build", build.group(1) if build else None)
    put("python.compiler", build.group(2) if build else None)
    put("python.bits", 64 if sys.maxsize > 2**32 else 32)
    put("python.executable", sys.executable)
    put("python.prefix", sys.prefix)
    put("python.venv", sys.prefix != getattr(sys, "base_prefix", sys.prefix))
    put("python.hash_randomization", bool(sys.flags.hash_randomization))
    put("python.utf8_mode", bool(getattr(sys.flags, "utf8_mode", 0)))
    put("python.optimize", sys.flags.optimize)
    usual = {"hash_randomization", "utf8_mode", "optimize", "int_max_str_digits", "gil", "thread_inherit_context"}
    named = [name for name in dir(sys.flags) if not name.startswith(("_", "n_")) and name not in ("count", "index")]
    put("python.flags", [name for name in named if name not in usual and getattr(sys.flags, name)])
    attempt(record, "python.commits", read_own_commits, world, record)


def read_own_commits(world, record):
    here = os.getcwd() if world.mode == "in-process" else ""  # else it is where the probe was started
    record.put("python.commits", commits_of(world.files, [place or here for place in world.path]))


def release_suffix(version):
    return "" if version[3] == "final" else {"alpha": "a", "beta": "b", "candidate": "rc"}[version[3]] + str(version[4])


def read_os(world, record):
    release, machine = world.machine.release()
    record.put("os.system", world.system)
    record.put("os.release", release)
    record.put("os.machine", machine)
    if world.live:
        import _locale

        record.put("os.locale.decimal_point", _locale.localeconv()["decimal_point"])
        record.put("os.encoding.filesystem", sys.getfilesystemencoding())
    # Of another process some of these may be forbidden; each fails alone.
    for path, read in OS_PARTS:
        attempt(record, path, read_os_part, world, record, path, read)


def read_os_part(world, record, path, read):
    answer = read(world)
    if isinstance(answer, dict):
        record.put_all(path, answer)
    else:
        record.put(path, answer)


def locales(world):
    return {"numeric": locale_of(world.env, "LC_NUMERIC"), "ctype": locale_of(world.env, "LC_CTYPE")}


def locale_of(env, category):
    """The locale name that POSIX precedence leaves: LC_ALL, then the category, then LANG, then C."""
    return env.get("LC_ALL") or env.get(category) or env.get("LANG") or "C"


def distribution(world):
    if world.system == "Darwin":
        return "macos %s" % world.machine.sysctl("kern.osproductversion")
    if world.system == "Windows":
        key = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
        return "windows %s" % (world.machine.registry(key, "DisplayVersion") or world.machine.release()[0])
    text = world.files.text_or("/etc/os-release") or world.files.text_or("/usr/lib/os-release")
    pairs = (line.strip().partition("=") for line in text.split("\n"))
    said = {name: value.strip("\"'") for name, _, value in pairs}
    # Releases that are still being made (Debian testing, Arch) have no number.
    version = said.get("VERSION_ID") or said.get("VERSION_CODENAME") or said.get("BUILD_ID")
    return " ".join(part for part in (said.get("ID"), version) if part) or old_release(world)


def old_release(world):
    """Red Hat's kind before os-release: "CentOS release 6.10 (Final)"."""
    found = re.match(r"([A-Za-z]+).*? release ([\d.]+)", world.files.text_or("/etc/redhat-release"))
    return "%s %s" % (found.group(1).lower(), found.group(2)) if found else None


def libc_facts(world):
    name, version = libc(world)
    return {"name": name, "version": version}


def libc(world):
    """(name, version) of the C library."""
    if world.system == "Darwin":
        return "libSystem", None
    if world.system == "Windows":
        return "ucrt", None
    if world.live:
        name, _, version = world.machine.libc().partition(" ")
        if name:
            return name, version
    return libc_from_files(world)


LIBC_MAPPED = re.compile(r"/(?:libc[.-][\w.-]*so|libc\.so|ld-musl-)")
LIBC_FOLDERS = ("/lib", "/lib64", "/usr/lib64", "/usr/lib")
APK_DATABASES = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")


def libc_from_files(world):
    """From the mapped C library where the maps can be read, else from where distributions keep it.

    On a glibc system musl may be installed beside it, not the other way round: glibc's places come first.
    """
    try:
        mapped = [path for path in world.maps() if LIBC_MAPPED.search(path)]
    except OSError:
        mapped = []
    folders = [place for folder in LIBC_FOLDERS for place in [folder] + multiarch(world, folder)]
    for start in ("libc.so.6", "ld-musl-"):
        mapped += [
            folder + "/" + name for folder in folders for name in world.files.names(folder) if name.startswith(start)
        ]
    for path in mapped:
        try:
            found = libc_in(world.files.read(path, LARGE))
        except OSError:
            continue
        if "musl" in path or found[0] == "musl":
            return "musl", musl_package(world) or found[1]
        if found[0]:
            return found
    return None, None


def multiarch(world, folder):
    """Debian's folders for each architecture, such as /usr/lib/aarch64-linux-gnu."""
    return [folder + "/" + name for name in world.files.names(folder) if name.endswith("-linux-gnu")]


def libc_in(data):
    """(name, version) that a C library holds as text; (None, None) if it is none."""
    found = re.search(r"GNU C Library .{0,200}?version (\d+\.\d+)".encode(), data)
    if found:
        return "glibc", found.group(1).decode()
    if b"musl libc" not in data:
        return None, None
    found = re.search(r"\0(\d+\.\d+\.\d+)\0".encode(), data)
    return "musl", found.group(1).decode() if found else None


def musl_package(world):
    """The version of Alpine's package, which also names its patches."""
    for place in APK_DATABASES:
        for block in world.files.text_or(place).split("\n\n"):
            said = dict(line.split(":", 1) for line in block.split("\n") if line[1:2] == ":")
            if said.get("P") == "musl":
                return said.get("V")
    return None


def time_zone(world):
    """A zone name, or the POSIX rule that the compiled zone file ends with."""
    zone = world.env.get("TZ")
    if zone is not None:
        return zone.lstrip(":") or "UTC"
    if world.system == "Windows":
        return time.tzname[0]
    link = world.files.target("/etc/localtime")
    if "zoneinfo/" in link:
        return re.sub(r".*zoneinfo/(?:posix/|right/)?", "", link)
    if not world.files.has("/etc/localtime"):
        return "UTC"
    data = world.files.read("/etc/localtime")
    rule = data.rstrip(b"\n").rpartition(b"\n")[2].decode("ascii", "replace") if data[:4] == b"TZif" else ""
    return rule or world.files.text_or("/etc/timezone").strip() or "UTC"


def container_kind(world):
    if world.system != "Linux":
        return None
    cgroup = world.host.text_or(world.proc + "/cgroup")
    signs = (
        ("kubernetes", "KUBERNETES_SERVICE_HOST" in world.env or "kubepods" in cgroup),
        ("podman", world.files.has("/run/.containerenv") or "libpod" in cgroup),
        ("docker", world.files.has("/.dockerenv") or "docker" in cgroup),
        ("lxc", "lxc" in cgroup or world.env.get("container") == "lxc"),
        ("unknown", "containerd" in cgroup or "container" in world.env),
    )
    for kind, seen in signs:
        if seen:
            return kind
    return "none"


OS_PARTS = (
    ("os.distribution", distribution),
    ("os.libc", libc_facts),
    ("os.timezone", time_zone),
    ("os.locale", locales),
    ("os.container", container_kind),
)


def read_container(world, record):
    said = world.host.text_or(world.proc + "/cgroup") + world.host.text_or(world.proc + "/mountinfo")
    found = re.search(r"(?:docker[/-]|libpod-|containers/|cri-containerd-|kubepods\S{0,300}/)([0-9a-f]{64})", said)
    if found and container_kind(world) not in (None, "none"):
        record.put("container.id", found.group(1))


# -- cpu


# Windows, macOS and the BSDs have names of their own for what Linux calls x86_64 and aarch64.
ARCHITECTURES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}


def read_cpu(world, record):
    machine = world.machine.release()[1]
    record.put("cpu.architecture", ARCHITECTURES.get(machine.lower(), machine))
    record.put("cpu.logical", world.machine.logical())
    {"Darwin": mac_cpu, "Windows": windows_cpu}.get(world.system, linux_cpu)(world, record)


# "CPU implementer" of /proc/cpuinfo (arch/arm64/include/asm/cputype.h).
ARM_VENDORS = {
    "0x41": "ARM",
    "0x42": "Broadcom",
    "0x43": "Cavium",
    "0x46": "Fujitsu",
    "0x48": "HiSilicon",
    "0x4e": "NVIDIA",
    "0x50": "APM",
    "0x51": "Qualcomm",
    "0x61": "Apple",
    "0x6d": "Microsoft",
    "0xc0": "Ampere",
}
# The bits of AT_HWCAP and AT_HWCAP2 on aarch64, in order (arch/arm64/include/uapi/asm/hwcap.h).
ARM_HWCAP = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm jscvt fcma lrcpc dcpop sha3 sm3 sm4"
    " asimddp sha512 sve asimdfhm dit uscat ilrcpc flagm ssbs sb paca pacg"
).split()
ARM_HWCAP2 = (
    "dcpodp sve2 sveaes svepmull svebitperm svesha3 svesm4 flagm2 frint svei8mm svef32mm svef64mm svebf16 i8mm bf16 dgh"
    " rng bti mte ecv afp rpres mte3 sme smei16i64 smef64f64 smei8i32 smef16f32 smeb16f32 smef32f32 smefa64 wfxt ebf16"
).split()
EMULATED = "/proc/cpuinfo tells of another kind of processor than the %s that runs this: an emulator"


def linux_cpu(world, record):
    text = world.host.text(os.path.dirname(world.proc) + "/cpuinfo", 1 << 14)
    block = text.strip().split("\n\n")[0]
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in block.split("\n"))}
    machine = world.machine.release()[1]
    emulated = ("vendor_id" if machine.startswith(("aarch64", "arm")) else "CPU implementer") in said
    if emulated:
        said = {}
        for name in ("vendor", "model", "flags"):
            record.cannot("cpu." + name, EMULATED % machine)
    cpu_identity(said, record)
    flags = (said.get("flags") or said.get("Features") or "").lower().split()
    if not flags and machine == "aarch64":
        flags = auxv_flags(world)
    if flags or not emulated:
        record.unread.pop("cpu.flags", None)
        record.put("cpu.flags", sorted(set(flags)))
    linux_caches(world, record)
    attempt(record, "cpu.schedulable", lambda: record.put("cpu.schedulable", schedulable(world)))
    record.put("cpu.quota", cpu_quota(world))


def cpu_identity(said, record):
    """Vendor, model and stepping out of one block of /proc/cpuinfo."""
    maker = said.get("CPU implementer")
    record.put("cpu.vendor", said.get("vendor_id") or ARM_VENDORS.get(maker, maker))
    record.put("cpu.model", said.get("model name") or said.get("CPU part"))
    for name, key in (("family", "cpu family"), ("model_number", "model"), ("stepping", "stepping")):
        record.put("cpu." + name, int(said[key]) if said.get(key, "").isdigit() else said.get(key))
    if "CPU variant" in said:
        record.put("cpu.stepping", "%s.%s" % (said["CPU variant"], said.get("CPU revision")))


def auxv_flags(world):
    """What the kernel, or an emulator in its place, tells each aarch64 process of the processor's features."""
    try:
        data = world.host.read(world.proc + "/auxv")
    except OSError:
        return []
    said = {
        int.from_bytes(data[at : at + 8], "little"): int.from_bytes(data[at + 8 : at + 16], "little")
        for at in range(0, len(data) - 15, 16)
    }
    bits = [(16, ARM_HWCAP), (26, ARM_HWCAP2)]  # AT_HWCAP, AT_HWCAP2
    return [name for kind, names in bits for bit, name in enumerate(names) if said.get(kind, 0) >> bit & 1]


def linux_caches(world, record):
    base = "/sys/devices/system/cpu/cpu0/cache"
    for index in world.host.names(base):
        level, kind, size = (
            world.host.text_or("%s/%s/%s" % (base, index, n)).strip() for n in ("level", "type", "size")
        )
        name = {("1", "Data"): "l1d", ("2", "Unified"): "l2", ("3", "Unified"): "l3"}.get((level, kind))
        found = re.match(r"(\d+)([KM]?)$", size)
        if name and found:
            record.put("cpu.cache." + name, int(found.group(1)) * {"K": 1 << 10, "M": 1 << 20, "": 1}[found.group(2)])


def schedulable(world):
    if world.live:
        return world.machine.schedulable()
    said = re.search(r"^Cpus_allowed_list:\s*(\S+)", world.host.text(world.proc + "/status"), re.M)
    return count_range(said.group(1)) if said else None


def count_range(text):
    """How many numbers "0-3,8" names."""
    bounds = [part.partition("-") for part in text.split(",") if part]
    return sum(int(last or first) - int(first) + 1 for first, _, last in bounds)


def cpu_quota(world):
    """CPUs that the cgroup's quota allows, the tightest on the way up; None = no limit. TensorFlow ignores it."""
    quotas = []
    for line in world.host.text_or(world.proc + "/cgroup").split("\n"):
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" and not names:
            quotas += [v2_quota(world.host.text_or(at + "/cpu.max")) for at in upward("/sys/fs/cgroup", path)]
        elif "cpu" in names.split(","):
            for mount in ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"):
                quotas += [v1_quota(world.host, at) for at in upward(mount, path)]
    known = [quota for quota in quotas if quota]
    return min(known) if known else None


def upward(mount, path):
    parts = [part for part in path.split("/") if part and part != ".."]
    return ["/".join([mount] + parts[:count]) for count in range(len(parts), -1, -1)]


def v2_quota(text):
    quota, _, period = text.strip().partition(" ")
    return int(quota) / float(period) if quota.isdigit() and period.isdigit() else None


def v1_quota(host, folder):
    quota, period = (host.text_or("%s/cpu.cfs_%s_us" % (folder, name)).strip() for name in ("quota", "period"))
    return int(quota) / float(period) if quota.isdigit() and period.isdigit() else None


# Names that macOS gives to what Linux calls otherwise.
MAC_FLAGS = {
    "avx1.0": "avx",
    "sse4.1": "sse4_1",
    "sse4.2": "sse4_2",
    "sse3": "pni",
    "cx8": "cx8",
    "rdrand": "rdrand",
    "avx512vnni": "avx512_vnni",
    "avx512bitalg": "avx512_bitalg",
    "avx512vpopcntdq": "avx512_vpopcntdq",
}
MAC_ARM_FEATURES = (
    ("FEAT_BF16", "bf16"),
    ("FEAT_I8MM", "i8mm"),
    ("FEAT_DotProd", "asimddp"),
    ("FEAT_FP16", "asimdhp"),
    ("FEAT_FHM", "asimdfhm"),
    ("FEAT_FCMA", "fcma"),
    ("FEAT_LSE", "atomics"),
    ("FEAT_SME", "sme"),
    ("FEAT_SME2", "sme2"),
    ("AdvSIMD", "asimd"),
)


def mac_cpu(world, record):
    ask = world.machine.sysctl
    model = ask("machdep.cpu.brand_string")
    record.put("cpu.model", model)
    record.put("cpu.vendor", ask("machdep.cpu.vendor") or ("Apple" if "Apple" in str(model) else None))
    for name in ("family", "model", "stepping"):
        record.put("cpu." + name.replace("model", "model_number"), ask("machdep.cpu." + name))
    words = "%s %s" % (ask("machdep.cpu.features") or "", ask("machdep.cpu.leaf7_features") or "")
    flags = [MAC_FLAGS.get(word, word) for word in words.lower().split()]
    flags += [name for feature, name in MAC_ARM_FEATURES if ask("hw.optional.arm." + feature)]
    record.put("cpu.flags", sorted(set(flags)))
    for name, key in (("l1d", "hw.l1dcachesize"), ("l2", "hw.l2cachesize"), ("l3", "hw.l3cachesize")):
        record.put("cpu.cache." + name, ask(key))
    record.put("cpu.schedulable", ask("hw.logicalcpu"))


WINDOWS_FEATURES = (
    (10, "sse2"),
    (13, "pni"),
    (36, "ssse3"),
    (37, "sse4_1"),
    (38, "sse4_2"),
    (39, "avx"),
    (40, "avx2"),
    (41, "avx512f"),
    (43, "asimddp"),
)


def windows_cpu(world, record):
    key = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
    record.put("cpu.model", (world.machine.registry(key, "ProcessorNameString") or "").strip())
    record.put("cpu.vendor", world.machine.registry(key, "VendorIdentifier"))
    found = re.search(r"Family (\d+) Model (\d+) Stepping (\d+)", world.machine.registry(key, "Identifier") or "")
    for at, name in enumerate(("family", "model_number", "stepping")):
        record.put("cpu." + name, int(found.group(at + 1)) if found else None)
    record.put("cpu.known_flags", sorted(name for number, name in WINDOWS_FEATURES if world.machine.feature(number)))
    record.cannot("cpu.flags", "Windows names only some of a CPU's features (see cpu.known_flags)")


# -- gpu and cuda


def read_gpu(world, record):
    """NVIDIA's GPUs under gpu, AMD's under gpu.amd: no build of TensorFlow computes on both, and laptops have both."""
    if world.system == "Linux":  # ROCm builds are for Linux
        attempt(record, "gpu.amd", read_amd, world, record)
    return read_nvidia(world, record)


def read_nvidia(world, record):
    seen = [path for path in NVIDIA_FILES if world.host.has(path)]
    if world.system == "Darwin":
        return record.put("gpu.count", 0)  # Apple's are told by runtime.physical_devices
    if world.system == "Linux" and not seen:
        tegra = any(world.host.has(path) for path in TEGRA_FILES)
        return read_tegra(world, record) if tegra else record.put("gpu.count", 0)
    proc_driver(world, record)
    result = run_child(lambda emit: [emit(pair) for pair in world.machine.nvml()], 10.0, world.system)
    for path, value in result.answers:
        record.put(path, value)
    if "gpu.count" not in record.facts:
        if world.system == "Windows" and "not installed" in str(result.failure):
            return record.put("gpu.count", 0)
        reason = result.failure or "it gave no answer"
        record.cannot("gpu", "asking NVIDIA's management library (NVML) " + reason)
    return None


def read_tegra(world, record):
    """The one GPU of a Jetson: the board's name, and the release of its system, which holds driver and CUDA."""
    record.put("gpu.count", 1)
    record.put("gpu.0.name", world.host.text_or("/proc/device-tree/model").strip("\0 \n") or "Tegra")
    release = re.search(r"# R(\d+) .*REVISION: ([\d.]+)", world.host.text_or("/etc/nv_tegra_release"))
    record.put("gpu.driver", "L4T %s.%s" % release.groups() if release else None)
    record.cannot("gpu.0.compute_capability", "NVIDIA's management library does not know the GPU of a Tegra board")


def proc_driver(world, record):
    """What the NVIDIA kernel module tells without its library."""
    found = re.search(r"Kernel Module\S*(?: for \S+)?\s+([\d.]+)", world.host.text_or("/proc/driver/nvidia/version"))
    record.put("gpu.driver", found.group(1) if found else None)
    for index, name in enumerate(world.host.names("/proc/driver/nvidia/gpus")):
        said = world.host.text_or("/proc/driver/nvidia/gpus/%s/information" % name)
        model = re.search(r"^Model:\s*(.+)", said, re.M)
        record.put("gpu.%d.name" % index, model.group(1).strip() if model else None)


# What ROCm's own runtime reads: node_show() in amdkfd/kfd_topology.c of the Linux kernel, libhsakmt/src/topology.c of
# ROCR-Runtime, rocm_agent_enumerator of rocminfo. /dev/kfd is only looked for: who opens it begins to use a GPU.
AMD_NODES = "/sys/class/kfd/kfd/topology/nodes"


def read_amd(world, record):
    """AMD's GPUs that the subject may use, numbered as ROCm's runtime numbers them before any variable hides some."""
    if world.host.has(WSL_FILE):
        raise Unread("Windows' own driver has AMD's GPUs here, and sysfs does not list them")
    if not world.files.has(AMD_FILE):  # sysfs, which is the host's, may list GPUs that its container was not given
        return record.put("gpu.amd.count", 0)
    nodes = [name for name in world.host.names(AMD_NODES) if name.isdigit()]
    if not nodes:
        raise Unread("%s is there, but %s lists nothing" % (AMD_FILE, AMD_NODES))
    gpus = [gpu for gpu in (amd_gpu(world, name) for name in sorted(nodes, key=int)) if gpu]
    record.put("gpu.amd.count", len(gpus))
    record.put("gpu.amd.driver", world.host.text_or("/sys/module/amdgpu/version").strip())  # none in the kernel's own
    record.put("gpu.amd.rocm", world.files.text_or("/opt/rocm/.info/version").strip())
    for index, gpu in enumerate(gpus):
        record.put_all("gpu.amd.%d" % index, gpu)
    return None


def amd_gpu(world, name):
    """What the kernel tells of a node; None for a processor, and for a GPU that is kept from the subject."""
    place = "%s/%s/properties" % (AMD_NODES, name)
    try:
        text = world.host.text(place)
    except PermissionError:
        if world.live:  # by the container's device rules; ROCm's runtime passes over such a node too
            return None
        raise
    told = {key: int(value) for key, value in re.findall(r"^(\w+) (\d+)$", text, re.M)}
    if "simd_count" not in told:
        raise Unread("%s does not say whether it is a GPU" % place)
    render = told.get("drm_render_minor")
    if not told["simd_count"] or (render and not world.files.has("/dev/dri/renderD%d" % render)):
        return None
    target, wide = told.get("gfx_target_version"), told.get("simd_per_cu")  # old kernels name no target
    return {
        "compute_units": told["simd_count"] // wide if wide else None,
        "device": "0x%04x" % told["device_id"] if "device_id" in told else None,
        "gfx": "gfx%d%x%x" % (target // 10000, target // 100 % 100, target % 100) if target else None,
    }


CUDA_FAMILIES = tuple(
    "libcudnn libcublas cuda- libnvinfer libnccl libcufft libcusparse libcusolver libcurand tensorrt".split()
)


def read_cuda(world, record):
    build = build_info(world)
    record.put("cuda.build.cuda", build.get("cuda_version"))
    record.put("cuda.build.cudnn", build.get("cudnn_version"))
    record.put("cuda.build.compute_capabilities", build.get("cuda_compute_capabilities"))
    for name, package in world.packages().items():
        if name.startswith("nvidia-"):
            record.put("cuda.package." + name, package.version)
    for block in dpkg_blocks(world):
        name = re.match(r"Package: (\S+)", block)
        version = re.search(r"^Version: (\S+)", block, re.M)
        if name and version and name.group(1).startswith(CUDA_FAMILIES) and "\nStatus: install ok" in block:
            record.put("cuda.system." + name.group(1).replace(".", "-"), version.group(1))
    attempt(record, "cuda.system", rpm_packages, world, record)


def dpkg_blocks(world):
    """Paragraphs of dpkg's database, which is only read where its list of files names an NVIDIA library."""
    names = world.files.names("/var/lib/dpkg/info")
    if names and not any(name.startswith(CUDA_FAMILIES) for name in names):
        return []
    return (
        world.files.text("/var/lib/dpkg/status", LARGE).split("\n\n") if world.files.has("/var/lib/dpkg/status") else []
    )


RPM_FOLDERS = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
# What rpm calls its database where it is no SQLite file (RHEL 8 and CentOS 7, SUSE).
RPM_OTHER = ("Packages", "Packages.db")


def rpm_packages(world, record):
    """NVIDIA's packages from rpm's database, which is only opened where their libraries lie."""
    libraries = tuple(name for name in CUDA_FAMILIES if name.startswith("lib"))
    lying = world.files.has("/usr/local/cuda") or any(
        name.startswith(libraries) for name in world.files.names("/usr/lib64")
    )
    for folder in RPM_FOLDERS if lying else ():
        names = world.files.names(folder)
        if "rpmdb.sqlite" in names:
            return rpm_table(world, record, world.files.locate(folder + "/rpmdb.sqlite"))
        if any(name in names for name in RPM_OTHER):
            raise Unread("rpm keeps its database here in a format that only rpm reads (not SQLite)")
    return None


def rpm_table(world, record, place):
    """In a child: this may be another program's process, which had not imported sqlite3."""
    result = run_child(lambda emit: [emit(pair) for pair in rpm_versions(place)], 10.0, world.system)
    for name, version in result.answers:
        record.put("cuda.system." + name.replace(".", "-"), version)
    if result.failure:
        raise Unread("reading rpm's database " + result.failure)


def rpm_versions(place):
    """(name, version-release) of NVIDIA's packages: rpm's headers are rows of a table, indexed by name."""
    import sqlite3

    address = "file:" + place.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    table = sqlite3.connect(address + "?mode=ro&immutable=1", uri=True)
    rows = table.execute("SELECT Name.key, Packages.blob FROM Name JOIN Packages ON Packages.hnum = Name.hnum")
    for name, header in rows:
        if name.startswith(CUDA_FAMILIES):
            yield name, "-".join(rpm_text(header, tag) for tag in (1001, 1002))  # RPMTAG_VERSION, RPMTAG_RELEASE
    table.close()


def rpm_text(header, tag):
    """One text of an rpm header: two counts, entries of (tag, type, offset, count), then what the offsets lead to."""

    def number(at):
        return int.from_bytes(header[at : at + 4], "big")

    entries = number(0)
    for at in range(8, 8 + 16 * min(entries, 4096), 16):
        if number(at) == tag:
            start = 8 + 16 * entries + number(at + 8)
            return header[start : header.index(b"\0", start)].decode("utf-8", "replace")
    return ""


def build_info(world):
    """TensorFlow's build_info.py as a dict, parsed, never imported."""
    if world.build is None:
        place = world.find("tensorflow/python/platform/build_info.py")
        try:
            world.build = parse_build_info(world.files.read(place, LARGEST_BUILD_INFO)) if place else {}
        except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
            raise Unread("its build_info.py is not what TensorFlow's build writes")  # noqa: B904 - Python 2.7 reads this too
    return world.build


LARGEST_BUILD_INFO = 1 << 14  # it has 1 or 2 kB; much nesting takes down the parser of an old Python


def parse_build_info(text):
    """2.1 and 2.2: plain variables; later a dict or OrderedDict called build_info."""
    import _ast  # the ast module around it would cost a tenth of the static capture

    values = {}
    for node in compile(text, "build_info.py", "exec", _ast.PyCF_ONLY_AST).body:
        if isinstance(node, _ast.Assign) and isinstance(node.targets[0], _ast.Name):
            values[node.targets[0].id] = literal(node.value)
    values.update(values.pop("build_info", None) or ())
    for name in ("cuda", "cudnn"):
        values.setdefault(name + "_version", values.pop(name + "_version_number", None))
    return values


def literal(node):
    """The value of a constant, list, dict or OrderedDict([...]) in the syntax tree of any Python 3; else None."""
    kind = type(node).__name__
    if kind in ("Constant", "NameConstant"):
        return node.value
    if kind in ("Str", "Num"):
        return node.s if kind == "Str" else node.n
    if kind in ("List", "Tuple"):
        return [literal(item) for item in node.elts]
    if kind == "Dict":
        return {literal(key): literal(node.values[at]) for at, key in enumerate(node.keys)}
    if kind == "Call" and node.args:
        return literal(node.args[0])
    return None


# -- env


# What importing a module sets: no choice of the program's, and nothing that a capture from outside would see.
SET_BY_IMPORT = (
    ("TF2_BEHAVIOR", "1", "tensorflow"),
    ("ENABLE_RUNTIME_UPTIME_TELEMETRY", "1", "tensorflow"),
    ("TF_CPP_MIN_LOG_LEVEL", "1", "jax"),  # imported by TensorFlow 2.12
)


def set_by_import(world):
    """Names that the program's own imports have put into its environment."""
    if not world.modules:
        return ()
    at_start = parse_environment(world.host.text_or(world.proc + "/environ"))
    return [
        name
        for name, value, module in SET_BY_IMPORT
        if loaded(world, module) is not None and world.env.get(name) == value and name not in at_start
    ]


def read_env(world, record):
    for name in sorted(set(world.env).difference(set_by_import(world))):
        value = world.env[name]
        if not (name in ENV_NAMES or name in world.extra_env or name.startswith(ENV_PREFIXES)):
            record.hide_name(name, value)
            continue
        record.put("env." + name, value, name)
        if not value:
            # An empty value is a value: for some variables it means on, for others it is an error.
            record.facts["env." + visible(name)] = ""
        elif "env." + visible(name) not in record.facts:
            record.hide_name(name, value)


# -- builds of packages whose results depend on what they were built with


def read_builds(world, record):
    numpy_build(world, record)
    pillow_build(world, record)
    opencv = sorted(name for name in world.packages() if name.startswith("opencv-"))
    record.put("builds.opencv.variant", ", ".join(opencv))
    cv2 = loaded(world, "cv2")
    if cv2 is not None:
        found = re.search(r"JPEG:\s*(.+)", cv2.getBuildInformation())
        record.put("builds.opencv.libjpeg", found.group(1).strip() if found else None)


def loaded(world, name):
    """A module that the described program has imported; None if it has not, or is another process."""
    return (world.modules or {}).get(name)


def numpy_build(world, record):
    config = world.find("numpy/__config__.py")
    text = world.files.text(config) if config else ""
    found = re.search(r'"blas": \{\s{0,99}"name": "([^"]{1,99})".{0,999}?"version": "([^"]{0,99})"', text, re.S)
    if found:
        record.put("builds.numpy.blas", found.group(1))
        record.put("builds.numpy.blas_version", found.group(2))
    elif text:
        old = re.search(
            r"^\w{0,40}?(?:blas|mkl)\w{0,40}?_info ?= ?\{.{0,999}?'libraries': \['([^']{1,99})'", text, re.M
        )
        record.put("builds.numpy.blas", old.group(1) if old else None)
        names = bundled(world, "numpy")
        version = [
            match.group(1) for match in (re.match(r"libopenblas\w*-(r0-[0-9a-f]+)", name) for name in names) if match
        ]
        record.put("builds.numpy.blas_version", version[0] if version else None)
    core = loaded(world, "numpy._core._multiarray_umath") or loaded(world, "numpy.core._multiarray_umath")
    features = getattr(core, "__cpu_features__", None)
    if features is not None:
        record.put("builds.numpy.simd_found", sorted(name for name, on in features.items() if on))


def bundled(world, package):
    """Names of the libraries that a wheel brought along (auditwheel, delvewheel, delocate)."""
    for folder in world.path:
        for name in (package + ".libs", package + "/.libs", package + "/.dylibs"):
            if name.split("/")[0] in world.files.names(folder) and world.files.names(folder + "/" + name):
                return world.files.names(folder + "/" + name)
    return []


def pillow_build(world, record):
    variants = [name for name in ("pillow-simd", "pillow") if name in world.packages()]
    record.put("builds.pillow.variant", variants[0] if variants else None)
    if not variants:
        return
    for folder in world.path:
        for libs in ("pillow.libs", "Pillow.libs", "Pillow_SIMD.libs", "pillow_simd.libs"):
            for name in world.files.names(folder + "/" + libs) if libs in world.files.names(folder) else ():
                library, version = library_name(name)
                if library in ("libjpeg", "libz"):
                    record.put("builds.pillow." + {"libjpeg": "libjpeg", "libz": "zlib"}[library], version)
                if library == "libjpeg":
                    data = world.files.read("%s/%s/%s" % (folder, libs, name), LARGE)
                    found = re.search(r"libjpeg-turbo version (\d[\d.]*)".encode(), data)
                    record.put("builds.pillow.libjpeg_turbo", found.group(1).decode() if found else None)


# -- libraries that are really mapped


def read_libraries(world, record):
    chosen, times = {}, {}
    for path in sorted(world.maps()):
        plain = path[: -len(" (deleted)")] if path.endswith(" (deleted)") else path
        name, version = library_name(re.split(r"[\\/]", plain)[-1])
        if can_move_a_number(name):
            times[name] = times.get(name, 0) + 1
            if times[name] > 1:
                name = "%s~%d" % (name, times[name])
            chosen[name] = (plain, version, plain != path)
    for name, (path, version, deleted) in sorted(chosen.items()):
        library_facts(world, record, name, path, version, deleted)
    if world.mode == "static":
        record.cannot("libraries", STATIC)
    return None


def can_move_a_number(name):
    plain = name[3:].lower() if name.startswith("lib") else name.lower()
    return plain in LIBRARY_NAMES or plain.startswith(LIBRARY_PREFIXES)


def library_facts(world, record, name, path, version, deleted):
    prefix = "libraries.%s." % name.replace(".", "-")
    record.put(prefix + "path", path)
    record.put(prefix + "version", version)
    if name.startswith(("libcu", "libnv", "libnccl")):
        record.put("cuda.mapped." + name, version)
    elif name.startswith("cu") and name.endswith("64"):  # cudart64_101.dll
        record.put("cuda.mapped.lib" + name[: -len("64")], version)
    if deleted:
        return record.cannot(prefix + "build_id", "the file was replaced or deleted after the process had mapped it")

    def measure():
        record.put(prefix + "size", world.files.size(path))
        record.put(prefix + "build_id", gnu_build_id(world.files.read(path, 1 << 16)))

    attempt(record, prefix + "size", measure)
    return None


def library_name(file_name):
    """("libhdf5", "310.5.1") of libhdf5-8c29085d.so.310.5.1; also .dylib and .dll names."""
    found = NUMBERED.match(file_name)
    if found:
        name, version = found.group("name"), found.group("dashed") or found.group("so")
    elif file_name.endswith(".dylib"):
        name, _, version = file_name[: -len(".dylib")].partition(".")
    elif file_name.lower().endswith((".dll", ".pyd")):
        stem = re.sub(r"-[0-9a-f]{32}$", "", file_name[: -len(".dll")])
        split = re.match(r"(.+?)[-_]v(\d[\d.]*)\b", stem) or re.match(r"(.+?)(?:[-_](\d[\d.]*))?$", stem)
        name, version = split.group(1), split.group(2)
    else:
        name, version = file_name, None
    return HASHED.sub("", name), version or None


# ---------------------------------------------------------------------------------------------------------------------
# TensorFlow and Keras, from their files
# ---------------------------------------------------------------------------------------------------------------------


def read_tensorflow(world, record):
    """Reads files; inside a program also asks the imported module."""
    if not world.path:
        raise Unread(world.no_path)
    package = tensorflow_package(world)
    top = world.find("tensorflow/__init__.py")
    record.put("tensorflow.installed", bool(top))
    if top:
        installed_tensorflow(world, record, package, top[: -len("/tensorflow/__init__.py")])
    live_tensorflow(world, record)


def tensorflow_package(world):
    """The distribution that brings `tensorflow` itself, not one that is only called tensorflow-something."""
    candidates = [p for n, p in sorted(world.packages().items()) if re.match(r"(intel-)?tensorflow|tf-nightly", n)]
    for package in candidates:
        files = package_files(world, package)
        if b"\ntensorflow/__init__.py," in files or files.startswith(b"tensorflow/__init__.py,"):
            return package
    for package in candidates:  # conda and system packages may come without RECORD
        if package.name in [name for name, _ in TENSORFLOW_NAMES] + ["tensorflow"] and not package_files(
            world, package
        ):
            return package
    return None


def package_files(world, package):
    """RECORD: the package's files with hashes and sizes; b"" without one."""
    if package.record is None:
        try:
            package.record = world.files.read(package.file("RECORD"), LARGE)
        except OSError:
            package.record = b""
    return package.record


def installed_tensorflow(world, record, package, folder):
    build = build_info(world)
    plugins = [name for name in world.files.names(folder + "/tensorflow-plugins") if not name.startswith("__")]
    record.put("tensorflow.plugins", plugins)
    for name in ("is_cuda_build", "is_rocm_build", "is_tensorrt_build", "cpu_compiler"):
        record.put("tensorflow.build." + name, build.get(name))
    record.put("tensorflow.variant", variant(package.name if package else "", build, plugins))
    if package:
        record.put("tensorflow.version", package.version)
        record.put("tensorflow.distribution", package.name)
        attempt(record, "tensorflow.record", recorded_libraries, world, record, package)
    header_versions(world, record, folder + "/tensorflow/include")
    attempt(record, "tensorflow.git_version", git_version, world, record, folder + "/tensorflow/python/client")


def variant(name, build, plugins):
    for word in ("directml", "metal"):
        if any(word in plugin for plugin in plugins):
            return word
    if build.get("is_rocm_build"):
        return "rocm"
    for start, kind in TENSORFLOW_NAMES:
        if name.startswith(start) and not (kind in ("cuda", "intel") and name != start):
            return kind
    if "is_cuda_build" not in build:
        return "unknown"
    return "cuda" if build["is_cuda_build"] else "cpu"


RECORD_LINE = re.compile(
    r"(tensorflow/[^,\n]{1,400}\.(?:so|dylib|dll|pyd)[\d.]{0,40}),sha256=([\w-]{1,99}=*),(\d{1,18})".encode()
)


def library_lines(data, system):
    """Lines that name a shared library. Searched for: splitting the 20,000 lines takes ten times as long."""
    for suffix in {"Windows": (b".dll", b".pyd"), "Darwin": (b".so", b".dylib")}.get(system, (b".so",)):
        at = data.find(suffix)
        while at >= 0:
            start, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
            end = end if end >= 0 else len(data)
            yield data[start:end]
            at = data.find(suffix, end)


def recorded_libraries(world, record, package):
    """sha256 of the two big libraries as the wheel recorded them: a build's identity without hashing 800 MB.
    A library whose size is not the recorded one was replaced after the installation."""
    import binascii

    altered = []
    listed = [
        found for found in map(RECORD_LINE.match, library_lines(package_files(world, package), world.system)) if found
    ]
    for raw, digest, size in (found.groups() for found in listed):
        path = raw.decode()
        found = re.match(r"(libtensorflow_cc|libtensorflow_framework)\.", path.rpartition("/")[2])
        if found and path.count("/") == 1:
            plain = binascii.a2b_base64(digest.replace(b"-", b"+").replace(b"_", b"/") + b"==")
            record.put("tensorflow.record." + found.group(1), binascii.hexlify(plain).decode())
        try:
            if world.files.size(package.folder + "/" + path) != int(size):
                altered.append(path)
        except OSError:
            altered.append(path + " (missing)")
    if listed:
        record.put("tensorflow.record.altered", altered)


# Where headers of bundled libraries lie has moved with the releases; newest first.
HEADERS = (
    (
        "onednn_version",
        (
            "external/onednn/include/oneapi/dnnl/dnnl_version.h",
            "external/onednn/include/dnnl_version.h",
            "external/mkl_dnn_v1/include/oneapi/dnnl/dnnl_version.h",
            "external/mkl_dnn_v1/include/dnnl_version.h",
            "external/mkl_dnn/include/mkldnn_version.h",
        ),
        r"(?:DNNL|MKLDNN)_VERSION_(?:MAJOR|MINOR|PATCH)\s+(\d+)",
    ),
    (
        "libjpeg_version",
        ("external/libjpeg_turbo/jconfig.h", "external/jpeg/jconfig.h"),
        r"LIBJPEG_TURBO_VERSION\s+([\d.]+)",
    ),
    ("eigen_version", ("Eigen/Version",), r'EIGEN_VERSION_STRING\s+"([^"]+)"'),
    (
        "eigen_version",
        ("Eigen/src/Core/util/Macros.h", "external/eigen_archive/Eigen/src/Core/util/Macros.h"),
        r"define EIGEN_(?:WORLD|MAJOR|MINOR)_VERSION\s+(\d+)",
    ),
)


def header_versions(world, record, include):
    for name, places, pattern in HEADERS:
        for place in places:
            text = world.files.text_or(include + "/" + place)
            found = re.findall(pattern, text)
            if found and "tensorflow." + name not in record.facts:
                record.put("tensorflow." + name, ".".join(found))


def git_version(world, record, folder):
    """From the strings of a small shared object; a big one is left to the full capture, which asks TensorFlow."""
    for name in world.files.names(folder):
        if name.startswith("_pywrap_tf_session") and world.files.size(folder + "/" + name) < 2 << 20:
            found = re.search(
                r"\0(v\d+\.\d+\.\d+[\w.-]*-g[0-9a-f]{6,})\0".encode(), world.files.read(folder + "/" + name, LARGE)
            )
            record.put("tensorflow.git_version", found.group(1).decode() if found else None)


def live_tensorflow(world, record):
    tensorflow = loaded(world, "tensorflow")
    version = getattr(tensorflow, "version", None)
    if version is not None:
        record.put("tensorflow.installed", True)
        record.put("tensorflow.version", getattr(version, "VERSION", None))
        record.put("tensorflow.git_version", getattr(version, "GIT_VERSION", None))
        record.put("tensorflow.compiler", getattr(version, "COMPILER_VERSION", None))
    if world.mode == "in-process":
        record.cannot("tensorflow.not_compiled_in", "said once, in the log, when the program started")


def numbers(version):
    """(2, 15) of "2.15.1"; () of nothing."""
    return tuple(int(part) for part in re.findall(r"\d+", version or "")[:2])


KERAS_DEFAULTS = (("floatx", "float32"), ("epsilon", 1e-7), ("image_data_format", "channels_last"))


def read_keras(world, record):
    if not world.path:
        raise Unread(world.no_path)
    package = tensorflow_package(world)
    release = numbers(package.version if package else "")
    packages = world.packages()
    if not (release or "keras" in packages or world.find("tensorflow/__init__.py")):
        return
    legacy = world.env.get("TF_USE_LEGACY_KERAS") in ("1", "true", "True") and release >= (2, 16)
    name = "tf_keras" if legacy else "keras" if "keras" in packages and release != (2, 5) else "tensorflow.keras"
    installed = packages.get(name.replace("_", "-"))
    generation = (
        2 if legacy or (release and release < (2, 16)) else (numbers(installed.version) or (3,))[0] if installed else 3
    )
    record.put("keras.legacy", legacy)
    record.put("keras.package", name)
    record.put("keras.version", installed.version if installed else None)
    record.put("keras.generation", generation)
    # Keras of its own package had other backends until 2.3; the one inside TensorFlow never had.
    chooses = generation == 3 or (name == "keras" and () < numbers(installed.version) < (2, 4))
    keras_config(world, record, chooses)
    live_keras(world, record, name)


def keras_config(world, record, chooses):
    """What keras.json and the environment come to, by Keras's own precedence. ``chooses``: this Keras has backends."""
    home = world.env.get("KERAS_HOME") or os.path.join(world.home() or "/tmp", ".keras")
    text = world.files.text_or(home.replace("\\", "/") + "/keras.json")
    record.put("keras.config_file", bool(text))
    try:
        said = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        said = {}  # as Keras does
    said = said if isinstance(said, dict) else {}
    for name, default in KERAS_DEFAULTS:
        record.put("keras." + name, said.get(name, default))
    backend = world.env.get("KERAS_BACKEND") or said.get("backend") or "tensorflow"
    record.put("keras.backend", backend if chooses else "tensorflow")
    record.put("keras.dtype_policy", said.get("floatx", "float32"))


# Modules that hold Keras's global settings, by generation and release; functions there only read.
KERAS_CONFIG_MODULES = ("src.backend.config", "src.backend_config", "backend_config")
KERAS_POLICY_MODULES = ("src.mixed_precision.policy", "mixed_precision.policy")


def live_keras(world, record, name):
    """What the program has really set. Only modules that it has imported are asked, and only without side effects:
    Keras 3's dtype_policy() would fix the policy on first use, so the stored one is looked up instead."""
    modules = [loaded(world, "%s.%s" % (name, part)) for part in KERAS_CONFIG_MODULES]
    for module in [module for module in modules if module is not None][:1]:
        for setting, _ in KERAS_DEFAULTS:
            record.put("keras." + setting, getattr(module, setting)())
        if hasattr(module, "backend"):
            record.put("keras.backend", module.backend())
        record.put("keras.dtype_policy", module.floatx())
    version = getattr(loaded(world, name), "__version__", None)
    record.put("keras.version", version)
    state = loaded(world, name + ".src.backend.common.global_state")
    policy = state.get_global_attribute("dtype_policy", None) if state is not None else None
    for part in KERAS_POLICY_MODULES:
        policy = policy or getattr(loaded(world, "%s.%s" % (name, part)), "_global_policy", None)
    record.put("keras.dtype_policy", getattr(policy, "name", None))


# ---------------------------------------------------------------------------------------------------------------------
# The running TensorFlow: reads that initialise nothing
# ---------------------------------------------------------------------------------------------------------------------


def read_runtime(world, record):
    if world.mode == "proc":
        raise Unread("flags inside a process can only be told by the process itself: import envprobe there")
    if world.modules is None:
        static_runtime(world, record)
        return
    imported = loaded(world, "tensorflow") is not None
    if world.mode == "in-process":
        record.put("runtime.tensorflow_imported", imported)
    if not imported:
        raise Unread(NOT_IMPORTED)
    for prefix, function in RUNTIME_PARTS:
        attempt(record, prefix, function, world, record)


def static_runtime(world, record):
    """Ask the framework library alone, in a child: a library that crashes on this CPU costs only these facts."""
    record.cannot("runtime", STATIC)
    library = framework_file(world)
    if not library or world.system != "Linux":
        return
    askable = spelled_well(world.env, record)
    result = run_child(lambda emit: [emit(pair) for pair in ask_framework(library, askable)], 20.0)
    for path, value in result.answers:
        record.put(path, value)
    if result.failure:
        record.cannot("runtime", "asking libtensorflow_framework " + result.failure)


def framework_file(world):
    top = world.find("tensorflow/__init__.py")
    folder = top[: -len("/__init__.py")] if top else ""
    names = [
        name for name in (world.files.names(folder) if folder else ()) if name.startswith("libtensorflow_framework.")
    ]
    return folder + "/" + names[-1] if names else None


def spelled_well(env, record):
    """The questions that can be asked: TensorFlow aborts the process on a malformed value of their variable."""
    good = []
    for path, _, variable, _ in FRAMEWORK_SYMBOLS:
        if variable and env.get(variable, "0").lower() not in ("0", "1", "true", "false"):
            record.cannot(path, "%s is none of 0, 1, true, false: TensorFlow would abort the process" % variable)
        else:
            good.append(path)
    return good


def ask_framework(library, paths):
    """(path, value) for each of `paths` that this release's library can answer."""
    import ctypes

    this = ctypes.CDLL(None)
    this.dlopen.restype = this.dlsym.restype = ctypes.c_void_p
    # Lazy binding, which ctypes itself does not offer, halves the time of loading 65 MB.
    handle = ctypes.c_void_p(this.dlopen(os.fsencode(library), os.RTLD_LAZY))
    if not handle:
        this.dlerror.restype = ctypes.c_char_p
        raise Unread((this.dlerror() or b"it cannot be loaded").decode("utf-8", "replace"))
    for path, kind, _, symbols in FRAMEWORK_SYMBOLS:
        found = [this.dlsym(handle, symbol.encode()) for symbol in symbols if path in paths]
        for address in [address for address in found if address][:1]:
            yield path, ctypes.CFUNCTYPE(ctypes.c_bool if kind == "bool" else ctypes.c_int)(address)()


def mapped_flags(world, record):
    """The same questions put to the library that the program has mapped: the answers follow what it has set."""
    mapped = [path for path in world.maps() if re.search(r"libtensorflow_framework\.[\w.]+$", path)]
    askable = spelled_well(world.env if world.mode == "full" else own_environment(), record)
    if not mapped:
        return api_flags(world, record, askable)
    # In another program the first question would latch a variable that the program may still change: a fork asks.
    apart = [path for path in askable if path in LATCHING and world.mode == "in-process"]
    for path, value in ask_framework(mapped[0], [path for path in askable if path not in apart]):
        record.put(path, value)
    if not apart:
        return None
    result = ChildResult(failure="would fix TF_DETERMINISTIC_OPS for the program")
    if world.system == "Linux":
        result = run_child(lambda emit: [emit(pair) for pair in ask_framework(mapped[0], apart)], 2.0)
    for path, value in result.answers:
        record.put(path, value)
    for path in apart:
        if result.failure and path not in record.facts:
            record.cannot(path, "asking " + result.failure)
    return None


def api_flags(world, record, askable):
    """Where there is no framework library (Windows): Python's own functions."""
    port = loaded(world, "tensorflow.python.util._pywrap_util_port")
    record.put("runtime.onednn", port.IsMklEnabled() if port is not None else None)
    config = loaded(world, "tensorflow.python.framework.config")
    if hasattr(config, "tensor_float_32_execution_enabled"):
        record.put("runtime.tf32", config.tensor_float_32_execution_enabled())
    if world.mode == "in-process":
        return record.cannot("runtime.op_determinism", "asking would fix TF_DETERMINISTIC_OPS for the program")
    if "runtime.op_determinism" in askable and hasattr(config, "is_op_determinism_enabled"):
        record.put("runtime.op_determinism", config.is_op_determinism_enabled())
    return None


MODULE_FLAGS = (
    (
        "runtime.jit_compile_functions",
        "JIT_COMPILE_FUNCTIONS",
        ("tensorflow.python.eager.polymorphic_function.polymorphic_function", "tensorflow.python.eager.def_function"),
    ),
    (
        "runtime.run_eagerly",
        "RUN_FUNCTIONS_EAGERLY",
        (
            "tensorflow.python.eager.polymorphic_function.eager_function_run",
            "tensorflow.python.eager.polymorphic_function.polymorphic_function",
            "tensorflow.python.eager.def_function",
        ),
    ),
    ("runtime.data_debug_mode", "DEBUG_MODE", ("tensorflow.python.data.ops.debug_mode",)),
)


def python_flags(world, record):
    for path, name, modules in MODULE_FLAGS:
        values = [getattr(loaded(world, module), name, None) for module in modules]
        known = [value for value in values if value is not None]
        record.put(path, bool(known[0]) if known else None)
    ops = loaded(world, "tensorflow.python.framework.ops")
    promotion = getattr(ops, "is_numpy_style_type_promotion", None) or getattr(
        ops, "is_auto_dtype_conversion_enabled", None
    )
    record.put("runtime.numpy_promotion", bool(promotion()) if promotion else None)
    eagerly = getattr(loaded(world, "tensorflow"), "executing_eagerly", None)
    record.put("runtime.executing_eagerly", bool(eagerly()) if eagerly else None)
    # A library built with -ffast-math switches denormals off for the thread that loads it.
    half = float("0.5")
    record.put("runtime.denormals", "kept" if sys.float_info.min * half else "flushed")


def context_settings(world, record):
    """What was set through tf.config, from the attributes that hold it: the public getters list the devices first."""
    module = loaded(world, "tensorflow.python.eager.context")
    context = getattr(module, "_context", None)
    if context is not None and not hasattr(context, "_intra_op_parallelism_threads"):
        raise Unread("this TensorFlow keeps its settings elsewhere")
    base = getattr(context, "_config", None)
    for name in ("intra", "inter"):
        field = name + "_op_parallelism_threads"
        value = getattr(context, "_" + field, None)
        record.put("runtime.threads." + name, int(getattr(base, field, 0) if value is None else value))
    jit = getattr(context, "_optimizer_jit", None)
    record.facts["runtime.jit"] = "autoclustering" if jit else ""  # TensorFlow's own word for "no": ""
    soft = getattr(context, "_soft_device_placement", None)
    eagerly = record.facts.get("runtime.executing_eagerly", True)
    record.put("runtime.soft_placement", bool(eagerly if soft is None else soft))
    options = {"disable_model_pruning": False, "disable_meta_optimizer": False}
    options.update(getattr(context, "_optimizer_experimental_options", None) or {})
    record.put_all("runtime.grappler", {name: value for name, value in options.items() if value is not None})
    seed = getattr(context, "_seed", None)
    record.put("runtime.global_seed", seed if seed is None or isinstance(seed, int) else str(seed))
    record.put("runtime.synchronous", not getattr(context, "_default_is_async", False))


def listed_devices(world, record):
    module = loaded(world, "tensorflow.python.eager.context")
    if getattr(getattr(module, "_context", None), "_physical_devices", None) is None:
        if world.mode == "in-process":
            raise Unread("the program has not listed its devices yet; asking would load the GPU driver")
        if not (world.devices or no_gpu_can_be_touched(world)):
            raise Unread(WOULD_LOAD_DRIVER)
        loaded(world, "tensorflow").config.list_physical_devices()
    context = module._context
    for name, devices in (("physical", context._physical_devices), ("visible", context._visible_device_list)):
        plain = [getattr(device, "name", str(device)).replace("/physical_device:", "") for device in devices]
        record.put("runtime.%s_devices" % name, plain)


def no_gpu_can_be_touched(world):
    """True for a build without GPU code and plug-ins, and for a Linux machine without any GPU driver."""
    build = build_info(world)
    top = world.find("tensorflow/__init__.py")
    plugins = world.files.names(top[: -len("tensorflow/__init__.py")] + "tensorflow-plugins") if top else ()
    if not plugins and build.get("is_cuda_build") is False and not build.get("is_rocm_build"):
        return True
    return world.system == "Linux" and not any(world.host.has(path) for path in GPU_FILES)


RUNTIME_PARTS = (
    ("runtime.onednn", mapped_flags),
    ("runtime.executing_eagerly", python_flags),
    ("runtime.threads", context_settings),
    ("runtime.physical_devices", listed_devices),
)
# What else a part would have told, when it cannot.
ALSO_UNREAD = {
    "runtime.onednn": ("runtime.tf32", "runtime.threads.resolved") + LATCHING,
    "runtime.executing_eagerly": (
        "runtime.jit_compile_functions",
        "runtime.run_eagerly",
        "runtime.data_debug_mode",
        "runtime.numpy_promotion",
        "runtime.denormals",
    ),
    "runtime.threads": (
        "runtime.jit",
        "runtime.grappler",
        "runtime.soft_placement",
        "runtime.global_seed",
        "runtime.synchronous",
    ),
    "runtime.physical_devices": ("runtime.visible_devices",),
}


# ---------------------------------------------------------------------------------------------------------------------
# Children: whatever may crash, hang or print is done in one
# ---------------------------------------------------------------------------------------------------------------------


class ChildResult(object):
    """What a child answered; `failure` continues a sentence about what it was doing."""

    def __init__(self, answers=(), failure=None, chatter=""):
        self.answers, self.failure, self.chatter = answers, failure, chatter


def run_child(work, limit, system="Linux"):
    """Call work(emit) in a forked child with `limit` seconds; emit takes JSON values, which arrive one by one, so that
    a later crash does not take earlier answers along. Elsewhere than on Linux the work is done here."""
    if system != "Linux" or not hasattr(os, "fork"):
        return run_here(work)
    answers_in, answers_out = os.pipe()
    chatter_in, chatter_out = os.pipe()
    pid = quiet_fork()
    if pid == 0:
        become_child(work, answers_out, chatter_out)
    os.close(answers_out)
    os.close(chatter_out)
    texts = {answers_in: b"", chatter_in: b""}
    try:
        status = collect(pid, texts, time.monotonic() + limit)
    finally:
        kill_group(pid)
        os.close(answers_in)
        os.close(chatter_in)
    chatter = texts[chatter_in].decode("utf-8", "replace")
    answers, end = parse_answers(texts[answers_in])
    return ChildResult(answers, None if end == "" else failure_text(status, end, limit, chatter), chatter)


def run_here(work):
    answers, record = [], Record()
    failure = attempt(record, "child", work, answers.append)
    return ChildResult(answers, None if failure is None else "failed: " + record.unread["child"])


def quiet_fork():
    """Fork; newer Pythons warn when the program has threads, and a program may turn warnings into errors."""
    if "warnings" not in sys.modules:
        return os.fork()
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return os.fork()


def become_child(work, answers, chatter):
    """Never returns. Everything printed goes to `chatter`; only emit() reaches `answers`."""
    status = 70
    try:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(chatter, 1)
        os.dup2(chatter, 2)

        def say(kind, value):
            line = json.dumps([kind, value]).encode("ascii") + b"\n"
            while line:
                line = line[os.write(answers, line) :]

        record = Record()
        failure = attempt(record, "child", work, lambda value: say("answer", value))
        say("end", "" if failure is None else record.unread["child"])
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
    finally:
        os._exit(status & 255)


def collect(pid, texts, deadline):
    """Read both pipes until the child has ended -> its wait status, or None if it had to be stopped."""
    waiting = set(texts)
    while time.monotonic() < deadline:
        if drain(waiting, texts, 0.05):
            continue
        try:
            ended, status = os.waitpid(pid, os.WNOHANG)
        except OSError:  # the program ignores SIGCHLD: the system has collected the child
            ended, status = pid, 0
        if ended:
            # What it wrote between the last look and its end; a grandchild may still hold the pipes open.
            while drain(waiting, texts, 0) and time.monotonic() < deadline:
                pass
            return status
    return None


def drain(waiting, texts, patience):
    """Take what the pipes hold now, waiting at most `patience` seconds for something; False if nothing came."""
    import select

    if not waiting:
        time.sleep(patience / 5)
        return False
    ready = select.select(sorted(waiting), (), (), patience)[0]
    for pipe in ready:
        data = os.read(pipe, 1 << 16)
        texts[pipe] = (texts[pipe] + data)[-LARGE:]
        if not data:
            waiting.discard(pipe)
    return bool(ready)


def kill_group(pid):
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, 9)
        except OSError:
            continue
    try:
        os.waitpid(pid, 0)
    except OSError:
        pass


def parse_answers(data):
    """(answers, end): end is "" when the child finished, its reason when it gave up, None when it broke off."""
    answers, end = [], None
    for line in data.split(b"\n"):
        try:
            kind, value = json.loads(line.decode("ascii"))
        except ValueError:
            continue
        if kind == "answer":
            answers.append(value)
        else:
            end = value
    return answers, end


def failure_text(status, end, limit, chatter):
    """How a child failed; continues "importing TensorFlow ..."."""
    if end:
        return "failed: " + end
    if status is None:
        return "took longer than %g s and was stopped" % limit
    lines = [line.strip() for line in chatter.split("\n") if line.strip()]
    last = ": " + masked(lines[-1])[:200] if lines else ""
    if os.WIFSIGNALED(status):
        return "ended with signal %s%s" % (signal_name(os.WTERMSIG(status)), last)
    return "ended the process with status %d%s" % (os.WEXITSTATUS(status), last)


def signal_name(number):
    import signal

    try:
        return "%d (%s)" % (number, signal.Signals(number).name)
    except ValueError:
        return str(number)


def import_tensorflow(world):
    """The work of the full capture's child: import once, then run the sections that ask the imported modules."""
    keep_keras_from_writing(world)
    __import__("tensorflow")
    world.modules = sys.modules


CHILD_SECTIONS = (
    ("runtime", read_runtime),
    ("tensorflow", live_tensorflow),
    ("keras", read_keras),
    ("builds", read_builds),
    ("libraries", read_libraries),
)


def import_and_tell(world, emit):
    record = record_of(world)
    error = attempt(record, "runtime", import_tensorflow, world)
    if error is not None:
        absent = isinstance(error, ImportError) and getattr(error, "name", "") == "tensorflow"
        record.cannot("runtime", "TensorFlow is not installed" if absent else "importing TensorFlow failed")
        if absent:
            read_libraries(world, record)  # nothing is missing: this is what a program here maps
        else:
            record.cannot("libraries", record.unread["runtime"])
        record.put("tensorflow.import_error", None if absent else masked("%s: %s" % (type(error).__name__, error)))
        emit(told("runtime", record))
        return
    for name, function in CHILD_SECTIONS:
        record = record_of(world)
        run_section(name, function, world, record)
        emit(told(name, record))


def told(section, record):
    return {
        "section": section,
        "facts": record.facts,
        "unread": record.unread,
        "withheld": record.withheld,
        "digests": record.digests,
    }


def keep_keras_from_writing(world):
    """Importing Keras creates keras.json where there is none. In this child, which ends soon, creating anything in
    Keras's directory is refused, as on a read-only disk; Keras carries on. No variable is set, nothing is written."""
    import builtins

    homes = [world.env.get("KERAS_HOME"), os.path.join(world.home() or "~", ".keras"), "/tmp/.keras"]
    homes = tuple(os.path.abspath(os.path.expanduser(home)) for home in homes if home)
    real_mkdir, real_open = os.mkdir, builtins.open

    def refuse(path):
        place = os.path.abspath(path) if isinstance(path, str) else ""
        if any(place == home or place.startswith(home + os.sep) for home in homes):
            raise PermissionError(13, "the probe writes nothing", path)

    def guarded_mkdir(path, *arguments, **options):
        refuse(path)
        return real_mkdir(path, *arguments, **options)

    def guarded_open(file, mode="r", *arguments, **options):
        if set(mode) & set("wax+"):
            refuse(file)
        return real_open(file, mode, *arguments, **options)

    os.mkdir, builtins.open = guarded_mkdir, guarded_open


def full_capture(world, record):
    """Import TensorFlow in a child and take over what it tells."""
    result = run_import(world)
    done = set()
    for answer in result.answers:
        if isinstance(answer, dict) and "section" in answer:
            done.add(answer["section"])
            record.merge(answer)
    failure = "importing TensorFlow " + (result.failure or "told nothing")
    for name in ("runtime", "libraries"):
        seen = name in done or any(path.startswith(name + ".") for path in record.facts)
        if not seen and name not in record.unread:
            record.cannot(name, failure)
    if "runtime" not in done or record.unread.get("runtime"):
        reason = record.unread.get("runtime")
        static_runtime(world, record)
        record.cannot("runtime", reason)
    startup_lines(world, record, result.chatter)


def run_import(world):
    if world.system == "Linux":
        return run_child(lambda emit: import_and_tell(world, emit), world.time_limit)
    if "__file__" in globals() and os.path.isfile(__file__):
        return run_self(world)
    # Piped, and no fork: import here, with nothing to print to.
    sink = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(sink, number)
    return run_here(lambda emit: import_and_tell(world, emit))


def run_self(world):
    """Run this file again as the child (macOS, Windows)."""
    import subprocess

    command = [sys.executable, os.path.abspath(__file__), "--child"] + (["--devices"] if world.devices else [])
    command += ["--compare-key", world.key_file] if world.key_file else []
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        answers, chatter = child.communicate(timeout=world.time_limit)
    except subprocess.TimeoutExpired:
        child.kill()
        answers, chatter = child.communicate()
        return ChildResult(parse_answers(answers)[0], "took longer than %g s and was stopped" % world.time_limit)
    chatter = chatter.decode("utf-8", "replace")
    parsed, end = parse_answers(answers)
    if end == "":
        return ChildResult(parsed, None, chatter)
    code = child.returncode
    ended = "ended with signal %s" % signal_name(-code) if code < 0 else "ended the process with status %d" % code
    return ChildResult(parsed, "failed: " + end if end else ended, chatter)


def child_main(options):
    """What run_self() starts: answers on the real stdout, everything printed on stderr."""
    answers = os.dup(1)
    os.dup2(2, 1)
    world = World("full", devices=options["devices"], key=optional_key(options["compare_key"]))

    def say(kind, value):
        os.write(answers, json.dumps([kind, value]).encode("ascii") + b"\n")

    import_and_tell(world, lambda value: say("answer", value))
    say("end", "")


def startup_lines(world, record, chatter):
    """The start-up log names the CPU features that TensorFlow's general code was not compiled for."""
    found = re.search(r"To enable the following instructions: ([\w. ]+), in other operations", chatter)
    level = world.env.get("TF_CPP_MIN_LOG_LEVEL", "0")
    if found:
        record.put("tensorflow.not_compiled_in", sorted(found.group(1).split()))
    elif level not in ("", "0"):
        record.cannot("tensorflow.not_compiled_in", "TF_CPP_MIN_LOG_LEVEL=%s silences the line that tells it" % level)


# ---------------------------------------------------------------------------------------------------------------------
# Another process, through /proc
# ---------------------------------------------------------------------------------------------------------------------


class Refused(dict):
    """An environment that could not be read: whoever asks it learns why."""

    def __init__(self, reason):
        dict.__init__(self)
        self.reason = reason

    def get(self, _name, _default=None):
        raise Unread(self.reason)

    __getitem__ = __contains__ = get

    def __iter__(self):
        raise Unread(self.reason)


class Closed(Files):
    """A root that may not be entered."""

    def __init__(self, root, reason):
        Files.__init__(self, root)
        self.reason = reason

    def locate(self, _path):
        raise Unread(self.reason)

    def names(self, _path):
        raise Unread(self.reason)

    has = target = names


class ProcessMachine(Machine):
    """The machine on which a process, not this interpreter, is described."""

    system = "Linux"

    def libc(self):
        return ""


def world_of_process(pid, root="/proc", machine=None, extra_env=(), key=None):
    proc = "%s/%d" % (root.rstrip("/"), pid)
    host = Files()
    if not os.path.isdir(proc):
        raise Gone("there is no process %d" % pid)
    ticks = started_ticks(host, proc)
    try:
        env = parse_environment(host.text(proc + "/environ", 1 << 22))
    except OSError as error:
        env = Refused(process_reason(error, proc))
    try:
        os.listdir(proc + "/root/")
        files = Files(proc + "/root")
    except OSError as error:
        files = Closed(proc + "/root", process_reason(error, proc))
    world = World("proc", machine or ProcessMachine(), files, host, proc, env, [], None, extra_env=extra_env, key=key)
    world.ticks = ticks
    return world


def process_reason(error, proc):
    """Why something below /proc/N could not be read."""
    return reason_of(error) if os.path.isdir(proc) and not isinstance(error, ProcessLookupError) else ENDED


def process_state(host, proc):
    return host.text_or(proc + "/stat").rpartition(")")[2].strip()[:1]


def started_ticks(host, proc):
    """When the process started, in clock ticks after boot; with the number it identifies a process."""
    fields = host.text_or(proc + "/stat").rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 and re.match(r"[0-9]{1,20}\Z", fields[19]) else None


def parse_environment(text):
    pairs = (entry.partition("=") for entry in text.split("\0"))
    return {name: value for name, equals, value in pairs if equals and name}


class Interpreter(object):
    """What can be seen of a process's Python: executable, version, module path. Raises Unread if it runs none."""

    def __init__(self, world):
        self.world = world
        self.executable = os.readlink(world.proc + "/exe") if os.path.islink(world.proc + "/exe") else ""
        if self.executable.startswith(world.files.root + "/") and world.files.root:
            self.executable = self.executable[len(world.files.root) :]
        self.maps = world.maps()
        said = " ".join([self.executable] + self.maps)
        found = re.search(r"(?:lib)?python(\d\.\d+)[tmd]*(?=[\s/.]|$)", said)
        if not found:
            raise Unread("its executable is no Python (%s)" % (os.path.basename(self.executable) or "unknown"))
        self.minor = found.group(1)
        self.home = self.virtual_environment()
        self.base = re.sub(r"/bin/[^/]*$", "", self.executable)

    def virtual_environment(self):
        """The venv that the command line or VIRTUAL_ENV names, if it is one of this interpreter."""
        words = self.world.host.text(self.world.proc + "/cmdline").split("\0")
        places = [words[0].rpartition("/bin/")[0]] if "/bin/" in words[0] else []
        places.append(optional(self.world.env, "VIRTUAL_ENV"))
        places += [path.partition("/lib/python")[0] for path in self.maps if "/site-packages/" in path]
        for place in places:
            if place.startswith("/") and self.world.files.has(place + "/pyvenv.cfg"):
                return place
        return ""

    def version(self):
        """The full version: from the strings of the executable or libpython, from its header, from pyvenv.cfg."""
        digits = re.escape(self.minor) + r"\.\d+(?:(?:a|b|rc)\d+)?"
        pattern = re.compile(r"\0(".encode() + digits.encode() + r")\+?\0".encode())
        libraries = [path for path in self.maps if re.search(r"/libpython\d[\w.]*\.so", path)]
        for path in libraries + [self.executable]:
            try:
                found = pattern.search(self.world.files.read(path, LARGE))
            except OSError:
                continue
            if found:
                return found.group(1).decode()
        header = self.world.files.text_or("%s/include/python%s/patchlevel.h" % (self.base, self.minor))
        config = self.world.files.text_or(self.home + "/pyvenv.cfg") if self.home else ""
        found = re.search(r'PY_VERSION\s+"(%s)' % digits, header) or re.search(
            r"version\w*\s*=\s*(%s)" % digits, config
        )
        return found.group(1) if found else self.minor

    def path(self):
        """Directories that hold packages, in the order of import."""
        folder = "python" + self.minor
        config = self.world.files.text_or(self.home + "/pyvenv.cfg") if self.home else ""
        entries = [place for place in optional(self.world.env, "PYTHONPATH").split(":") if place.startswith("/")]
        if self.home:
            entries += [self.home + "/%s/%s/site-packages" % (lib, folder) for lib in ("lib", "lib64")]
        if not self.home or re.search(r"include-system-site-packages\s*=\s*true", config):
            entries += self.system_path(folder)
        mapped = [re.match(r".*?/(?:site|dist)-packages(?=/)", path) for path in self.maps if "-packages/" in path]
        entries += [found.group(0) for found in mapped if found]
        known = [place for place in dict.fromkeys(entries) if self.world.files.names(place)]
        return known + [extra for place in known for extra in self.path_files(place)]

    def system_path(self, folder):
        home = optional(self.world.env, "HOME")
        places = ["%s/.local/lib/%s/site-packages" % (home, folder)] if home else []
        for prefix in dict.fromkeys([self.base, "/usr/local", "/usr"]):
            places += [prefix + "/%s/%s/site-packages" % (lib, folder) for lib in ("lib", "lib64")]
            places += [prefix + "/lib/%s/dist-packages" % folder, prefix + "/lib/python3/dist-packages"]
        return places

    def path_files(self, place):
        """Directories that .pth files add (editable installs)."""
        for name in self.world.files.names(place):
            if name.endswith(".pth"):
                for line in self.world.files.text_or(place + "/" + name).split("\n"):
                    if line.startswith("/") and self.world.files.names(line.strip()):
                        yield line.strip()


def optional(env, name):
    """A variable that only helps: an unreadable environment counts as one without it."""
    try:
        return env.get(name) or ""
    except Unread:
        return ""


def read_python_of_process(world, record):
    python = Interpreter(world)
    world.path = python.path()
    record.put("python.version", python.version())
    record.put("python.executable", python.executable)
    record.put("python.prefix", python.home or python.base)
    record.put("python.venv", bool(python.home))
    seed = world.env.get("PYTHONHASHSEED")
    record.put("python.hash_randomization", seed != "0")
    record.put("python.bits", elf_bits(world, python.executable))
    attempt(record, "python.commits", read_commits, world, record)


def read_commits(world, record):
    words = world.host.text(world.proc + "/cmdline").split("\0")
    script = "" if words[1:2] in (["-m"], ["-c"]) else ([word for word in words[1:] if word[:1] != "-"] + [""])[0]
    folder = os.readlink(world.proc + "/cwd")
    if world.files.root and folder.startswith(world.files.root + "/"):
        folder = folder[len(world.files.root) :]
    places = [os.path.join(folder, os.path.dirname(script)), folder] + world.path
    record.put("python.commits", commits_of(world.files, places))


def elf_bits(world, path):
    return {b"\1": 32, b"\2": 64}.get(world.files.read(path, 64)[4:5])


LIMITS = (
    ("Max stack size", "stack"),
    ("Max address space", "address_space"),
    ("Max data size", "data"),
    ("Max resident set", "resident_set"),
    ("Max processes", "processes"),
    ("Max open files", "open_files"),
    ("Max locked memory", "locked_memory"),
    ("Max cpu time", "cpu_time"),
)


def read_process(world, record):
    if world.mode not in ("proc", "in-process"):
        return
    if world.system != "Linux":
        record.put_command("process.command", sys.argv)
        return
    read_command(world, record)
    host, proc = world.host, world.proc
    attempt(record, "process.executable", lambda: record.put("process.executable", os.readlink(proc + "/exe")))
    threads = re.search(r"^Threads:\s*(\d+)", host.text(proc + "/status"), re.M)
    record.put("process.threads", int(threads.group(1)) if threads else None)
    cpus = re.search(r"^Cpus_allowed_list:\s*(\S+)", host.text(proc + "/status"), re.M)
    record.put("process.cpus_allowed", cpus.group(1) if cpus else None)
    attempt(record, "process.limits", read_limits, world, record)
    cpuset = re.search(r"^\d+:(?:[\w,]{0,200},)?cpuset(?:,[\w,]{0,200})?:(.*)$", host.text_or(proc + "/cgroup"), re.M)
    record.put("process.cgroup_cpuset", cpuset.group(1) if cpuset else None)
    attempt(record, "process.started", lambda: record.put("process.started", started(world)))


def read_command(world, record):
    words = world.host.text(world.proc + "/cmdline", 1 << 21).split("\0")
    record.put_command("process.command", words[:-1] if words[-1:] == [""] else words)


def read_limits(world, record):
    for line in world.host.text(world.proc + "/limits").split("\n"):
        for title, name in LIMITS:
            if line.startswith(title):
                soft = line[len(title) :].split()[0]
                record.put("process.limits." + name, int(soft) if soft.isdigit() else soft)


def started(world):
    ticks = started_ticks(world.host, world.proc)
    boot = re.search(r"^btime (\d+)", world.host.text(os.path.dirname(world.proc) + "/stat"), re.M)
    if ticks is None or not boot:
        raise Unread("its start time is not told")
    return iso_time(int(boot.group(1)) + ticks / float(os.sysconf("SC_CLK_TCK")))


# ---------------------------------------------------------------------------------------------------------------------
# Putting it together
# ---------------------------------------------------------------------------------------------------------------------

# name, how to read it of this interpreter, how of another process. The order is that of the reading: the module path
# of a process is found by its python section.
SECTIONS = (
    ("env", read_env, read_env),
    ("python", read_python, read_python_of_process),
    ("os", read_os, read_os),
    ("cpu", read_cpu, read_cpu),
    ("gpu", read_gpu, read_gpu),
    ("packages", read_packages, read_packages),
    ("conda", read_conda, read_conda),
    ("cuda", read_cuda, read_cuda),
    ("tensorflow", read_tensorflow, read_tensorflow),
    ("keras", read_keras, read_keras),
    ("builds", read_builds, read_builds),
    ("process", read_process, read_process),
    ("container", read_container, read_container),
    ("libraries", read_libraries, read_libraries),
    ("runtime", read_runtime, read_runtime),
)
# Told by the child of a full capture.
IN_CHILD = ("libraries", "runtime")


def run_section(name, function, world, record):
    """One section; a part of it that failed may leave others of its facts unknown too."""
    attempt(record, name, function, world, record)
    for part in [part for part in ALSO_UNREAD if part in record.unread]:
        for path in ALSO_UNREAD[part]:
            if path not in record.facts:
                record.unread.setdefault(path, record.unread[part])


def record_of(world):
    """An empty record that knows whose directories the subject's are."""
    home = optional(world.env, "HOME") or optional(world.env, "USERPROFILE")
    user = optional(world.env, "USER") or optional(world.env, "LOGNAME") or optional(world.env, "USERNAME")
    return Record(home, user, world.key, secrets_in(world.env))


def secrets_in(env):
    """Values of the variables whose names say that they are secrets."""
    try:
        return [visible(env[name]) for name in env if names_a_secret(name, env[name])]
    except Unread:
        return []


def gather(world):
    """Run every section -> Record."""
    record = record_of(world)
    for name, own, other in SECTIONS:
        if world.mode == "full" and name in IN_CHILD:
            continue
        before = dict(record.facts)
        run_section(name, own if world.live else other, world, record)
        if not world.live and not still_runs(world):
            # What was read of a process that has ended looks empty, not unread.
            record.facts = before
            record.unread = {path: why for path, why in record.unread.items() if not path.startswith(name + ".")}
            record.cannot(name, ENDED)
        if name == "python" and not world.path:
            world.no_path = record.unread.get("python", world.no_path)
    if world.mode == "full":
        attempt(record, "runtime", full_capture, world, record)
    say_what_only_imports_tell(record)
    return record


# Told by an imported module alone: path, the fact that says that there is one, why it is missing if nothing else says.
LIVE_ONLY = (
    ("tensorflow.compiler", "tensorflow.version", "told by the imported TensorFlow"),
    ("tensorflow.git_version", "tensorflow.version", "told by the imported TensorFlow"),
    ("tensorflow.not_compiled_in", "tensorflow.version", "told by TensorFlow's start-up log"),
    ("builds.numpy.simd_found", "builds.numpy.blas", "told by the imported NumPy"),
    ("builds.opencv.libjpeg", "builds.opencv.variant", "told by a program that has imported cv2"),
)


def say_what_only_imports_tell(record):
    """Without an import these are not absent: nobody asked. Two captures of different depth must not seem to differ."""
    for path, sign, otherwise in LIVE_ONLY:
        if sign in record.facts and path not in record.facts:
            record.unread.setdefault(path, record.unread.get("runtime", otherwise))


def still_runs(world):
    """False once the process has ended, waits to be collected, or another one has got its number."""
    ticks = started_ticks(world.host, world.proc)
    return ticks is not None and ticks == world.ticks and process_state(world.host, world.proc) not in ("Z", "X")


def document(record, subject, mode):
    made = {
        "schema": SCHEMA,
        "subject": subject,
        "captured_at": iso_time(time.time()),
        "probe": {"version": VERSION, "mode": mode},
        "facts": {path: record.facts[path] for path in sorted(record.facts)},
        "unread": {path: record.unread[path] for path in sorted(record.unread)},
        "withheld": {path: sorted(record.withheld[path]) for path in sorted(record.withheld)},
    }
    if record.key:
        digests = {path: record.digests[path] for path in sorted(record.digests)}
        made["compare_key"] = {"id": key_id(record.key), "digests": digests}
    return made


def iso_time(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def subject_of(label, otherwise, kind, reached_by):
    label = visible(label or otherwise)
    return {"label": "(withheld)" if withhold("", label) else label, "kind": kind, "reached_by": reached_by}


def fingerprint(static=False, label=None, env=(), machine=None, compare_key=None):
    """What the program that calls this really runs with -> the document as a dict. Imports no TensorFlow: what the
    program has not imported is unread. `static` leaves the flags inside the running TensorFlow out. `compare_key` is
    the path of a key file."""
    modules = None if static else sys.modules
    key = optional_key(compare_key)
    world = World("static" if static else "in-process", machine, modules=modules, extra_env=env, key=key)
    name = os.path.basename(sys.argv[0] if sys.argv and sys.argv[0] else "") or "program"
    return document(gather(world), subject_of(label, name, "program", "import"), world.mode)


def fingerprint_of_process(pid, root="/proc", label=None, env=(), machine=None, key=None):
    """What process `pid` runs with, read below `root`, without touching it. Raises Gone if there is no such process."""
    world = world_of_process(pid, root, machine, env, key)
    record = gather(world)
    return document(record, subject_of(label, "process %d" % pid, "process", "proc"), "proc")


def fingerprint_of_interpreter(static, label=None, env=(), devices=False, time_limit=120.0, piped=False, key_file=None):
    """What the interpreter that runs this script would run a program with."""
    key = optional_key(key_file)
    world = World("static" if static else "full", devices=devices, time_limit=time_limit, extra_env=env, key=key)
    world.key_file = key_file
    name = "python %d.%d.%d" % sys.version_info[:3]
    return document(gather(world), subject_of(label, name, "interpreter", "piped" if piped else "run"), world.mode)


def as_json(fingerprint_, indent=None):
    return json.dumps(fingerprint_, indent=indent, allow_nan=False) + "\n"


def write(path, label=None, static=False, env=(), compare_key=None):
    """Write this program's fingerprint to `path`, whole or not at all: an old file stays until the new is complete."""
    text = as_json(fingerprint(static=static, label=label, env=env, compare_key=compare_key), 2).encode("ascii")
    partial = "%s.%d.partial" % (path, os.getpid())
    try:
        with open(partial, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        if os.path.exists(partial):
            os.remove(partial)
        raise


class Misuse(Exception):
    """The command line cannot be understood."""


def parse_arguments(words):
    """The command line as a dict. Own parser: argparse costs a tenth of the whole static capture."""
    options = {
        "static": False,
        "label": None,
        "pid": None,
        "env": [],
        "devices": False,
        "time_limit": 120.0,
        "indent": False,
        "help": False,
        "child": False,
        "compare_key": None,
    }
    converters = {"label": str, "pid": int, "time_limit": float, "compare_key": str}
    waiting = list(words)
    while waiting:
        word, equals, value = waiting.pop(0).partition("=")
        name = {"-h": "help"}.get(word) or word[2:].replace("-", "_")
        if name not in options or not word.startswith("-"):
            raise Misuse("unknown argument: %s" % word)
        if name == "env":
            options["env"] += value.split(",") if equals else take_names(waiting)
        elif name in converters:
            if not equals and not waiting:
                raise Misuse("%s needs a value" % word)
            options[name] = converted(converters[name], value if equals else waiting.pop(0))
            if options[name] is None:
                raise Misuse("%s needs a number" % word)
        else:
            options[name] = True
    return options


def converted(converter, text):
    try:
        return converter(text)
    except ValueError:
        return None


def take_names(waiting):
    names = []
    while waiting and not waiting[0].startswith("-"):
        names.append(waiting.pop(0))
    if not names:
        raise Misuse("--env needs the name of a variable")
    return names


def capture(options):
    if options["pid"] is not None:
        if Machine.system != "Linux":
            raise Gone("another process can be read on Linux only: it needs /proc")
        key = optional_key(options["compare_key"])
        return fingerprint_of_process(options["pid"], label=options["label"], env=options["env"], key=key)
    piped = not ("__file__" in globals() and os.path.isfile(__file__))
    return fingerprint_of_interpreter(
        options["static"],
        options["label"],
        options["env"],
        options["devices"],
        options["time_limit"],
        piped,
        options["compare_key"],
    )


def main(words):
    """Exit status: 0 written; 2 misused; 4 no such process, or the document could not be written."""
    sys.dont_write_bytecode = True
    try:
        options = parse_arguments(words)
        if options["help"]:
            sys.stdout.write(USAGE)
            return 0
        if options["child"]:
            child_main(options)
            return 0
        answers = os.dup(1)  # the piped, forkless import points 1 elsewhere
        text = as_json(capture(options), 2 if options["indent"] else None)
        with os.fdopen(answers, "wb") as stdout:
            stdout.write(text.encode("ascii"))
    except Misuse as error:
        sys.stderr.write("envprobe: %s\n%s" % (masked(str(error)), USAGE))
        return 2
    except (Gone, OSError) as error:
        sys.stderr.write("envprobe: %s\n" % masked(reason_of(error)))
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
