# The bot in a container.   docker build -t dreambot .                             (CPU)
#                           docker build -t dreambot --build-arg DEVICE=gpu .      (NVIDIA, CUDA 12 from TensorFlow's own wheels)
# Its database and pictures live in the volume /data; the token comes from DISCORD_TOKEN or a mounted file.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ARG DEVICE=cpu
WORKDIR /src
RUN python -m venv /venv
COPY requirements/${DEVICE}.txt requirements.txt
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY bot bot
COPY config config
COPY dream dream
RUN /venv/bin/pip install --no-cache-dir --no-deps .

FROM python:${PYTHON}-slim
RUN useradd --system --uid 10001 --home-dir /data dreambot && install -d -m 700 -o dreambot /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH DREAMBOT_DATA=/data PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=3
USER dreambot
VOLUME /data
STOPSIGNAL SIGTERM
ENTRYPOINT ["dreambot"]
CMD ["run"]
