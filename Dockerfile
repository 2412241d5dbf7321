# The bot in a container.   docker build -t dreambot .                             (CPU)
#                           docker build -t dreambot --build-arg DEVICE=gpu .      (NVIDIA, CUDA 12 from TensorFlow's own wheels)
# Its database and pictures live in the volume /data, and nothing else of it is written to but /tmp. The token
# comes from DISCORD_TOKEN, or from the file that DREAMBOT_DISCORD__TOKEN_FILE names. compose.yaml uses it.
# A build has no git: tell it the version with --build-arg VERSION=0.1.0+g$(git rev-parse --short HEAD).
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ARG DEVICE=cpu
ARG VERSION=0.1.0
WORKDIR /src
RUN python -m venv --without-pip /venv
COPY requirements/${DEVICE}.txt requirements.txt
# TensorFlow's C++ headers, and libclang, which it asks for and never loads, are a sixth of what is installed.
RUN pip --python /venv install --no-cache-dir --require-hashes -r requirements.txt \
    && rm -r /venv/lib/python3*/site-packages/tensorflow/include /venv/lib/python3*/site-packages/clang
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY bot bot
COPY config config
COPY dream dream
RUN SETUPTOOLS_SCM_PRETEND_VERSION=${VERSION} pip --python /venv install --no-cache-dir --no-deps .

FROM python:${PYTHON}-slim
RUN useradd --system --uid 10001 --home-dir /data dreambot && install -d -m 700 -o dreambot /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH DREAMBOT_DATA=/data KERAS_HOME=/data/keras PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=3
USER dreambot
VOLUME /data
STOPSIGNAL SIGTERM
# Whether the bot's event loop runs; /readyz says more. The scheduler and workers have none.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:9464/healthz', timeout=5)"]
ENTRYPOINT ["dreambot"]
CMD ["run"]
