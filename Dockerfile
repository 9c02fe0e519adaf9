# syntax=docker/dockerfile:1
# Builds on amd64 and arm64: the compiler options come from requirements.txt and are portable.

FROM python:3.11-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ make cmake \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV VENV=/opt/venv
COPY requirements.txt requirements-telemetry.txt constraints.txt ./
COPY scripts/lib.sh scripts/install scripts/
# requirements-telemetry.txt: with what traces and reports of errors need.
ARG REQUIREMENTS=requirements.txt
RUN scripts/install
COPY . .
ENV PATH=/opt/venv/bin:$PATH
# The models that LLM_NAME and LLM_MODELS name become part of the image, so that a container starts without a
# network.
ARG LLM_NAME=smollm2-135m
ARG LLM_MODELS=
RUN scripts/bake

FROM python:3.11-slim-bookworm
# llama.cpp computes with OpenMP.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin gateway \
 && install -d -o gateway -g gateway /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
ARG LLM_NAME=smollm2-135m
ARG LLM_MODELS=
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    VENV=/opt/venv \
    BIND=0.0.0.0 \
    PORT=8080 \
    DATA_DIR=/data \
    STATIC_ROOT=/app/static \
    LLM_MODELS_DIR=/app/models \
    LLM_NAME=${LLM_NAME} \
    LLM_MODELS=${LLM_MODELS}
USER gateway
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
CMD ["scripts/serve"]
